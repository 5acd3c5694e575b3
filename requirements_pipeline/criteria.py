"""Acceptance criteria as a checklist: which are met, who says so, and since when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from access.callers import Caller
from access.errors import Conflict, Invalid
from access.roles import Role
from requirements_pipeline.models import NAME_LENGTH, STATE_GROUPS, MetCriterion, Requirement
from requirements_pipeline.moves import locked_requirement


@dataclass(frozen=True)
class Criterion:
    """One acceptance criterion. number: its place in the list, from 1. met_by and met_at: None while it is not met."""

    number: int
    text: str
    met_by: str | None = None
    met_at: datetime | None = None

    @property
    def is_met(self) -> bool:
        """Whether somebody said that it is met."""
        return self.met_at is not None


def criteria_of(requirement: Requirement) -> list[Criterion]:
    """A requirement's criteria in their order, met or not."""
    met = {row.text: row for row in requirement.met_criteria.all()}
    return [
        Criterion(number, text, met[text].by, met[text].at) if text in met else Criterion(number, text)
        for number, text in enumerate(requirement.acceptance, 1)
    ]


def check_criterion(caller: Caller, requirement: Requirement, number: int, met: bool) -> list[Criterion]:
    """Say of a criterion that it is met, or not after all; answers the whole list. Needs a collaborator.

    number: its place in the list, from 1. One that is met already keeps who said so first, and when. Raises Invalid for
    a number that the list does not have, Conflict when the requirement is done or rejected, NotFound out of sight.
    """
    caller.require(Role.COLLABORATOR)
    with transaction.atomic():
        locked = locked_requirement(caller, requirement.pk)
        if locked.state in STATE_GROUPS["resolved"]:
            raise Conflict(f"'{locked.title}' is {locked.get_state_display().lower()}; its criteria stay as they are.")
        text = _named(locked, number, "number")
        if met:
            meet_criteria(caller, locked, [number])
        else:
            locked.met_criteria.filter(text=text).delete()
        return criteria_of(locked)


def meet_criteria(caller: Caller, requirement: Requirement, names: Iterable[str | int]) -> None:
    """Keep that criteria are met, for a row that this transaction has locked.

    names: numbers from 1, also written as digits, or the criteria's texts. Raises Invalid for one that is not there.
    """
    texts = dict.fromkeys(_named(requirement, name, "criteria_met") for name in names)
    MetCriterion.objects.bulk_create(
        [
            MetCriterion(requirement=requirement, text=text, by=caller.name[:NAME_LENGTH], member_id=caller.member_id)
            for text in texts
        ],
        ignore_conflicts=True,
    )


def forget_dropped_criteria(requirement: Requirement) -> None:
    """After its list was rewritten: what no longer stands in it is no longer met."""
    requirement.met_criteria.exclude(text__in=requirement.acceptance).delete()


def _named(requirement: Requirement, name: str | int, field: str) -> str:
    """The text of the criterion of this number or text."""
    wanted = " ".join(str(name).split())
    if isinstance(name, str) and wanted in requirement.acceptance:
        return wanted
    count = len(requirement.acceptance)
    # No list is so long that its numbers have more digits.
    if wanted.isascii() and wanted.isdigit() and len(wanted) <= len(str(count)) and 1 <= int(wanted) <= count:
        return requirement.acceptance[int(wanted) - 1]
    problem = f"'{requirement.title}' has no criterion {wanted[:60]!r}; it has {count}, numbered from 1."
    raise Invalid(problem, fields={field: [problem]})
