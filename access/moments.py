"""Times as people read them: how long ago, with the exact moment on hover and for machines."""

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

# The largest unit that fits is told; months and years are only ever rough.
UNITS = (("year", 31_536_000), ("month", 2_592_000), ("day", 86_400), ("hour", 3_600), ("minute", 60))
JUST_NOW_SECONDS = 45


def distance_in_words(moment: datetime, now: datetime | None = None) -> str:
    """How far a moment lies away: "3 hours ago", "in 2 days", "just now"."""
    passed = (now or timezone.now()) - moment
    if abs(passed.total_seconds()) < JUST_NOW_SECONDS:
        return "just now"
    words = length_in_words(abs(passed))
    return f"{words} ago" if passed > timedelta() else f"in {words}"


def length_in_words(length: timedelta) -> str:
    """A length of time in its largest whole unit: "1 hour", "3 days"; a minute at least."""
    seconds = length.total_seconds()
    name, size = next((unit for unit in UNITS if seconds >= unit[1]), UNITS[-1])
    count = max(1, int(seconds // size))
    return f"{count} {name}{'' if count == 1 else 's'}"


def relative_time(moment: datetime | None, *, empty: str = "never") -> SafeString:
    """A `time` element: relative words, the exact moment in the reader's zone on hover and for screen readers."""
    if moment is None:
        return format_html('<span class="quiet">{}</span>', empty)
    local = timezone.localtime(moment)
    return format_html(
        '<time class="nowrap" datetime="{}" title="{}">{}<span class="visually-hidden"> ({})</span></time>',
        moment.isoformat(),
        f"{date_format(local, 'j M Y, H:i')} {local.tzname()}",
        distance_in_words(moment),
        date_format(local, "j M Y, H:i"),
    )
