"""How requirements look, on every page alike: their states, priorities and due dates."""

from datetime import date
from functools import cache

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from access.appearance import state_label
from requirements_pipeline.models import STATE_GROUPS, Requirement, RequirementState

STATE_LOOKS = {
    RequirementState.DONE: "good",
    RequirementState.REJECTED: "bad",
    RequirementState.ON_HOLD: "attention",
    RequirementState.SUBMITTED: "attention",
}
# A word and a shape for each priority: nobody needs to remember which end of the numbers is the urgent one.
PRIORITIES = {1: ("↑↑", "Urgent"), 2: ("↑", "High"), 3: ("–", "Normal"), 4: ("↓", "Low"), 5: ("↓↓", "Lowest")}
# The year is told where it is not the reader's own.
DAY, DAY_AND_YEAR = "j M", "j M Y"


def requirement_state(requirement: Requirement) -> SafeString:
    """Where a requirement stands, as a word and a shape."""
    return state_shown(requirement.state)


@cache
def state_shown(state: str) -> SafeString:
    """A state by its value ("in_progress"), as a word and a shape."""
    known = RequirementState(state)
    return state_label(str(known.label), STATE_LOOKS.get(known, ""))


@cache
def priority_shown(priority: int) -> SafeString:
    """A priority from 1 to 5 as a shape and a word, with the number on hover."""
    shape, word = PRIORITIES[priority]
    return format_html(
        '<span class="priority priority-{0}" title="Priority {0} of 5"><span aria-hidden="true">{1}</span> {2}</span>',
        priority,
        shape,
        word,
    )


def is_overdue(requirement: Requirement, today: date | None = None) -> bool:
    """Whether its day is over and it is neither done nor rejected. today: the reader's when left out."""
    if requirement.due_on is None or requirement.state in STATE_GROUPS["resolved"]:
        return False
    return requirement.due_on < (today or timezone.localdate())


def due_shown(requirement: Requirement, today: date | None = None) -> SafeString | str:
    """The day that it is due, marked in words and by a shape when that is over; empty for one without a day."""
    if requirement.due_on is None:
        return ""
    reader_s = today or timezone.localdate()
    day = date_format(requirement.due_on, DAY if requirement.due_on.year == reader_s.year else DAY_AND_YEAR)
    if is_overdue(requirement, reader_s):
        return state_label(f"overdue, {day}", "bad")
    return format_html('<span class="nowrap">due {}</span>', day)
