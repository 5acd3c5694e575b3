"""Commands that answer memories keep what they gave to the run that asked, and what a run learnt."""

import uuid

import pytest

from memories.models import Memory, MemoryUse
from runs.models import Run
from runs.recording import start_run
from tests.api.conftest import refusal

pytestmark = pytest.mark.django_db
ASKING = {
    "search": {"query": "only store"},
    "get_memory": {"title": "PostgreSQL is the only store"},
    "get_prompt": {"prompt_name": "Release"},
    "get_context": {},
}


@pytest.fixture
def run(collaborator, app):
    return start_run(collaborator.caller, app, session_id="s1")


@pytest.fixture
def known(tell, collaborator, saved):
    tell(collaborator, "save_prompt", title="Release", content_md="Read the only store.")
    return saved


def noted():
    return set(MemoryUse.objects.values_list("run_id", "memory__title", "how"))


@pytest.mark.parametrize("by", ["run_id", "session_id"])
def test_each_reading_command_notes_what_it_gave(tell, collaborator, known, run, by):
    named = {"run_id": str(run.pk)} if by == "run_id" else {"session_id": "s1"}
    for command, arguments in ASKING.items():
        tell(collaborator, command, **arguments, **named)
    store = "PostgreSQL is the only store"
    assert noted() == {
        (run.pk, store, "search"),
        (run.pk, "Release", "search"),
        (run.pk, store, "get"),
        (run.pk, "Release", "prompt"),
        (run.pk, store, "context"),
    }


def test_a_search_notes_only_what_it_answered(tell, collaborator, known, run):
    answer = tell(collaborator, "search", query="only store", limit=1, run_id=str(run.pk))
    assert {str(pk) for pk in MemoryUse.objects.values_list("memory_id", flat=True)} == {answer["results"][0]["id"]}


@pytest.mark.parametrize("command", ASKING)
def test_answers_are_the_same_with_and_without_a_run(tell, collaborator, known, run, command):
    tell(collaborator, command, **ASKING[command])
    plain, named, unknown = (
        tell(collaborator, command, **ASKING[command], **extra)
        for extra in ({}, {"run_id": str(run.pk)}, {"session_id": "nobody knows it"})
    )
    volatile = ("access_count", "last_accessed_at", "confidence_score")
    for answer in (plain, named, unknown):
        for name in volatile:
            answer.pop(name, None)
        for result in answer.get("results", ()):
            for name in (*volatile, "score"):
                result.pop(name, None)
    assert plain == named == unknown


@pytest.mark.parametrize("command", ASKING)
def test_a_run_that_is_not_one_s_own_is_not_found_and_nothing_is_noted(
    ask, owner, collaborator, stranger, known, run, command
):
    others = start_run(owner.caller, run.project, session_id="olga's")
    for person, run_id in ((collaborator, others.pk), (stranger, run.pk), (collaborator, uuid.uuid4())):
        answer = ask(person, command, **ASKING[command], run_id=str(run_id))
        assert refusal(answer) == (404, "Run not found")
    assert noted() == set()
    assert Memory.objects.values_list("access_count", flat=True).get(title="PostgreSQL is the only store") == 0


def test_a_session_of_somebody_else_notes_nothing(tell, owner, collaborator, known, run):
    tell(owner, "get_memory", **ASKING["get_memory"], session_id="s1")
    assert noted() == set()


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("save_memory", {"title": "Learnt"}),
        ("save_prompt", {"title": "Learnt"}),
        ("log_error", {"message": "Learnt"}),
    ],
)
def test_what_is_learnt_belongs_to_the_run_of_the_session(tell, owner, collaborator, run, command, arguments):
    tell(collaborator, command, **arguments, session_id="s1")
    assert Memory.objects.values_list("run_id", flat=True).get(title="Learnt") == run.pk
    other = uuid.uuid4()
    tell(collaborator, command, **{name: f"{value} 2" for name, value in arguments.items()}, run_id=str(other))
    tell(owner, command, **{name: f"{value} 3" for name, value in arguments.items()}, project="app", session_id="s1")
    assert dict(Memory.objects.values_list("title", "run_id")) == {
        "Learnt": run.pk,
        "Learnt 2": other,
        "Learnt 3": None,
    }
    assert Run.objects.count() == 1


def test_asking_without_a_run_costs_no_statement_more(tell, collaborator, known, run, django_assert_num_queries):
    tell(collaborator, "get_memory", **ASKING["get_memory"])
    with django_assert_num_queries(GET_MEMORY):
        tell(collaborator, "get_memory", **ASKING["get_memory"])
    with django_assert_num_queries(GET_MEMORY + OF_A_RUN):
        tell(collaborator, "get_memory", **ASKING["get_memory"], session_id="s1")


# The token and its scope, the memory, its count, links out and in.
GET_MEMORY = 6
# The run; the note, in its savepoint.
OF_A_RUN = 4
