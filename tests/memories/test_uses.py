"""What a run was given and what it made: noted once, within sight, and only for one's own runs."""

import uuid

import pytest

from memories.deleting import delete_memory, purge_memory
from memories.models import MemoryUse, UseKind
from memories.saving import save_memory
from memories.uses import given_to_run, made_in_run, note_uses, run_learnt_in, runs_given
from runs.recording import log_run, start_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def memory(collaborator, app):
    return save_memory(collaborator.caller, app, "decision", "One store", content_md="PostgreSQL.").memory


@pytest.fixture
def run(collaborator, app):
    return start_run(collaborator.caller, app, session_id="s1")


def test_each_way_of_giving_is_noted_once_and_keeps_its_first_time(collaborator, memory, run):
    note_uses(run.pk, [memory.pk, memory.pk], UseKind.SEARCH)
    first = MemoryUse.objects.get()
    note_uses(run.pk, [memory.pk], UseKind.SEARCH)
    note_uses(run.pk, [memory.pk], UseKind.GET)
    assert [(use.memory, use.how) for use in given_to_run(collaborator.caller, run.pk)] == [
        (memory, "search"),
        (memory, "get"),
    ]
    assert MemoryUse.objects.get(how="search").at == first.at


def test_what_was_purged_meanwhile_is_no_failure(owner, memory, run):
    delete_memory(owner.caller, memory)
    purge_memory(owner.caller, memory)
    note_uses(run.pk, [], UseKind.SEARCH)
    assert MemoryUse.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_note_about_no_memory_is_left_out(run, memory):
    note_uses(run.pk, [memory.pk, uuid.uuid4()], UseKind.SEARCH)
    assert MemoryUse.objects.count() == 0


def test_both_ways_show_only_what_is_in_sight(owner, collaborator, stranger, app, secret_project, memory, run):
    hidden = save_memory(owner.caller, secret_project, "note", "Skunks", run_id=run.pk).memory
    made = save_memory(collaborator.caller, app, "note", "Learnt here", run_id=run.pk).memory
    for known in (memory, hidden):
        note_uses(run.pk, [known.pk], UseKind.GET)
    seen = {
        person.member.username: (
            {use.memory.title for use in given_to_run(person.caller, run.pk)},
            {row.title for row in made_in_run(person.caller, run.pk)},
            [found.pk for found in runs_given(person.caller, memory)],
            run_learnt_in(person.caller, made),
        )
        for person in (owner, collaborator, stranger)
    }
    assert seen == {
        "olga": ({"One store", "Skunks"}, {"Learnt here", "Skunks"}, [run.pk], run),
        "carl": ({"One store"}, {"Learnt here"}, [run.pk], run),
        "sven": ({"Skunks"}, {"Skunks"}, [], None),
    }


def test_a_deleted_memory_is_not_shown_as_given(owner, collaborator, memory, run):
    note_uses(run.pk, [memory.pk], UseKind.GET)
    delete_memory(owner.caller, memory)
    assert list(given_to_run(collaborator.caller, run.pk)) == []


def test_a_memory_without_a_run_was_learnt_in_none(collaborator, memory):
    log_run(collaborator.caller, memory.project)
    assert run_learnt_in(collaborator.caller, memory) is None
