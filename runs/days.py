"""Days and months that costs belong to, in the costs' time zone (setting COST_TIME_ZONE)."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone


def day_of(moment: datetime) -> date:
    """The day that a moment's costs belong to, in the costs' time zone."""
    return moment.astimezone(ZoneInfo(settings.COST_TIME_ZONE)).date()


def today() -> date:
    """The day that a run belongs to which starts now."""
    return day_of(timezone.now())


def month_of(day: date) -> date:
    """The first day of a day's month."""
    return day.replace(day=1)
