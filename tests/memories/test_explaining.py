"""Why a memory was found: what the words say must be what ranking computed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.curating import confirm_memory
from memories.explaining import explained, words_of
from memories.models import EmbeddingSpace
from memories.search import search
from memories.snippets import marked


def hits(caller, query, **options):
    answer = search(caller, query, max_tokens=100_000, **options)
    return [explained(query, result, has_meaning=not answer.degraded) for result in answer.results]


def met(pieces):
    return [piece.text for piece in pieces if piece.is_met]


def test_words_that_stand_in_it_are_told_apart_from_those_that_do_not(collaborator, app, save):
    save(collaborator, app, "Payments retry", "The webhook of payments is retried (three times).", tags=["billing"])
    (hit,) = hits(collaborator.caller, "why are the payment webhooks, billing and invoices retried?")
    assert (hit.why.met, hit.why.missing) == (["payment", "webhooks", "billing", "retried"], ["invoices"])
    assert met(hit.title) == ["Payments", "retry"]
    assert met(hit.snippet) == ["webhook", "payments", "retried"]
    assert "".join(piece.text for piece in hit.snippet) == hit.result.snippet


def test_without_an_embedder_nothing_is_told_about_meaning(collaborator, app, save):
    EmbeddingSpace.objects.all().delete()
    save(collaborator, app, "Payments", "The webhook of payments.")
    (hit,) = hits(collaborator.caller, "webhook")
    assert (hit.why.meaning, hit.why.meaning_words, hit.why.support) == (None, "", [])


def test_meaning_is_told_in_a_word_that_falls_with_the_share(collaborator, app, save, embed_all):
    save(collaborator, app, "Cars", "The automobile broke down on the motorway and had to be towed.")
    save(collaborator, app, "Taxes", "The declaration is due at the end of July.")
    embed_all()
    near, far = hits(collaborator.caller, "The automobile broke down on the motorway and had to be towed.")
    assert near.result.memory.title == "Cars"
    assert near.why.meaning > far.why.meaning
    assert near.why.meaning_words in ("close", "very close")
    assert far.why.meaning_words in ("far", "related")
    assert far.why.met == []


def test_what_confidence_and_use_cost_is_what_the_score_lost(collaborator, app, save):
    memory = save(collaborator, app, "Payments", "The webhook of payments.", confidence=0.5)
    (hit,) = hits(collaborator.caller, "webhook")
    parts = hit.result.parts
    kept = (1 - hit.why.confidence_costs) * (1 - hit.why.use_costs)
    assert hit.why.score == pytest.approx(parts["relevance"] * kept)
    assert hit.why.confidence_costs == pytest.approx(0.1, abs=1e-4)
    assert (hit.why.use_costs, hit.why.reads) == (0.05, 0)
    confirm_memory(collaborator.caller, memory)


def test_a_neighbour_that_lifts_it_is_named(collaborator, app, save, embed_all):
    save(collaborator, app, "Turn 1", "Ana: did the automobile break down on the motorway?", source_file="talk")
    save(collaborator, app, "Turn 2", "The declaration of taxes is due at the end of July.", source_file="talk")
    embed_all()
    found = {
        hit.result.memory.title: hit.why.support
        for hit in hits(collaborator.caller, "did the automobile break down on the motorway?")
    }
    assert found["Turn 1"] == []
    assert found["Turn 2"] == [
        "A memory saved next to it from the same source is closer in meaning and lifts it.",
        "Memories of the same source hold words of the question and lift it.",
    ]


def test_each_word_of_a_query_is_named_once_and_stop_words_never():
    assert words_of("the Cache, cache and the CACHE of caches", frozenset(["cach"])) == (
        ["Cache", "cache", "CACHE", "caches"],
        [],
    )
    assert words_of("what is it", frozenset()) == ([], ["what", "is", "it"])
    assert words_of("x" * 5_000, frozenset())[1] in (["x" * 39 + "…"], ["x" * 39 + "…", "x" * 39 + "…"])


@given(st.text(max_size=300), st.text(max_size=100))
def test_marking_keeps_every_character_of_any_text(text, query):
    from memories.ranking import Query

    assert "".join(piece.text for piece in marked(text, Query.of(query).terms)) == text


def test_marks_leave_punctuation_outside_and_markup_as_it_is():
    pieces = marked("(<b>cache</b>), “cache”! 🚀", ["cach", "🚀"])
    assert met(pieces) == ["cache", "cache", "🚀"]
