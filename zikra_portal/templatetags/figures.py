"""Template filters for numbers: money, tokens, counts and lengths of time, alike on every page."""

from datetime import timedelta
from decimal import Decimal

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from runs.models import CostSource, Run
from runs.money import shown
from runs.tokens import TokenCounts

register = template.Library()

# From here on a count is shown in thousands, millions, billions, with the exact number on hover.
LONG_COUNT = 100_000
# 999,600 rounds to a thousand thousands, which is a million.
UNIT_FROM = 0.9995
UNITS = ((10**9, "B"), (10**6, "M"), (10**3, "k"))


@register.filter
def whole(count: int | None) -> str:
    """12,345; "–" for None."""
    return "–" if count is None else f"{count:,}"


@register.filter
def tokens(count: int | None) -> SafeString:
    """12,345 as it is, 1.2M with the exact number on hover and for screen readers; "–" for None."""
    if count is None:
        return _unknown("–", "Nobody told")
    if count < LONG_COUNT:
        return format_html('<span class="figures">{}</span>', f"{count:,}")
    return format_html(
        '<span class="figures" title="{0}"><span aria-hidden="true">{1}</span><span class="visually-hidden">{0}</span></span>',
        f"{count:,}",
        short_count(count),
    )


def short_count(count: float | Decimal) -> str:
    """12.3k, 1.2M, 3.4B: three digits at most before the unit, one after the point while it says something."""
    size, unit = next(((size, unit) for size, unit in UNITS if count / size >= UNIT_FROM), (1, ""))
    share = count / size
    digits = f"{share:.1f}" if share < 99.95 and size > 1 else f"{share:,.0f}"
    return f"{digits.removesuffix('.0')}{unit}"


@register.filter
def money(usd: Decimal | None, empty: str = "–") -> SafeString:
    """US dollars in the shown currency, "< $0.01" for less than a cent; `empty` for None."""
    return format_html('<span class="figures nowrap">{}</span>', shown(usd, empty=empty))


@register.filter
def run_tokens(run: Run) -> SafeString:
    """All tokens of a run, or of one of its models; "–" where none were told."""
    counts = TokenCounts.of(run)
    return tokens(counts.total if counts.is_known else None)


@register.filter
def run_cost(run: Run) -> SafeString:
    """What a run costs; in words where it is not known. Whether the reader may see it is the view's to ask."""
    if run.cost_usd is not None:
        return money(run.cost_usd)
    if run.cost_source == CostSource.NO_PRICE:
        return _unknown("no price", "The table of prices has no such model")
    return _unknown("–", "No tokens told")


@register.filter
def duration(time: timedelta | None) -> SafeString:
    """A length of time to two units: 42 s, 3 min 05 s, 1 h 05 min, 2 d 03 h; "–" for None."""
    if time is None:
        return _unknown("–", "Nobody told")
    return format_html('<span class="figures nowrap">{}</span>', duration_shown(time))


def duration_shown(time: timedelta) -> str:
    """The same as plain text; less than a second is "< 1 s", nothing is "0 s"."""
    seconds = time.total_seconds()
    if 0 < seconds < 1:
        return "< 1 s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days:,} d {hours:02} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _unknown(word: str, reason: str) -> SafeString:
    return format_html('<span class="quiet nowrap" title="{}">{}</span>', reason, word)
