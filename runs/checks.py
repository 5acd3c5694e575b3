"""Wrong settings of runs and costs, told at the start with what to do."""

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.checks import Error, Tags, register


@register(Tags.compatibility)
def check_cost_settings(**_: Any) -> list[Error]:
    """COST_TIME_ZONE names a zone, COST_CURRENCY a currency, rate and stale time are above 0."""
    problems = []
    try:
        ZoneInfo(settings.COST_TIME_ZONE)
    except (KeyError, ValueError, OSError):
        problems.append(
            Error(
                f"COST_TIME_ZONE is '{settings.COST_TIME_ZONE}', which is no time zone.",
                hint="Name one as in Europe/Berlin, or leave it out for UTC.",
                id="runs.E001",
            )
        )
    if not (len(settings.COST_CURRENCY) == 3 and settings.COST_CURRENCY.isalpha()):
        problems.append(
            Error(
                f"COST_CURRENCY is '{settings.COST_CURRENCY}', which is no currency.",
                hint="Give its code of three letters, such as EUR.",
                id="runs.E002",
            )
        )
    if not (settings.COST_CURRENCY_RATE.is_finite() and settings.COST_CURRENCY_RATE > 0):
        problems.append(
            Error(
                f"COST_CURRENCY_RATE is {settings.COST_CURRENCY_RATE}; it must be above 0.",
                hint="Say how much of COST_CURRENCY one US dollar is.",
                id="runs.E003",
            )
        )
    if settings.RUN_STALE_SECONDS <= 0:
        problems.append(
            Error(
                f"RUN_STALE_SECONDS is {settings.RUN_STALE_SECONDS}; it must be above 0.",
                hint="600 marks a run as stale after ten silent minutes.",
                id="runs.E004",
            )
        )
    return problems
