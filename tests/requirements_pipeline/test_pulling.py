"""Agents take requirements, one each, and hand them in."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from access.callers import Caller
from access.errors import Conflict, Forbidden, Invalid, NotFound
from access.roles import Role
from requirements_pipeline.models import Requirement, RequirementMove, RequirementState
from requirements_pipeline.moves import move_requirement, promote_requirement
from requirements_pipeline.pulling import finish_requirement, pull_requirement, return_dropped_requirements
from requirements_pipeline.writing import save_requirement
from runs.recording import heartbeat_run, start_run
from tests.conftest import make_person
from tests.runs.test_recording import at_once

S = RequirementState


@pytest.fixture
def promoted(owner, app):
    """Promote new requirements: `promoted("A", priority=1)`."""

    def make(title: str, **told) -> Requirement:
        return promote_requirement(owner.caller, save_requirement(owner.caller, app, title, **told))

    return make


def moves(requirement: Requirement) -> list[tuple[str, str, str, str]]:
    return list(requirement.moves.values_list("from_state", "to_state", "by", "reason"))


def test_the_most_urgent_comes_first_then_the_longest_promoted(collaborator, promoted):
    promoted("Later", priority=3)
    promoted("First", priority=1)
    promoted("Second", priority=1)
    pulled = [pull_requirement(collaborator.caller, runner="codex") for _ in range(4)]
    assert [found and found.title for found in pulled] == ["First", "Second", "Later", None]
    first = Requirement.objects.get(title="First")
    assert (first.state, first.claimed_by, first.claimant) == (S.IN_PROGRESS, "codex", collaborator.member)
    assert moves(first) == [
        ("submitted", "promoted", "olga", ""),
        ("promoted", "in_progress", "carl", ""),
    ]


def test_what_depends_on_others_waits_for_them(owner, collaborator, promoted):
    base, built = promoted("Base", priority=5), promoted("Built on it", priority=1)
    built.depends_on.add(base)
    assert pull_requirement(collaborator.caller) == base
    assert pull_requirement(collaborator.caller) is None
    finish_requirement(collaborator.caller, base)
    assert pull_requirement(collaborator.caller) is None
    move_requirement(owner.caller, base, S.DONE)
    assert pull_requirement(collaborator.caller) == built


def test_what_is_assigned_is_its_assignees(collaborator, app, promoted):
    cora = make_person("cora", "collaborator", app)
    Requirement.objects.filter(pk=promoted("Hers").pk).update(assignee=cora.member)
    assert pull_requirement(collaborator.caller) is None
    assert pull_requirement(cora.caller).title == "Hers"


def test_strangers_and_guests_pull_nothing(stranger, app, promoted):
    promoted("A")
    guest = Caller(name="gina", role=Role.GUEST, project_ids=frozenset({app.pk}), project_names=("app",))
    assert pull_requirement(stranger.caller) is None
    with pytest.raises(Forbidden):
        pull_requirement(guest)
    assert Requirement.objects.get().state == S.PROMOTED


@pytest.mark.django_db(transaction=True)
def test_twenty_agents_at_once_get_twenty_requirements(owner, collaborator, app, promoted):
    for number in range(20):
        promoted(f"Requirement {number}")
    pulled = at_once(20, lambda number: pull_requirement(collaborator.caller).title)
    assert sorted(pulled) == sorted(f"Requirement {number}" for number in range(20))
    assert RequirementMove.objects.filter(to_state=S.IN_PROGRESS).count() == 20
    assert pull_requirement(collaborator.caller) is None


def test_it_is_handed_in_by_who_claimed_it_or_an_admin(owner, collaborator, stranger, app, promoted):
    requirement = promoted("A")
    cora = make_person("cora", "collaborator", app)
    with pytest.raises(Conflict, match="is promoted and cannot become in review"):
        finish_requirement(collaborator.caller, requirement)
    pull_requirement(collaborator.caller)
    with pytest.raises(Conflict, match="'A' is being worked on by carl"):
        finish_requirement(cora.caller, requirement)
    with pytest.raises(NotFound):
        finish_requirement(stranger.caller, requirement)
    with pytest.raises(Invalid, match="An outcome is one of"):
        finish_requirement(collaborator.caller, requirement, outcome="perhaps")
    done = finish_requirement(collaborator.caller, requirement, output_summary="With tests.")
    assert (done.state, done.claimed_by, moves(done)[-1]) == (
        S.IN_REVIEW,
        "carl",
        ("in_progress", "in_review", "carl", "With tests."),
    )


def test_what_is_given_back_waits_again(collaborator, promoted):
    requirement = promoted("A")
    pull_requirement(collaborator.caller)
    given_back = finish_requirement(collaborator.caller, requirement, outcome="Blocked")
    assert (given_back.state, given_back.claimed_by, given_back.promoted_by) == (S.PROMOTED, "", "olga")
    assert moves(given_back)[-1] == ("in_progress", "promoted", "carl", "Given back: blocked.")
    assert pull_requirement(collaborator.caller) == requirement


def test_silence_gives_it_back_and_signs_of_life_keep_it(collaborator, app, promoted, settings):
    settings.RUN_STALE_SECONDS = 600
    kept, dropped = promoted("Kept"), promoted("Dropped")
    with time_machine.travel(timezone.now(), tick=False) as clock:
        start = timezone.now()
        for requirement in (kept, dropped):
            pull_requirement(collaborator.caller)
            start_run(collaborator.caller, app, session_id=requirement.title, requirement_id=requirement.pk)
        clock.move_to(start + timedelta(minutes=9))
        heartbeat_run(collaborator.caller, app, session_id="Kept")
        assert return_dropped_requirements() == []
        clock.move_to(start + timedelta(minutes=11))
        assert return_dropped_requirements() == [dropped]
        assert return_dropped_requirements() == []
    dropped.refresh_from_db()
    assert (dropped.state, dropped.claimed_by) == (S.PROMOTED, "")
    assert moves(dropped)[-1] == (
        "in_progress",
        "promoted",
        "lease",
        "carl has not been heard of since it was claimed.",
    )
    assert Requirement.objects.get(pk=kept.pk).state == S.IN_PROGRESS


@pytest.mark.parametrize("target", [S.REJECTED, S.ON_HOLD])
def test_aside_needs_a_reason(owner, promoted, target):
    requirement = promoted("A")
    with pytest.raises(Invalid, match="Say why 'A' goes from promoted to"):
        move_requirement(owner.caller, requirement, target, reason=" ")
    assert Requirement.objects.get().state == S.PROMOTED
    moved = move_requirement(owner.caller, requirement, target, reason="Not now: sk-" + "a1B2c3D4" * 5)
    assert moved.state == target
    assert "a1B2c3D4" not in moves(moved)[-1][3]
