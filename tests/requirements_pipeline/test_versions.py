"""What a requirement said before, two versions side by side, and no overwriting unseen."""

from datetime import date

import pytest
from django.db import connections

from access.callers import Caller
from access.errors import Conflict, Forbidden, Invalid, NotFound
from access.models import Project
from access.roles import Role
from memories.versions import FieldChange
from requirements_pipeline.criteria import check_criterion, criteria_of
from requirements_pipeline.models import Requirement, RequirementVersion
from requirements_pipeline.versions import compare_requirement_versions, versions_of
from requirements_pipeline.writing import edit_requirement, restore_version, save_requirement
from tests.runs.test_recording import at_once


def told(requirement: Requirement) -> list[tuple[int, str, str]]:
    return list(requirement.versions.values_list("number", "saved_by", "content_md"))


@pytest.fixture
def requirement(collaborator, app):
    return save_requirement(collaborator.caller, app, "T", content_md="a\nb", acceptance=["one"], tags=["x"])


def test_each_rewriting_is_a_version_and_nothing_else_is(collaborator, owner, app, requirement):
    save_requirement(collaborator.caller, app, "T", content_md="a\nb", assignee="carl", state="draft")
    assert told(requirement) == [(1, "carl", "a\nb")]
    again = save_requirement(owner.caller, app, "T", content_md="a\nc", due_on=date(2026, 12, 24))
    assert told(requirement) == [(2, "olga", "a\nc"), (1, "carl", "a\nb")]
    newest = again.versions.first()
    assert (again.version, newest.member, newest.saved_at, newest.due_on) == (
        2,
        owner.member,
        again.updated_at,
        date(2026, 12, 24),
    )
    assert (newest.title, newest.acceptance, newest.priority, newest.tags) == ("T", ["one"], 3, ["x"])


def test_two_versions_stand_side_by_side(collaborator, owner, stranger, requirement):
    edit_requirement(owner.caller, requirement, title="U", content_md="a\nc", acceptance=["one", "two"], priority=1)
    found = compare_requirement_versions(collaborator.caller, requirement, 1, 2)
    assert [(change.label, [(line.kind, line.text) for line in change.lines]) for change in found.texts] == [
        ("Content", [("same", "a"), ("removed", "b"), ("added", "c")]),
        ("Acceptance criteria", [("same", "one"), ("added", "two")]),
    ]
    assert found.fields == [FieldChange("Title", "T", "U"), FieldChange("Priority", "3", "1")]
    assert (found.old.saved_by, found.new.saved_by) == ("carl", "olga")
    assert compare_requirement_versions(collaborator.caller, requirement, 1, 1) is None
    assert compare_requirement_versions(collaborator.caller, requirement, 1, 3) is None
    with pytest.raises(NotFound):
        versions_of(stranger.caller, requirement)


def test_an_earlier_one_is_written_again_as_the_newest(collaborator, owner, requirement):
    check_criterion(collaborator.caller, requirement, 1, True)
    edit_requirement(owner.caller, requirement, title="U", content_md="new", tags=[], acceptance=["one", "two"])
    restored = restore_version(collaborator.caller, requirement, 1, expected_version=2)
    restored.refresh_from_db()
    assert (restored.version, restored.title, restored.content_md, restored.tags) == (3, "T", "a\nb", ["x"])
    assert [(row.text, row.met_by) for row in criteria_of(restored)] == [("one", "carl")]
    assert [number for number, *_ in told(restored)] == [3, 2, 1]
    for number in (0, 4, 10**12):
        with pytest.raises(NotFound, match=f"'T' has no version {number}"):
            restore_version(owner.caller, requirement, number)


def test_who_started_from_an_older_version_is_refused_in_words(collaborator, owner, app, requirement):
    edit_requirement(owner.caller, requirement, content_md="olga's", expected_version=1)
    for late in (
        lambda: edit_requirement(collaborator.caller, requirement, content_md="late", expected_version=1),
        lambda: save_requirement(collaborator.caller, app, "T", content_md="late", state="draft", expected_version=1),
        lambda: restore_version(collaborator.caller, requirement, 1, expected_version=1),
    ):
        with pytest.raises(Conflict, match=r"^'T' is at version 2, which olga saved; you wrote on version 1\.$"):
            late()
    with pytest.raises(Conflict, match="^There is no requirement 'New' yet"):
        save_requirement(collaborator.caller, app, "New", expected_version=1)
    with pytest.raises(Conflict, match="you wrote on version 0"):
        save_requirement(collaborator.caller, app, "T", expected_version=0)
    kept = Requirement.objects.get()
    assert (kept.content_md, kept.version, kept.state) == ("olga's", 2, "submitted")


def test_a_new_title_may_not_be_anothers(collaborator, stranger, app, requirement):
    save_requirement(collaborator.caller, app, "Taken")
    with pytest.raises(Conflict, match=r"^app has a requirement 'Taken' already\.$"):
        edit_requirement(collaborator.caller, requirement, title=" Taken ", content_md="new")
    with pytest.raises(Invalid, match="needs a title"):
        edit_requirement(collaborator.caller, requirement, title=" ")
    guest = Caller(name="gina", role=Role.GUEST, project_ids=frozenset({app.pk}), project_names=("app",))
    for caller, refused in ((stranger.caller, NotFound), (guest, Forbidden)):
        with pytest.raises(refused):
            edit_requirement(caller, requirement, title="U")
        with pytest.raises(refused):
            restore_version(caller, requirement, 1)
    requirement.refresh_from_db()
    assert (requirement.title, requirement.content_md, RequirementVersion.objects.count()) == ("T", "a\nb", 2)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_started_from_one_version_one_is_kept():
    app = Project.objects.create(name="app")
    caller = Caller(name="bot", role=Role.COLLABORATOR, project_ids=None)
    made = save_requirement(caller, app, "T")

    def write(index):
        try:
            edit_requirement(caller, made, content_md=str(index), expected_version=1)
            return "saved"
        except Conflict:
            return "refused"
        finally:
            connections.close_all()

    assert sorted(at_once(6, write)) == ["refused"] * 5 + ["saved"]
    assert [number for number, *_ in told(made)] == [2, 1]
