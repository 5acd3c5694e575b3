"""Template filters for requirements; how things look is said in requirements_pipeline/appearance.py."""

from django import template
from django.utils.safestring import SafeString

from requirements_pipeline import appearance
from requirements_pipeline.models import Requirement

register = template.Library()


@register.filter
def requirement_state(requirement: Requirement) -> SafeString:
    """Where a requirement stands, as a word and a shape."""
    return appearance.requirement_state(requirement)


@register.filter
def state_shown(state: str) -> SafeString:
    """A state by its value, such as a move's `to_state`, as a word and a shape."""
    return appearance.state_shown(state)


@register.filter
def priority_shown(priority: int) -> SafeString:
    """A priority from 1 to 5 as a shape and a word."""
    return appearance.priority_shown(priority)


@register.filter
def due_shown(requirement: Requirement) -> SafeString | str:
    """The day that a requirement is due, marked when that is over; empty for one without a day."""
    return appearance.due_shown(requirement)
