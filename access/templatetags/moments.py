"""Template filters for times."""

from datetime import datetime

from django import template
from django.utils.safestring import SafeString

from access.moments import relative_time

register = template.Library()


@register.filter
def ago(moment: datetime | None) -> SafeString:
    """How long ago, with the exact moment on hover; "never" for None."""
    return relative_time(moment)
