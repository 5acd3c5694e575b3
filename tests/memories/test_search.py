"""Search: both legs, bounds, odd input, degraded answers, scores and budget."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access.errors import Invalid
from access.models import Project
from memories import search as searching
from memories.curating import archive_memory
from memories.deleting import delete_memory
from memories.embedding.spaces import embedder_of, start_reembedding
from memories.models import EmbeddingSpace, Memory
from memories.search import SHOWN_FIELDS, search


def titles(answer):
    return [result.memory.title for result in answer.results]


def test_a_save_is_found_by_keyword_at_once(collaborator, app, save):
    save(collaborator, app, "Queue choice", "We picked Valkey because it is free software.")
    save(collaborator, app, "Lunch", "The canteen closes at two.")
    assert titles(search(collaborator.caller, "valkey")) == ["Queue choice"]


def test_a_save_is_found_by_meaning_once_embedded(collaborator, app, save, embed_all):
    save(collaborator, app, "Cars", "The automobile broke down on the motorway and had to be towed.")
    save(collaborator, app, "Cake", "Mix flour, sugar and eggs, then bake for an hour.")
    save(collaborator, app, "Taxes", "The declaration is due at the end of July.")
    assert embed_all() == 3
    assert titles(search(collaborator.caller, "vehicle trouble"))[0] == "Cars"
    assert titles(search(collaborator.caller, "Wie backe ich einen Kuchen?"))[0] == "Cake"


def test_a_memory_of_many_passages_is_found_once(collaborator, app, save, embed_all):
    """Also when no word of the question stands anywhere, so that meaning alone answers."""
    long = " ".join(
        f"The automobile number {number} broke down on the motorway and had to be towed." for number in range(8)
    )
    save(collaborator, app, "Cars", long)
    embed_all()
    assert Memory.objects.get().vectors.count() > 3
    assert titles(search(collaborator.caller, "vehicle trouble")) == ["Cars"]
    assert titles(search(collaborator.caller, "motorway automobile")) == ["Cars"]


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("get_user_id", "Identifiers"),
        ("getUserId", "Identifiers"),
        ("HTTP2Client", "Client"),
        ("--no-verify", "Flag"),
        ("what's the 'quoted' thing?", "Quotes"),
        ("🚀", "Emoji"),
        ("数据库迁移", "Chinese"),
        ("миграции", "Russian"),
        ("überprüfen", "German"),
        ("C++", "Language"),
        ("tests/api/test_views.py", "Path"),
    ],
)
def test_code_quotes_languages_and_emoji_are_ordinary_input(collaborator, app, save, query, title):
    for name, text in {
        "Identifiers": "call get_user_id() before saving",
        "Client": "the HTTP2Client leaks sockets",
        "Flag": "never commit with --no-verify",
        "Quotes": "the 'quoted' thing is what's wanted",
        "Emoji": "deploy done 🚀",
        "Chinese": "昨天完成了数据库迁移工作",
        "Russian": "план миграций на пятницу",
        "German": "Die Rechnung vor dem Versand überprüfen",
        "Language": "the engine is written in C++",
        "Path": "see tests/api/test_views.py for examples",
    }.items():
        save(collaborator, app, name, text)
    assert titles(search(collaborator.caller, query))[0] == title


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(min_size=1, max_size=200))
def test_no_query_is_an_error(collaborator, query):
    if query.strip():
        search(collaborator.caller, query)


def test_blank_and_endless_queries_are_refused(collaborator):
    with pytest.raises(Invalid, match="query is required"):
        search(collaborator.caller, "  ")
    with pytest.raises(Invalid, match="The query has 10001 characters"):
        search(collaborator.caller, "x" * 10_001)


def test_an_edit_takes_old_words_away(collaborator, app, save, embed_all):
    save(collaborator, app, "Animal", "a zebra")
    embed_all()
    save(collaborator, app, "Animal", "a giraffe")
    assert [result.snippet for result in search(collaborator.caller, "zebra").results] == []
    assert [result.snippet for result in search(collaborator.caller, "giraffe").results] == ["a giraffe"]


def test_nothing_out_of_scope_is_found_or_counted(owner, collaborator, stranger, app, secret_project, save, embed_all):
    save(owner, app, "Ours", "payments retry three times")
    save(owner, secret_project, "Theirs", "payments retry five times")
    embed_all()
    for person, seen in [(owner, ["Ours", "Theirs"]), (collaborator, ["Ours"]), (stranger, ["Theirs"])]:
        answer = search(person.caller, "payments retry")
        assert (sorted(titles(answer)), answer.total) == (seen, len(seen))
    assert titles(search(collaborator.caller, "payments", project_ids=[secret_project.pk])) == []


def test_what_is_out_of_scope_does_not_change_a_score(owner, collaborator, app, secret_project, save):
    save(owner, app, "Ours", "payments retry three times")
    save(owner, app, "Other", "payments are late")
    before = [(result.memory.title, result.score) for result in search(collaborator.caller, "payments retry").results]
    for number in range(20):
        save(owner, secret_project, f"Theirs {number}", "payments retry retry retry")
    after = [(result.memory.title, result.score) for result in search(collaborator.caller, "payments retry").results]
    assert [title for title, _ in before] == [title for title, _ in after]
    assert [score for _, score in after] == pytest.approx([score for _, score in before], abs=1e-6)


def test_filters(collaborator, app, save, embed_all):
    save(collaborator, app, "A", "shared words", memory_type="decision", tags=["x", "y"], module="billing")
    save(collaborator, app, "B", "shared words", memory_type="error", tags=["y"], module="login")
    embed_all()
    caller = collaborator.caller

    def found(**filters):
        return sorted(titles(search(caller, "shared words", **filters)))

    now = timezone.now()
    assert found() == ["A", "B"]
    assert found(memory_types=["decision"]) == ["A"]
    assert found(memory_types=["decision", "error"]) == ["A", "B"]
    assert found(tags=["y"]) == ["A", "B"]
    assert found(tags=["x", "y"]) == ["A"]
    assert found(module="login") == ["B"]
    assert found(since=now - timedelta(hours=1)) == ["A", "B"]
    assert found(until=now - timedelta(hours=1)) == []


def test_a_narrow_filter_loses_no_neighbour(owner, app, save, embed_all):
    """One memory of a rare type among many that are nearer to the question."""
    other = Project.objects.create(name="other")
    for number in range(40):
        save(owner, app, f"Cake {number}", f"bake the cake for {number} minutes")
    save(owner, other, "Needle", "a sentence about tax law", memory_type="schema")
    embed_all()
    assert titles(search(owner.caller, "baking cakes", memory_types=["schema"])) == ["Needle"]
    assert titles(search(owner.caller, "baking cakes", project_ids=[other.pk])) == ["Needle"]


def test_archived_only_when_asked_and_deleted_never(owner, app, save, embed_all):
    archived, deleted = save(owner, app, "Archived", "walrus"), save(owner, app, "Deleted", "walrus")
    embed_all()
    archive_memory(owner.caller, archived)
    delete_memory(owner.caller, deleted)
    assert titles(search(owner.caller, "walrus")) == []
    answer = search(owner.caller, "walrus", include_archived=True)
    assert (titles(answer), answer.total) == (["Archived"], 0)


def test_scores_fall_within_0_and_1(collaborator, app, save, embed_all):
    for number in range(15):
        save(collaborator, app, f"Note {number}", "walrus " * (number + 1) + "and other animals " * number)
    embed_all()
    scores = [result.score for result in search(collaborator.caller, "walrus animals", limit=100).results]
    assert len(scores) == 15
    assert scores == sorted(scores, reverse=True)
    assert [score for score in scores if not 0 <= score <= 1] == []


def test_limit_is_clamped_and_the_first_result_always_fits_the_budget(collaborator, app, save):
    for number in range(5):
        save(collaborator, app, f"Note {number}", "walrus " * 60)
    assert len(search(collaborator.caller, "walrus", limit=-3).results) == 1
    assert len(search(collaborator.caller, "walrus", limit=10_000).results) == 5
    narrow = search(collaborator.caller, "walrus", max_tokens=1)
    assert (len(narrow.results), narrow.tokens_used > 1) == (1, True)
    roomy = search(collaborator.caller, "walrus", max_tokens=150)
    assert (len(roomy.results), roomy.tokens_used <= 150) == (2, True)


def test_a_star_counts_only(collaborator, app, save):
    save(collaborator, app, "A")
    save(collaborator, app, "B")
    answer = search(collaborator.caller, " * ")
    assert (answer.results, answer.total, answer.warning) == ([], 2, "")


def test_of_the_waiting_the_newest_are_counted_and_what_nobody_finds_is_not(
    owner, collaborator, app, secret_project, save, monkeypatch
):
    archived = save(collaborator, app, "Archived")
    Memory.objects.filter(pk=archived.pk).update(archived_at=timezone.now())
    save(collaborator, app, "A")
    save(collaborator, app, "B")
    save(owner, secret_project, "Hidden")
    assert [search(person.caller, "a").waiting for person in (owner, collaborator)] == [3, 2]
    monkeypatch.setattr(searching, "WAITING_COUNTED", 2)
    assert [search(person.caller, "a").waiting for person in (owner, collaborator)] == [2, 1]


def test_what_is_embedded_once_more_is_found_by_its_present_vectors_and_does_not_wait(
    collaborator, app, save, embed_all
):
    save(collaborator, app, "Boats", "The yacht sails around the island.")
    embed_all()
    assert start_reembedding() == 1
    answer = search(collaborator.caller, "Schiffe")
    assert (titles(answer), answer.waiting) == (["Boats"], 0)
    save(collaborator, app, "Boats", "The ferry sails around the island.")
    assert search(collaborator.caller, "Schiffe").waiting == 1


def test_where_no_meaning_is_compared_nothing_waits_for_it(collaborator, app, save):
    save(collaborator, app, "A")
    EmbeddingSpace.objects.update(provider="openai", model="absent", url="http://127.0.0.1:9/v1")
    answer = search(collaborator.caller, "a")
    assert (answer.degraded, answer.waiting) == (True, 0)


def test_confidence_and_use_weigh(collaborator, app, save):
    fresh, faded, used = (save(collaborator, app, title, "walrus") for title in ["Fresh", "Faded", "Used"])
    Memory.objects.filter(pk=faded.pk).update(confirmed_at=timezone.now() - timedelta(days=200))
    Memory.objects.filter(pk=used.pk).update(access_count=40)
    assert titles(search(collaborator.caller, "walrus")) == ["Used", "Fresh", "Faded"]


def test_without_an_answering_space_keywords_answer_and_say_so(collaborator, app, save):
    save(collaborator, app, "A", "walrus")
    EmbeddingSpace.objects.all().delete()
    answer = search(collaborator.caller, "walrus")
    assert (titles(answer), answer.degraded) == (["A"], True)
    assert answer.warning == "No embedder is set up: results come from keywords only."


def test_an_endpoint_that_is_down_degrades_the_answer_and_loses_no_save(collaborator, app, save, embed_all):
    EmbeddingSpace.objects.update(provider="openai", model="absent", url="http://127.0.0.1:9/v1")
    memory = save(collaborator, app, "A", "walrus")
    assert embed_all() == 0
    pending = memory.pending_embeddings.get()
    assert (pending.attempts, pending.not_before > timezone.now()) == (0, True)
    answer = search(collaborator.caller, "walrus")
    assert (titles(answer), answer.degraded) == (["A"], True)
    assert answer.warning.startswith("Results come from keywords only.")
    EmbeddingSpace.objects.update(provider="embedded", model="multilingual-e5-small-q4", url="")
    memory.pending_embeddings.update(not_before=timezone.now())
    assert embed_all() == 1
    assert search(collaborator.caller, "walrus").degraded is False


def test_reading_an_answer_writes_nothing(collaborator, app, save, django_assert_num_queries, embed_all):
    memory = save(collaborator, app, "A", "walrus")
    embed_all()
    search(collaborator.caller, "walrus")
    before = Memory.objects.values().get(pk=memory.pk)
    with django_assert_num_queries(4):
        search(collaborator.caller, "walrus")
    assert Memory.objects.values().get(pk=memory.pk) == before


def test_the_thread_that_embeds_a_question_opens_no_connection(collaborator, app, save, embed_all, monkeypatch):
    save(collaborator, app, "Cars", "The automobile broke down on the motorway and had to be towed.")
    embed_all()
    embedder = embedder_of(EmbeddingSpace.objects.answering())
    told = []

    def embed_and_tell(text):
        told.append((threading.current_thread() is threading.main_thread(), connection.connection))
        return type(embedder).embed_query(embedder, text)

    monkeypatch.setattr(embedder, "embed_query", embed_and_tell)
    assert titles(search(collaborator.caller, "vehicle trouble")) == ["Cars"]
    assert told == [(False, None)]


def test_archived_memories_that_fit_best_hide_none_that_fits(owner, app, save, monkeypatch):
    """Of the best by their words fewer are looked through at first than there are archived ones."""
    monkeypatch.setattr(searching, "CANDIDATES_AT_LEAST", 1)
    monkeypatch.setattr(searching, "SORTED_FOR_EACH", 1)
    for number in range(6):
        archive_memory(owner.caller, save(owner, app, f"Archived {number}", "walrus walrus walrus"))
    for number in range(2):
        save(owner, app, f"Kept {number}", "one walrus among many other animals of the north")
    assert sorted(titles(search(owner.caller, "walrus", limit=2))) == ["Kept 0", "Kept 1"]
    found = titles(search(owner.caller, "walrus", limit=1, include_archived=True))
    assert [title.split()[0] for title in found] == ["Archived"]


def test_a_caller_scoped_to_nothing_finds_nothing(collaborator, app, save):
    save(collaborator, app, "A", "walrus")
    nobody = replace(collaborator.caller, project_ids=frozenset(), project_names=())
    assert (titles(search(nobody, "walrus")), search(nobody, "*").total) == ([], 0)


def test_a_result_shows_each_field_of_its_memory(collaborator, app, save):
    """Also the last ones: values are read by their place."""
    saved = save(collaborator, app, "Walrus", "tusks", tags=["sea"], module="zoo")
    [result] = search(collaborator.caller, "walrus").results
    stored = Memory.objects.values(*SHOWN_FIELDS).get(pk=saved.pk)
    assert {name: getattr(result.memory, name) for name in SHOWN_FIELDS} == stored
    assert (result.memory.project, result.memory.memory_type) == (app, saved.memory_type)
    assert (result.memory.project.name, result.memory.memory_type.colour) == ("app", saved.memory_type.colour)
