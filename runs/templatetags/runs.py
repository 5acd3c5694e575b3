"""Template filters for runs."""

from datetime import timedelta

from django import template
from django.utils.safestring import SafeString

from access.callers import Caller
from runs import appearance
from runs.models import Run
from runs.visibility import may_see_cost

register = template.Library()


@register.filter
def run_state(run: Run) -> SafeString:
    """What a run is doing or how it ended, as a word and a shape."""
    return appearance.run_state(run)


@register.filter
def run_name(run: Run) -> str:
    """What a run is called in a list."""
    return appearance.run_name(run)


@register.filter
def elapsed(run: Run) -> timedelta:
    """How long a run took, or has been going."""
    return run.elapsed()


@register.filter
def shows_cost_to(run: Run, caller: Caller) -> bool:
    """Whether a reader may see what this run takes and costs."""
    return may_see_cost(caller, run)
