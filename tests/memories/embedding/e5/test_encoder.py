"""Texts to vectors: the same as the wheel's own engine makes, by another way."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from memories.embedding.e5 import encoder as loading

TEXTS = {
    "question": "how do we rotate a token when a developer leaves?",
    "one letter": "x",
    "nothing": "",
    "code": "def total(items: list[int]) -> int:\n    return sum(item ** 2 for item in items)\n",
    "spanish": "¿Cómo se despliega el portal en un servidor propio?",
    "chinese": "我们决定使用数据库来保存所有的会话。",
    "hindi": "हिन्दी भाषा में लिखा हुआ पाठ।",
    "more than two windows": "The team decided to keep one row for each passage of a memory. " * 90,
}
# The engine rounds weights to 4 bits in blocks, the network once more to 7; both round activations to 8.
ALIKE = 0.997


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
@pytest.mark.parametrize("is_query", [True, False], ids=["query", "passage"])
def test_the_wheels_engine_makes_the_same_vector(encoder, engine, text, is_query):
    vector = encoder.vector(("query: " if is_query else "passage: ") + text)
    assert vector.shape == (384,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)
    assert vector @ engine.encode(text, is_query=is_query) > ALIKE


def test_threads_that_need_it_at_once_load_one(encoder):
    loading._loaded.cache_clear()
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: loading.encoder(), range(4)))
    assert len(set(map(id, made))) == 1


def test_a_long_text_is_the_average_of_its_windows_by_their_tokens(encoder):
    text = "passage: " + TEXTS["more than two windows"]
    content = encoder._tokenizer.content(text)
    assert len(content) > 2 * 510
    total = sum(
        len(window) * encoder._meaning(window)
        for window in (content[start : start + 510] for start in range(0, len(content), 510))
    )
    np.testing.assert_allclose(encoder.vector(text), total / np.linalg.norm(total), atol=1e-5)


def test_threads_that_ask_at_once_get_what_each_gets_alone(encoder):
    texts = [f"query: {words}" for words in TEXTS.values()] * 4
    alone = [encoder.vector(text) for text in texts]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(encoder.vector, texts))
    np.testing.assert_allclose(together, alone, atol=1e-5)
