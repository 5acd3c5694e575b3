"""What waits for whom: each state for those who can move it on, and what came back for those it came back to."""

from datetime import timedelta

import pytest
from django.utils import timezone

from access.roles import Role
from requirements_pipeline.models import RequirementMove, RequirementState
from requirements_pipeline.moves import move_requirement
from requirements_pipeline.waiting import given_to, sent_back_to, waiting_for_promotion, waiting_for_review
from requirements_pipeline.writing import save_requirement
from tests.conftest import make_person

pytestmark = pytest.mark.django_db
S = RequirementState


@pytest.fixture
def admin(app):
    return make_person("ada", Role.ADMIN, app)


def titles(rows):
    return [row.title for row in rows]


def test_submitted_ones_wait_for_owners_and_those_in_review_for_admins(
    owner, admin, collaborator, stranger, app, secret_project
):
    save_requirement(collaborator.caller, app, "Later", priority=4)
    save_requirement(collaborator.caller, app, "First", priority=1)
    save_requirement(collaborator.caller, app, "Draft", state="draft")
    save_requirement(owner.caller, secret_project, "Hidden")
    reviewed = save_requirement(collaborator.caller, app, "Reviewed")
    for target in (S.PROMOTED, S.IN_PROGRESS, S.IN_REVIEW):
        move_requirement(owner.caller, reviewed, target)
    assert titles(waiting_for_promotion(owner.caller)) == ["First", "Hidden", "Later"]
    assert titles(waiting_for_promotion(owner.caller, [app.pk])) == ["First", "Later"]
    assert titles(waiting_for_review(owner.caller)) == titles(waiting_for_review(admin.caller)) == ["Reviewed"]
    for person in (admin, collaborator, stranger):
        assert titles(waiting_for_promotion(person.caller)) == []
    for person in (collaborator, stranger):
        assert titles(waiting_for_review(person.caller)) == []


def test_open_ones_wait_for_the_member_they_are_assigned_to(owner, collaborator, stranger, app):
    for title in ("Open", "Held", "Over"):
        save_requirement(owner.caller, app, title, assignee="carl")
    save_requirement(owner.caller, app, "Nobody's")
    rows = {row.title: row for row in given_to(collaborator.caller)}
    assert set(rows) == {"Open", "Held", "Over"}
    move_requirement(owner.caller, rows["Held"], S.ON_HOLD, reason="After the audit.")
    move_requirement(owner.caller, rows["Over"], S.REJECTED, reason="Done elsewhere.")
    assert titles(given_to(collaborator.caller)) == ["Open"]
    assert titles(given_to(owner.caller)) == titles(given_to(stranger.caller)) == []


def test_what_others_sent_back_waits_for_its_author_until_it_moves_on(owner, collaborator, stranger, app):
    rejected = save_requirement(collaborator.caller, app, "Rejected")
    returned = save_requirement(collaborator.caller, app, "Returned")
    mine = save_requirement(collaborator.caller, app, "Taken back by its author")
    save_requirement(collaborator.caller, app, "Untouched")
    move_requirement(owner.caller, rejected, S.REJECTED, reason="Too dear.")
    move_requirement(owner.caller, returned, S.DRAFT)
    move_requirement(collaborator.caller, mine, S.DRAFT)
    back = list(sent_back_to(collaborator.caller))
    assert [(move.requirement.title, move.reason, move.by) for move in back] == [
        ("Returned", "", "olga"),
        ("Rejected", "Too dear.", "olga"),
    ]
    assert list(sent_back_to(owner.caller)) == list(sent_back_to(stranger.caller)) == []
    returned.refresh_from_db()
    move_requirement(collaborator.caller, returned, S.SUBMITTED)
    assert [move.requirement.title for move in sent_back_to(collaborator.caller)] == ["Rejected"]
    RequirementMove.objects.filter(requirement=rejected).update(at=timezone.now() - timedelta(days=31))
    assert list(sent_back_to(collaborator.caller)) == []


def test_work_that_a_review_sends_back_waits_for_who_did_it(owner, collaborator, app):
    requirement = save_requirement(owner.caller, app, "Half done", assignee="carl")
    move_requirement(owner.caller, requirement, S.PROMOTED)
    requirement.refresh_from_db()
    for target in (S.IN_PROGRESS, S.IN_REVIEW):
        move_requirement(collaborator.caller, requirement, target)
        requirement.refresh_from_db()
    assert list(sent_back_to(collaborator.caller)) == []
    move_requirement(owner.caller, requirement, S.IN_PROGRESS, reason="The tests are missing.")
    assert [move.reason for move in sent_back_to(collaborator.caller)] == ["The tests are missing."]
