"""The command `save_requirement`."""

import pytest

from requirements_pipeline.models import Requirement
from tests.api.conftest import needs, refusal, without
from tests.conftest import make_person


def test_a_requirement_is_saved_as_submitted(tell, collaborator):
    answer = tell(
        collaborator,
        "add_requirement",
        title="Export invoices",
        content="As CSV.",
        acceptance="One row an invoice\nTwo decimals, always",
        priority=2,
        tags="billing",
        module="invoices",
    )
    assert without(answer, "id", "_was_alias", "_raw_command") == {
        "title": "Export invoices",
        "status": "saved",
        "state": "submitted",
        "version": 1,
        "project": "app",
        "_use_command": "save_requirement",
    }
    kept = Requirement.objects.get(pk=answer["id"])
    assert (kept.content_md, kept.acceptance, kept.priority, kept.tags, kept.module, kept.created_by) == (
        "As CSV.",
        ["One row an invoice", "Two decimals, always"],
        2,
        ["billing"],
        "invoices",
        "carl",
    )


def test_saving_again_rewrites_it_and_keeps_what_was_left_out(tell, collaborator):
    first = tell(collaborator, "save_requirement", title="Export", content_md="As CSV.", priority=1)
    again = tell(collaborator, "save_requirement", title="Export", content_md="As XML.", acceptance=None)
    kept = Requirement.objects.get()
    assert (again["id"], kept.content_md, kept.priority) == (first["id"], "As XML.", 1)


def test_who_may_not_saves_nothing(ask, stranger, app):
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "save_requirement", title="x")) == (403, "insufficient permissions", "collaborator")
    assert refusal(ask(stranger, "save_requirement", title="x", project="app")) == (403, "token_scope_mismatch")
    assert Requirement.objects.count() == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, "title is required"),
        ({"title": "x", "priority": 9}, "priority must be at most 5"),
        ({"title": "x", "priority": "high"}, "priority must be a whole number, not a string"),
        ({"title": "x", "acceptance": [1]}, "acceptance entry 0 must be a string, not a number"),
        ({"title": "x", "state": "done"}, "A requirement is written as draft or submitted, not 'done'."),
    ],
)
def test_bad_input_is_400_in_words_and_changes_nothing(ask, collaborator, arguments, error):
    assert refusal(ask(collaborator, "save_requirement", **arguments)) == (400, error)
    assert Requirement.objects.count() == 0


def test_a_day_an_assignee_dependencies_and_memories_are_kept_and_answered(tell, owner, collaborator):
    base = tell(collaborator, "save_requirement", title="Base, the first")
    note = tell(collaborator, "save_memory", title="Format", memory_type="note")
    made = tell(
        collaborator,
        "save_requirement",
        title="Export",
        due_on="2026-12-24",
        assignee="carl",
        depends_on="Base, the first",
        memories=[note["id"]],
    )
    answer = tell(owner, "get_requirement", id=made["id"])
    assert (answer["due_on"], answer["assignee"]) == ("2026-12-24", "carl")
    assert answer["depends_on"] == [{"id": base["id"], "title": "Base, the first", "state": "submitted"}]
    assert answer["memories"] == [{"id": note["id"], "title": "Format", "memory_type": "note"}]
    tell(collaborator, "save_requirement", title="Export", due_on=None, depends_on=None, memories=None)
    assert tell(owner, "get_requirement", id=made["id"])["due_on"] == "2026-12-24"
    tell(collaborator, "save_requirement", title="Export", due_on="", assignee="", depends_on=[], memories=[])
    cleared = tell(owner, "get_requirement", id=made["id"])
    assert [cleared[name] for name in ("due_on", "assignee", "depends_on", "memories")] == [None, None, [], []]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"due_on": "tomorrow"}, "due_on must be a day such as 2026-03-31"),
        ({"due_on": 20260331}, "due_on must be a day such as 2026-03-31"),
        ({"assignee": "sven"}, "Nobody called 'sven' works in app."),
        ({"depends_on": ["x"]}, "app has no requirement 'x' to wait for."),
        ({"memories": ["x"]}, "There is no memory 'x' in sight."),
    ],
)
def test_what_is_not_there_is_400_in_words(ask, collaborator, stranger, arguments, error):
    assert refusal(ask(collaborator, "save_requirement", title="T", **arguments)) == (400, error)
    assert Requirement.objects.count() == 0


def test_who_saves_over_somebody_elses_words_is_told(ask, tell, owner, collaborator):
    assert tell(collaborator, "save_requirement", title="T", content_md="a", expected_version=0)["version"] == 1
    assert tell(owner, "save_requirement", title="T", content_md="b", project="app", expected_version=1)["version"] == 2
    response = ask(collaborator, "save_requirement", title="T", content_md="c", expected_version=1)
    assert refusal(response) == (409, "'T' is at version 2, which olga saved; you wrote on version 1.")
    assert response.json()["version"] == 2
    assert tell(owner, "get_requirement", title="T")["version"] == 2
    assert Requirement.objects.get().content_md == "b"
