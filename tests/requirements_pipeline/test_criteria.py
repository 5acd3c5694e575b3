"""Acceptance criteria as a checklist: which are met, who says so, and since when."""

import pytest
from django.utils import timezone

from access.callers import Caller
from access.errors import Conflict, Forbidden, Invalid, NotFound
from access.roles import Role
from requirements_pipeline.criteria import check_criterion, criteria_of
from requirements_pipeline.models import MetCriterion, RequirementState
from requirements_pipeline.moves import move_requirement, promote_requirement
from requirements_pipeline.pulling import finish_requirement, pull_requirement
from requirements_pipeline.writing import save_requirement

S = RequirementState
LONG = "语" * 1000


@pytest.fixture
def requirement(collaborator, app):
    return save_requirement(collaborator.caller, app, "T", acceptance=["one", "two", LONG])


def met(criteria) -> list[tuple[str, str | None]]:
    return [(row.text, row.met_by) for row in criteria]


def test_each_is_met_by_somebody_and_can_be_taken_back(collaborator, owner, requirement):
    before = timezone.now()
    assert met(check_criterion(collaborator.caller, requirement, 2, True)) == [
        ("one", None),
        ("two", "carl"),
        (LONG, None),
    ]
    first = MetCriterion.objects.get()
    assert (first.member, before <= first.at <= timezone.now()) == (collaborator.member, True)
    check_criterion(owner.caller, requirement, 2, True)
    check_criterion(owner.caller, requirement, 3, True)
    assert met(criteria_of(requirement)) == [("one", None), ("two", "carl"), (LONG, "olga")]
    assert [row.is_met for row in check_criterion(owner.caller, requirement, 2, False)] == [False, False, True]
    assert [row.is_met for row in check_criterion(owner.caller, requirement, 2, False)] == [False, False, True]


def test_rewriting_the_list_keeps_what_stays(collaborator, app, requirement):
    for number in (1, 2):
        check_criterion(collaborator.caller, requirement, number, True)
    changed = save_requirement(collaborator.caller, app, "T", acceptance=["two", "new"])
    assert met(criteria_of(changed)) == [("two", "carl"), ("new", None)]
    again = save_requirement(collaborator.caller, app, "T", acceptance=["one", "two"])
    assert met(criteria_of(again)) == [("one", None), ("two", "carl")]


def test_only_those_who_work_in_the_project_check(stranger, app, requirement):
    guest = Caller(name="gina", role=Role.GUEST, project_ids=frozenset({app.pk}), project_names=("app",))
    with pytest.raises(Forbidden):
        check_criterion(guest, requirement, 1, True)
    with pytest.raises(NotFound):
        check_criterion(stranger.caller, requirement, 1, True)
    assert MetCriterion.objects.count() == 0


@pytest.mark.parametrize("number", [0, -1, 4, 10**30])
def test_a_number_that_is_not_in_the_list_is_refused_in_words(collaborator, requirement, number):
    with pytest.raises(Invalid, match=rf"^'T' has no criterion '{number}'; it has 3, numbered from 1\.$") as refused:
        check_criterion(collaborator.caller, requirement, number, True)
    assert list(refused.value.extra["fields"]) == ["number"]


def test_what_is_decided_stays(owner, requirement):
    move_requirement(owner.caller, requirement, S.REJECTED, reason="No.")
    with pytest.raises(Conflict, match=r"^'T' is rejected; its criteria stay as they are\.$"):
        check_criterion(owner.caller, requirement, 1, True)


def test_handing_in_tells_what_is_met_by_number_or_text(collaborator, owner, requirement):
    promote_requirement(owner.caller, requirement)
    pull_requirement(collaborator.caller)
    for unknown in ("three", "0", "²"):
        with pytest.raises(Invalid, match="'T' has no criterion"):
            finish_requirement(collaborator.caller, requirement, criteria_met=[1, unknown])
    requirement.refresh_from_db()
    assert (requirement.state, MetCriterion.objects.count()) == (S.IN_PROGRESS, 0)
    finish_requirement(collaborator.caller, requirement, criteria_met=["3", " two ", 2])
    assert met(criteria_of(requirement)) == [("one", None), ("two", "carl"), (LONG, "carl")]
