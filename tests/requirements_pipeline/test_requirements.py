"""Requirements: written by collaborators, promoted by owners, found by those who may see them."""

import uuid

import pytest
from django.db import connections
from hypothesis import given
from hypothesis import strategies as st

from access.callers import Caller
from access.errors import Conflict, Forbidden, Invalid, NotFound, OutOfScope
from access.models import Project
from access.roles import ROLE_ORDER, Role
from memories.models import Memory
from requirements_pipeline.models import Requirement, RequirementState
from requirements_pipeline.moves import promote_requirement
from requirements_pipeline.reading import find_requirement, list_requirements
from requirements_pipeline.states import MOVES, require_move
from requirements_pipeline.writing import save_requirement
from tests.runs.test_recording import at_once

S = RequirementState


@pytest.fixture
def guest(app) -> Caller:
    return Caller(name="gina", role=Role.GUEST, project_ids=frozenset({app.pk}), project_names=("app",))


def test_a_new_requirement_is_submitted_with_what_was_given(collaborator, app):
    made = save_requirement(
        collaborator.caller,
        app,
        " Export  as CSV ",
        content_md="All rows",
        acceptance=["Opens in a sheet"],
        priority=2,
        tags=["x", "x"],
        module="m",
    )
    row = Requirement.objects.get()
    assert made.pk == row.pk
    assert (row.title, row.content_md, row.acceptance, row.priority, row.tags, row.module) == (
        "Export as CSV",
        "All rows",
        ["Opens in a sheet"],
        2,
        ["x"],
        "m",
    )
    assert (row.state, row.created_by, row.author) == (S.SUBMITTED, "carl", collaborator.member)


def test_saving_again_rewrites_it_and_keeps_what_is_left_out(collaborator, owner, app):
    first = save_requirement(collaborator.caller, app, "T", content_md="a", priority=1, tags=["x"])
    again = save_requirement(owner.caller, app, "T", content_md="b", created_by="olga")
    row = Requirement.objects.get()
    assert first.pk == again.pk == row.pk
    assert (row.content_md, row.priority, row.tags, row.created_by) == ("b", 1, ["x"], "carl")
    assert row.updated_at > first.updated_at
    unchanged = save_requirement(owner.caller, app, "T", content_md="b")
    assert unchanged.updated_at == row.updated_at


def test_a_draft_can_be_submitted_and_a_submitted_one_taken_back(collaborator, app):
    assert save_requirement(collaborator.caller, app, "T", state="draft").state == S.DRAFT
    assert save_requirement(collaborator.caller, app, "T").state == S.DRAFT
    assert save_requirement(collaborator.caller, app, "T", state="submitted").state == S.SUBMITTED
    assert save_requirement(collaborator.caller, app, "T", state="draft").state == S.DRAFT


def test_an_edit_of_a_promoted_one_keeps_its_state(collaborator, owner, app):
    promote_requirement(owner.caller, save_requirement(collaborator.caller, app, "T"))
    edited = save_requirement(collaborator.caller, app, "T", content_md="new", state="draft")
    edited.refresh_from_db()
    assert (edited.state, edited.content_md, edited.promoted_by) == (S.PROMOTED, "new", "olga")


def test_secrets_are_masked(collaborator, app):
    row = save_requirement(
        collaborator.caller, app, "Use API_KEY=abc", content_md="password: hunter2", acceptance=["TOKEN=abcd works"]
    )
    row.refresh_from_db()
    assert (row.title, row.content_md, row.acceptance) == (
        "Use API_KEY=[masked: key]",
        "password: [masked: password]",
        ["TOKEN=[masked: token] works"],
    )


