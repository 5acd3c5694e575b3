"""Template filters for times."""

from datetime import datetime, timedelta

from django import template
from django.utils.safestring import SafeString

from access.moments import length_in_words, relative_time

register = template.Library()


@register.filter
def ago(moment: datetime | None) -> SafeString:
    """How long ago, with the exact moment on hover; "never" for None."""
    return relative_time(moment)


@register.filter
def in_words(time: timedelta) -> str:
    """A length of time in words."""
    return length_in_words(time)
