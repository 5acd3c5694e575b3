"""What a question about costs asks for: which days, cut how, grouped by what, of which runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TypeVar

from django.db import models

from access.errors import Invalid
from runs.days import month_of, today
from runs.models import Dimension

Choice = TypeVar("Choice", bound=models.TextChoices)

# A filter's word for runs that name none, such as those without a requirement.
NONE = "-"
# Three years and the three before them are compared in one answer.
MOST_DAYS = 1096


class Period(models.TextChoices):
    """How a range is cut into parts. Weeks begin on Monday."""

    DAY = "day", "Day"
    WEEK = "week", "Week"
    MONTH = "month", "Month"


class Range(models.TextChoices):
    """Ranges with a name; each ends today or with a finished month."""

    LAST_7_DAYS = "last_7_days", "Last 7 days"
    LAST_30_DAYS = "last_30_days", "Last 30 days"
    THIS_MONTH = "this_month", "This month"
    LAST_MONTH = "last_month", "Last month"
    THIS_YEAR = "this_year", "This year"
    LAST_12_MONTHS = "last_12_months", "Last 12 months"


FILTERED = tuple(dimension for dimension in Dimension if dimension is not Dimension.PROJECT)


@dataclass(frozen=True)
class CostFilters:
    """A question about costs.

    first, last: the days meant, both included. only: by dimension the one key that counts, "" for runs that name none.
    project_ids: None for every project in the asker's sight. mine: only the asker's own runs.
    """

    first: date
    last: date
    by: Period = Period.DAY
    group: Dimension = Dimension.PROJECT
    project_ids: tuple[int, ...] | None = None
    only: Mapping[Dimension, str] = field(default_factory=dict)
    mine: bool = False
    named_range: Range | None = None

    @property
    def days(self) -> int:
        """How many days are meant."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> date:
        """The first of as many days right before."""
        return self.first - timedelta(days=self.days)

    def periods(self) -> list[date]:
        """The first day of each part that the range touches, oldest first."""
        starts, day = [], start_of(self.by, self.first)
        while day <= self.last:
            starts.append(day)
            day = next_start(self.by, day)
        return starts

    def grouped_by(self, group: Dimension) -> "CostFilters":
        """The same question with other groups."""
        return replace(self, group=group)


def coarsened(filters: CostFilters, most_parts: int) -> CostFilters:
    """The same question in the finest parts that are no more than so many, and no finer than asked."""
    for by in (filters.by, Period.WEEK, Period.MONTH):
        coarser = replace(filters, by=by)
        if len(coarser.periods()) <= most_parts:
            return coarser
    return replace(filters, by=Period.MONTH)


def start_of(by: Period, day: date) -> date:
    """The first day of the part that a day lies in."""
    if by is Period.MONTH:
        return month_of(day)
    return day - timedelta(days=day.weekday()) if by is Period.WEEK else day


def next_start(by: Period, start: date) -> date:
    """The first day of the part after this one."""
    if by is Period.MONTH:
        return month_of(start + timedelta(days=31))
    return start + timedelta(days=7 if by is Period.WEEK else 1)


def days_of(named: Range, now: date) -> tuple[date, date]:
    """First and last day of a named range, seen from a day."""
    if named is Range.LAST_MONTH:
        last = month_of(now) - timedelta(days=1)
        return month_of(last), last
    firsts = {
        Range.LAST_7_DAYS: now - timedelta(days=6),
        Range.LAST_30_DAYS: now - timedelta(days=29),
        Range.THIS_MONTH: month_of(now),
        Range.THIS_YEAR: now.replace(month=1, day=1),
        Range.LAST_12_MONTHS: month_of(now - timedelta(days=335)),
    }
    return firsts[named], now


def read_filters(given: Mapping[str, str], project_ids: tuple[int, ...] | None = None) -> CostFilters:
    """The question that words ask, as in an address or a command.

    given: `range` (a name), or `first` and `last` (2026-11-21); `by`, `group`; `person`, `agent`, `model`, `machine`,
    `prompt`, `requirement` (a key, or "-" for none); `mine`. What is blank counts as left out: then the last 30 days, by
    project, by day (by week from three months on, by month from a year on). Raises Invalid in words.
    """
    words = {name: str(word).replace("\x00", "").strip() for name, word in given.items() if word is not None}
    named, first, last = _days(words)
    by = _choice(Period, "by", words.get("by", "")) or fitting_period(first, last)
    return CostFilters(
        first=first,
        last=last,
        by=by,
        group=_choice(Dimension, "group", words.get("group", "")) or Dimension.PROJECT,
        project_ids=project_ids,
        only={
            dimension: "" if words[dimension.value] == NONE else words[dimension.value]
            for dimension in FILTERED
            if words.get(dimension.value)
        },
        mine=words.get("mine", "").casefold() in ("1", "true", "yes", "on"),
        named_range=named,
    )


def fitting_period(first: date, last: date) -> Period:
    """Parts that a chart of the range has room for."""
    days = (last - first).days + 1
    return Period.DAY if days <= 92 else Period.WEEK if days <= 366 else Period.MONTH


def _days(words: Mapping[str, str]) -> tuple[Range | None, date, date]:
    first, last = _date("first", words.get("first", "")), _date("last", words.get("last", ""))
    now = today()
    if first is None and last is None:
        named = _choice(Range, "range", words.get("range", "")) or Range.LAST_30_DAYS
        return named, *days_of(named, now)
    last = last or max(now, first or now)
    first = first or last - timedelta(days=29)
    if first > last:
        raise _problem("first", f"{first} lies after the last day, {last}.")
    if (last - first).days >= MOST_DAYS:
        raise _problem("first", f"{first} to {last} is longer than {MOST_DAYS} days; ask for a shorter range.")
    return None, first, last


def _date(name: str, word: str) -> date | None:
    if not word:
        return None
    try:
        found = date.fromisoformat(word)
    except ValueError:
        raise _problem(name, f"'{word[:40]}' is no day; write it as in 2026-11-21.") from None
    if not date(2000, 1, 1) <= found <= date(2999, 12, 31):
        raise _problem(name, f"{found} lies outside of the years 2000 to 2999.")
    return found


def _choice(choices: type[Choice], name: str, word: str) -> Choice | None:
    if not word:
        return None
    try:
        return choices(word.casefold())
    except ValueError:
        raise _problem(name, f"'{word[:40]}' is none of {', '.join(choices.values)}.") from None


def _problem(name: str, problem: str) -> Invalid:
    return Invalid(f"{name}: {problem}", fields={name: [problem]})