def test_guests_and_strangers_write_nothing(guest, stranger, app):
    with pytest.raises(Forbidden):
        save_requirement(guest, app, "T")
    with pytest.raises(OutOfScope):
        save_requirement(stranger.caller, app, "T")
    assert Requirement.objects.count() == 0


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"title": "  "}, "title"),
        ({"title": "x" * 501}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"priority": 0}, "priority"),
        ({"priority": 6}, "priority"),
        ({"priority": True}, "priority"),
        ({"content_md": "x" * (1024 * 1024 + 1)}, "content_md"),
        ({"content_md": "\x00"}, "content_md"),
        ({"content_md": "\ud800"}, "content_md"),
        ({"acceptance": ["x" * 1001]}, "acceptance"),
        ({"acceptance": [str(n) for n in range(101)]}, "acceptance"),
        ({"tags": [str(n) for n in range(51)]}, "tags"),
        ({"module": "x" * 201}, "module"),
        ({"state": "done"}, "state"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words_and_changes_nothing(collaborator, app, told, field):
    with pytest.raises(Invalid) as refused:
        save_requirement(collaborator.caller, app, **{"title": "T", **told})
    assert list(refused.value.extra["fields"]) == [field]
    assert Requirement.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_many_saves_of_one_title_at_once_are_one_requirement():
    app = Project.objects.create(name="app")
    caller = Caller(name="bot", role=Role.COLLABORATOR, project_ids=None)
    made = at_once(8, lambda index: save_requirement(caller, app, "T", content_md=str(index)).pk)
    assert len(made) == 8
    assert len(set(made)) == Requirement.objects.count() == 1


def test_one_is_found_by_id_and_by_title_and_only_in_sight(collaborator, stranger, owner, app, secret_project):
    made = save_requirement(collaborator.caller, app, "T")
    other = save_requirement(owner.caller, secret_project, "T")
    assert find_requirement(collaborator.caller, requirement_id=made.pk) == made
    assert find_requirement(collaborator.caller, title=" T ") == made
    assert find_requirement(stranger.caller, title="T") == other
    assert find_requirement(owner.caller, title="T") == other
    assert find_requirement(owner.caller, title="T", project_ids=[app.pk]) == made
    for asked in (
        {"requirement_id": made.pk},
        {"requirement_id": uuid.uuid4()},
        {"title": "t"},
        {"title": "T", "project_ids": [app.pk]},
    ):
        with pytest.raises(NotFound, match="^Requirement not found$"):
            find_requirement(stranger.caller, **asked)
    with pytest.raises(Invalid, match="Give the requirement's id"):
        find_requirement(owner.caller, title=" ")


def test_the_list_is_most_urgent_first_newest_first_and_in_sight(collaborator, stranger, app):
    for title, priority in (("a", 3), ("b", 1), ("c", 3)):
        save_requirement(collaborator.caller, app, title, priority=priority)
    listed = list_requirements(collaborator.caller, None)
    assert ([row.title for row in listed.requirements], listed.total) == (["b", "c", "a"], 3)
    assert [row.title for row in list_requirements(collaborator.caller, None, limit=-5).requirements] == ["b"]
    assert list_requirements(stranger.caller, None).total == list_requirements(stranger.caller, [app.pk]).total == 0
    assert list_requirements(collaborator.caller, []).total == 0


def test_the_list_knows_states_and_groups(collaborator, app):
    for state in S:
        Requirement.objects.create(project=app, title=state, state=state)

    def titles(status):
        return sorted(row.title for row in list_requirements(collaborator.caller, None, status=status).requirements)

    assert titles("pending") == ["draft", "submitted"]
    assert titles("resolved") == ["done", "rejected"]
    assert titles("In progress") == ["in_progress"]
    assert titles("") == sorted(S.values)
    with pytest.raises(Invalid, match="There is no status 'open'"):
        list_requirements(collaborator.caller, None, status="open")


@pytest.mark.parametrize("state", ["draft", "submitted"])
def test_an_owner_promotes(collaborator, owner, app, state):
    made = save_requirement(collaborator.caller, app, "T", state=state)
    promoted = promote_requirement(owner.caller, made)
    promoted.refresh_from_db()
    assert (promoted.state, promoted.promoted_by) == (S.PROMOTED, "olga")
    assert promoted.promoted_at is not None
    assert Memory.objects.count() == 0


@pytest.mark.parametrize("kind", ["prompt", "decision"])
def test_promoting_can_write_the_memory_too(collaborator, owner, app, kind):
    made = save_requirement(
        collaborator.caller, app, "T", content_md="Do it.", acceptance=["one", "two"], tags=["x"], module="m"
    )
    promote_requirement(owner.caller, made, kind.upper())
    memory = Memory.objects.get()
    assert (memory.project, memory.memory_type_id, memory.title, memory.module, memory.tags) == (
        app,
        kind,
        "T",
        "m",
        ["x"],
    )
    assert memory.content_md == "Do it.\n\n## Acceptance criteria\n\n- one\n- two"


def test_a_promotion_that_cannot_be_done_changes_nothing(collaborator, owner, stranger, app):
    made = save_requirement(collaborator.caller, app, "T")
    with pytest.raises(Forbidden):
        promote_requirement(collaborator.caller, made)
    with pytest.raises(Invalid, match="promoted to prompt or decision, not 'error'"):
        promote_requirement(owner.caller, made, "error")
    elsewhere = Caller(
        name="o", role=Role.OWNER, project_ids=stranger.caller.project_ids, project_names=stranger.caller.project_names
    )
    with pytest.raises(NotFound):
        promote_requirement(elsewhere, made)
    made.refresh_from_db()
    assert made.state == S.SUBMITTED


def test_a_second_promotion_is_a_conflict_in_words(collaborator, owner, app):
    made = save_requirement(collaborator.caller, app, "T")
    promote_requirement(owner.caller, made)
    with pytest.raises(Conflict, match=r"^The requirement 'T' is already promoted\.$"):
        promote_requirement(owner.caller, made, "decision")
    assert Memory.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_of_many_promotions_at_once_one_is_done():
    app = Project.objects.create(name="app")
    caller = Caller(name="olga", role=Role.OWNER, project_ids=None)
    made = save_requirement(caller, app, "T")

    def promote(index):
        try:
            return promote_requirement(caller, made).state
        except Conflict:
            return "conflict"
        finally:
            connections.close_all()

    assert sorted(at_once(6, promote)) == ["conflict"] * 5 + ["promoted"]


def test_every_state_has_moves_and_every_state_is_reached():
    assert set(MOVES) == set(S)
    assert {target for moves in MOVES.values() for target in moves} == set(S)


@given(st.sampled_from(list(S)), st.sampled_from(list(S)), st.sampled_from(ROLE_ORDER))
def test_a_move_is_allowed_exactly_as_the_table_says(state, target, role):
    caller = Caller(name="x", role=role, project_ids=None)
    row = Requirement(title="T", state=state)
    needed = MOVES[state].get(target)
    if needed is None:
        with pytest.raises(Conflict):
            require_move(caller, row, target)
    elif not role.includes(needed):
        with pytest.raises(Forbidden):
            require_move(caller, row, target)
    else:
        require_move(caller, row, target)
