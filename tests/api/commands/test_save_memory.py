"""The command `save_memory`."""

from datetime import UTC, datetime

import pytest

from access.models import Project
from memories.models import Memory, MemoryVersion
from tests.api.conftest import needs, refusal, without
from tests.conftest import make_person

TITLE = "PostgreSQL is the only store"


def test_a_first_save_creates_and_answers_the_contracted_fields(saved):
    assert without(saved, "id") == {
        "title": TITLE,
        "status": "saved",
        "action": "created",
        "version": 1,
        "memory_type": "decision",
        "project": "app",
        "_use_command": "save_memory",
    }


def test_a_second_save_keeps_the_id_and_the_old_text(tell, collaborator, saved):
    again = tell(collaborator, "save", title=TITLE, memory_type="decision", content="New words.")
    assert (again["id"], again["action"], again["version"]) == (saved["id"], "updated", 2)
    texts = MemoryVersion.objects.filter(memory_id=saved["id"]).order_by("number").values_list("content_md", flat=True)
    assert list(texts) == ["Rows, vectors and queues share one transaction.", "New words."]


def test_the_same_text_changes_nothing(tell, collaborator, saved):
    again = tell(collaborator, "save_memory", title=TITLE, memory_type="decision", tags="database")
    assert (again["action"], again["version"]) == ("unchanged", 1)


def test_arguments_left_out_keep_their_value_and_null_tags_count_as_left_out(tell, collaborator, saved):
    tell(collaborator, "save_memory", title=TITLE, memory_type="decision", module="store", tags=None)
    memory = Memory.objects.get(pk=saved["id"])
    assert (memory.content_md, memory.tags, memory.module) == (
        "Rows, vectors and queues share one transaction.",
        ["database"],
        "store",
    )


def test_an_empty_list_of_tags_clears_them(tell, collaborator, saved):
    tell(collaborator, "save_memory", title=TITLE, memory_type="decision", tags=[])
    assert Memory.objects.get(pk=saved["id"]).tags == []


def test_the_defaults_are_a_conversation_in_the_only_project_by_the_tokens_label(tell, collaborator):
    answer = tell(collaborator, "save_memory", title="Standup")
    memory = Memory.objects.select_related("project").get(pk=answer["id"])
    assert (memory.memory_type_id, memory.project.name, memory.created_by, memory.stated_confidence) == (
        "conversation",
        "app",
        "carl",
        1.0,
    )


def test_every_argument_arrives(tell, collaborator):
    answer = tell(
        collaborator,
        "save_memory",
        title="  Retry   the broker ",
        content_md="  indented\n",
        memory_type=" Note ",
        module="queue",
        resolution="Fixed.",
        tags="a, b,,a",
        source_file="docs/queue.md",
        created_by="ana",
        confidence=0.5,
        occurred_at="2024-02-29T12:00:00+02:00",
    )
    memory = Memory.objects.get(pk=answer["id"])
    assert (memory.title, memory.content_md, memory.memory_type_id) == ("Retry the broker", "  indented\n", "note")
    assert (memory.module, memory.resolution, memory.tags) == ("queue", "Fixed.", ["a", "b"])
    assert (memory.source_file, memory.created_by, memory.stated_confidence) == ("docs/queue.md", "ana", 0.5)
    assert memory.created_at == datetime(2024, 2, 29, 10, tzinfo=UTC)


def test_a_secret_in_the_text_is_masked(tell, collaborator):
    secret = "AKIA" + "ABCDEFGHIJKLMNOP"
    answer = tell(collaborator, "save_memory", title="Keys", content_md=f"Use {secret} there.")
    assert secret not in Memory.objects.get(pk=answer["id"]).content_md


def test_an_unscoped_caller_makes_the_project(tell, owner):
    tell(owner, "save_memory", title="First", project="brand-new")
    assert Project.objects.filter(name="brand-new").count() == 1


def test_a_scoped_caller_saves_in_no_other_project(ask, stranger, app):
    response = ask(stranger, "save_memory", title="Hello", project="app")
    assert (response.status_code, response.json()) == (
        403,
        {
            "error": "token_scope_mismatch",
            "project_scope": ["skunkworks"],
            "requested_project": "app",
            "message": "This token reaches skunkworks, not 'app'.",
            "hint": "Name a project of the scope, leave `project` out, or ask an owner to widen the token.",
            "_use_command": "save_memory",
        },
    )
    assert Memory.objects.count() == 0


def test_a_guest_saves_nothing(ask, app):
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "save_memory", title="Hello")) == (403, "insufficient permissions", "collaborator")
    assert Memory.objects.count() == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, "title is required"),
        ({"title": None}, "title must not be null"),
        ({"title": ""}, "title is required and must not be blank"),
        ({"title": "   "}, "title is required and must not be blank"),
        ({"title": 7}, "title must be a string, not a number"),
        ({"title": ["x"]}, "title must be a string, not a list"),
        ({"title": True}, "title must be a string, not true or false"),
        ({"title": "x" * 501}, "title has more than 500 characters"),
        ({"title": "a\x00b"}, "title holds a NUL character"),
        ({"title": "x", "content_md": {"a": 1}}, "content_md must be a string, not an object"),
        ({"title": "x", "content_md": None}, "content_md must not be null"),
        ({"title": "x", "confidence": 1.5}, "confidence must be at most 1"),
        ({"title": "x", "confidence": -0.1}, "confidence must be at least 0"),
        ({"title": "x", "confidence": True}, "confidence must be a number, not true or false"),
        ({"title": "x", "confidence": "high"}, "confidence must be a number, not a string"),
        ({"title": "x", "tags": 5}, "tags must be a list of strings, not a number"),
        ({"title": "x", "tags": ["ok", 5]}, "tags entry 1 must be a string, not a number"),
        ({"title": "x", "tags": ["y" * 101]}, "tags entry 0 has more than 100 characters"),
        (
            {"title": "x", "occurred_at": "tomorrow"},
            "occurred_at must be a time in ISO 8601 such as 2026-03-31T17:00:00Z",
        ),
        ({"title": "x", "occurred_at": "2150-01-01"}, "occurred_at must lie in the past"),
        ({"title": "x", "run_id": "7"}, "run_id must be an id (a UUID), as other commands answer it"),
        ({"title": "x", "memory_type": "nonsense"}, "There is no memory type 'nonsense'."),
        ({"title": "x", "tags": [f"t{number}" for number in range(51)]}, "51 tags; at most 50 are kept."),
        (
            {"title": "x", "project": "a/../\x00"},
            "A project name has 1 to 100 letters, digits and . _ - / : @ + or blanks, "
            "and starts with a letter, a digit or _; got 'a/../\\x00'.",
        ),
        ({"title": "x", "project": 5}, "project must be a string, not a number"),
    ],
)
def test_bad_input_is_400_in_words_and_changes_nothing(ask, owner, arguments, error):
    assert refusal(ask(owner, "save_memory", **arguments)) == (400, error)
    assert (Memory.objects.count(), Project.objects.count()) == (0, 0)
