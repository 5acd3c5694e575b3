"""The command `search`."""

import pytest

from memories.embedding.working import embed_pending_of
from memories.models import EmbeddingSpace
from tests.api.conftest import refusal, without

TITLE = "PostgreSQL is the only store"


def test_a_save_is_found_at_once_with_the_contracted_fields(tell, collaborator, saved):
    answer = tell(collaborator, "search", query="which store do we use for vectors")
    [row] = answer["results"]
    assert without(row, "score", "created_at", "updated_at") == {
        "id": saved["id"],
        "title": TITLE,
        "snippet": "Rows, vectors and queues share one transaction.",
        "memory_type": "decision",
        "project": "app",
        "module": "",
        "access_count": 0,
        "confidence_score": 1.0,
        "tags": ["database"],
    }
    assert without(answer, "results") == {
        "count": 1,
        "total": 1,
        # (28 characters of title + 47 of snippet) / 4, rounded up
        "tokens_used": 19,
        "pending_embeddings": 1,
        "_use_command": "search",
    }


def test_what_waits_to_be_embedded_is_told_within_scope_and_only_while_it_waits(
    tell, owner, collaborator, stranger, saved
):
    people = (owner, collaborator, stranger)
    for query in ("vectors", "*"):
        assert [tell(person, "search", query=query).get("pending_embeddings") for person in people] == [1, 1, None]
    embed_pending_of(EmbeddingSpace.objects.answering())
    for query in ("vectors", "*"):
        assert ["pending_embeddings" in tell(person, "search", query=query) for person in people] == [False] * 3


@pytest.mark.parametrize("name", ["q", "text"])
def test_the_query_may_have_another_name(tell, collaborator, saved, name):
    assert tell(collaborator, "recall", **{name: "vectors"})["results"][0]["id"] == saved["id"]


def test_a_star_counts_and_answers_no_result(tell, owner, collaborator, stranger, saved):
    counted = [tell(person, "search", query="*") for person in (owner, collaborator, stranger)]
    assert [(answer["results"], answer["count"], answer["total"]) for answer in counted] == [
        ([], 0, 1),
        ([], 0, 1),
        ([], 0, 0),
    ]


def test_a_stranger_finds_nothing_and_may_not_name_the_project(tell, ask, stranger, saved):
    assert tell(stranger, "search", query=TITLE)["results"] == []
    response = ask(stranger, "search", query=TITLE, project="app")
    assert (response.status_code, response.json()["error"]) == (403, "token_scope_mismatch")


def test_an_unknown_project_is_empty_to_who_may_name_it(tell, owner, saved):
    answer = tell(owner, "search", query=TITLE, project="nowhere")
    assert (answer["results"], answer["total"]) == ([], 0)


@pytest.mark.parametrize(("limit", "count"), [(-3, 1), (0, 1), (1, 1), (2, 2), (10**40, 3), (2.0, 2)])
def test_the_limit_is_clamped(tell, collaborator, limit, count):
    for number in range(3):
        tell(collaborator, "save_memory", title=f"Release note {number}", content_md="release")
    assert tell(collaborator, "search", query="release", limit=limit)["count"] == count


def test_filters_bound_the_results(tell, collaborator, saved):
    tell(collaborator, "save_memory", title="Vectors in a note", content_md="vectors", memory_type="note", module="ml")

    def titles(**filters):
        return sorted(row["title"] for row in tell(collaborator, "search", query="vectors", **filters)["results"])

    both = sorted([TITLE, "Vectors in a note"])
    assert titles() == both
    assert titles(memory_type="decision") == [TITLE]
    assert titles(memory_type=["decision", "NOTE"]) == both
    assert titles(memory_type=[]) == both
    assert titles(tags=["database"]) == [TITLE]
    assert titles(tags="database,missing") == []
    assert titles(tags=None) == both
    assert titles(module="ml") == ["Vectors in a note"]
    assert titles(since="2020-01-01") == both
    assert titles(until="2020-01-01T00:00:00Z") == []
    assert titles(include_archived=True) == both


def test_explain_adds_the_parts_of_each_score(tell, collaborator, saved):
    [row] = tell(collaborator, "search", query="vectors", explain=True)["results"]
    assert {"semantic", "keyword", "confidence"} <= set(row["explain"])
    assert "explain" not in tell(collaborator, "search", query="vectors")["results"][0]


@pytest.mark.parametrize(
    "query",
    ["get_user_id", "--no-verify", "'quoted'", '"', "a & | ! b", "naïve Größe", "漢字", "🚀", "%", "\\", "?" * 500],
)
def test_any_text_is_an_ordinary_query(tell, collaborator, saved, query):
    assert tell(collaborator, "search", query=query)["total"] == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, "query is required"),
        ({"query": None}, "query must not be null"),
        ({"query": " "}, "query is required and must not be blank"),
        ({"query": 5}, "query must be a string, not a number"),
        ({"query": "a\x00"}, "query holds a NUL character"),
        ({"query": "x" * 10_001}, "query has more than 10000 characters"),
        ({"query": "x", "limit": "many"}, "limit must be a whole number, not a string"),
        ({"query": "x", "limit": True}, "limit must be a whole number, not true or false"),
        ({"query": "x", "limit": 1.5}, "limit must be a whole number, not 1.5"),
        ({"query": "x", "limit": None}, "limit must not be null"),
        ({"query": "x", "max_tokens": []}, "max_tokens must be a whole number, not a list"),
        ({"query": "x", "since": "yesterday"}, "since must be a time in ISO 8601 such as 2026-03-31T17:00:00Z"),
        (
            {"query": "x", "since": "0001-01-01T00:00:00+14:00"},
            "since must be a time in ISO 8601 such as 2026-03-31T17:00:00Z",
        ),
        ({"query": "x", "explain": "yes"}, "explain must be true or false, not a string"),
        ({"query": "x", "memory_type": {"a": 1}}, "memory_type must be a list of strings, not an object"),
    ],
)
def test_bad_input_is_400_in_words(ask, collaborator, arguments, error):
    assert refusal(ask(collaborator, "search", **arguments)) == (400, error)
