"""What the costs page, its chart and its CSV show: the same rows, made once from a report."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from io import StringIO
from typing import Any

from django.conf import settings
from django.http import QueryDict
from django.urls import NoReverseMatch, reverse

from access.models import Project
from runs.cost_filters import NONE, CostFilters, Period
from runs.costs import CostGroup, CostReport, CostSums, change
from runs.models import Dimension
from runs.money import in_currency, in_words
from zikra_portal.charts import Amount, Series, StackedBars, stacked_bars

# What runs that name no agent, prompt … are called.
WITHOUT = {
    Dimension.PROJECT: "No project",
    Dimension.PERSON: "Nobody",
    Dimension.AGENT: "No agent named",
    Dimension.MODEL: "No model named",
    Dimension.MACHINE: "No machine named",
    Dimension.PROMPT: "No prompt",
    Dimension.REQUIREMENT: "No requirement",
}
# What one asks next about a group: first by this, where the filters do not say it yet.
NEXT_GROUPS = (Dimension.PERSON, Dimension.MODEL, Dimension.AGENT, Dimension.MACHINE, Dimension.PROMPT)
# The words of the history's address for a dimension; the others it cannot filter by.
HISTORY_WORDS = (Dimension.PERSON, Dimension.AGENT, Dimension.MODEL, Dimension.MACHINE)
HISTORY_IDS = (Dimension.PROMPT, Dimension.REQUIREMENT)
# A spreadsheet takes a cell that begins so for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
# Millionths, as they are stored: in cents, shares of many runs would round away.
EXACT = Decimal("0.000001")


@dataclass(frozen=True)
class CostRow:
    """A row of the table of groups. css_class: its colour in the chart, if it is drawn; address, runs_address: where it leads, or ""."""

    name: str
    sums: CostSums
    before: CostSums
    css_class: str = ""
    address: str = ""
    runs_address: str = ""

    @property
    def change(self) -> Decimal | None:
        """How much more it cost than before, as a share of that; None without a before."""
        return change(self.sums, self.before)


@dataclass(frozen=True)
class PartRow:
    """A part of the range: its words, its cost by drawn group and beyond those, and its sums."""

    first: date
    words: str
    cells: list[Decimal]
    rest: Decimal
    sums: CostSums


SORTS: Mapping[str, Callable[[CostRow], Any]] = {
    "name": lambda row: row.name.casefold(),
    "cost": lambda row: row.sums.cost_usd,
    "before": lambda row: row.before.cost_usd,
    "change": lambda row: Decimal("-Infinity") if row.change is None else row.change,
    "runs": lambda row: row.sums.runs,
    "tokens": lambda row: row.sums.tokens,
    "savings": lambda row: row.sums.cache_savings_usd,
    "unpriced": lambda row: row.sums.unpriced_tokens,
}


class CostTables:
    """A report in words: its groups with names and links, its parts, its chart and its CSV.

    words: the address's words, which links keep. sees_people: whether the reader may group by person.
    """

    def __init__(self, report: CostReport, words: QueryDict, *, sees_people: bool) -> None:
        self.report = report
        self.filters = report.filters
        self.words = words
        self.sees_people = sees_people
        self.projects = _project_names(report)
        # Without a cost there is nothing to draw; the table still has the group.
        self.drawn = [group for group in report.drawn if group.sums.cost_usd]
        self.undrawn = sum(bool(group.sums.cost_usd) for group in report.groups) - len(self.drawn)

    # --- groups -------------------------------------------------------------------------------------------------------

    def rows(self, sort: str = "cost", *, descending: bool = True) -> list[CostRow]:
        """The groups as they are sorted; what is beyond the listed ones always comes last."""
        classes = {group.key: f"series-{place}" for place, group in enumerate(self.drawn, start=1)}
        listed = [self._row(group, classes.get(group.key, "")) for group in self.report.groups if group.key is not None]
        listed.sort(key=SORTS[sort], reverse=descending)
        name = f"{self.report.left_out:,} more"
        others = [CostRow(name, group.sums, group.before) for group in self.report.groups if group.key is None]
        return listed + others

    def _row(self, group: CostGroup, css_class: str) -> CostRow:
        return CostRow(
            self.name_of(group), group.sums, group.before, css_class, self._inside(group), self._runs_of(group)
        )

    def name_of(self, group: CostGroup) -> str:
        """What a group is called."""
        if self.filters.group is Dimension.PROJECT:
            return self.projects.get(group.key or "", "A project that is gone")
        return group.label or group.key or WITHOUT[self.filters.group]

    def _inside(self, group: CostGroup) -> str:
        """The same page, narrowed to a group and grouped by what is not said yet."""
        words = self._kept()
        word = self.projects.get(group.key or "") if self.filters.group is Dimension.PROJECT else group.key or NONE
        if not word:
            return ""
        words[self.filters.group.value] = word
        words["group"] = self._next_group().value
        return f"{reverse('costs')}?{words.urlencode()}"

    def _next_group(self) -> Dimension:
        said = {self.filters.group, *self.filters.only}
        allowed = [dimension for dimension in NEXT_GROUPS if dimension is not Dimension.PERSON or self.sees_people]
        return next((dimension for dimension in allowed if dimension not in said), Dimension.MODEL)

    def _kept(self) -> QueryDict:
        words = self.words.copy()
        for name in ("group", "page", "sort"):
            words.pop(name, None)
        return words

    def _runs_of(self, group: CostGroup) -> str:
        """The ended runs that a group is made of; "" where the history cannot be narrowed to them."""
        keys = {**self.filters.only, self.filters.group: group.key or ""}
        words = QueryDict(mutable=True)
        project = self.words.get("project", "")
        if self.filters.group is Dimension.PROJECT:
            project = self.projects.get(keys.pop(Dimension.PROJECT), "")
        if project:
            words["project"] = project
        for dimension, key in keys.items():
            if not key or (dimension in HISTORY_IDS and not _is_id(key)):
                return ""
            words[dimension.value] = key
        words["since"], words["until"] = str(self.filters.first), str(self.filters.last)
        try:
            return f"{reverse('runs')}?{words.urlencode()}"
        except NoReverseMatch:
            return ""

    # --- parts --------------------------------------------------------------------------------------------------------

    def parts(self) -> list[PartRow]:
        """The parts of the range, oldest first, with the cost of each drawn group."""
        keys = [group.key or "" for group in self.drawn]
        found = []
        for first, sums in self.report.parts:
            cells = [self.report.cells.get((first, key), Decimal(0)) for key in keys]
            rest = sums.cost_usd - sum(cells, Decimal(0))
            found.append(PartRow(first, part_words(self.filters, first), cells, rest, sums))
        return found

    def has_rest(self) -> bool:
        """Whether more groups have a cost than are drawn."""
        return self.undrawn > 0

    def drawn_names(self) -> list[str]:
        """Names of the drawn groups, the dearest first."""
        return [self.name_of(group) for group in self.drawn]

    def chart(self) -> StackedBars:
        """Cost over time, a colour for each of the dearest groups."""
        parts = self.parts()
        series = [
            Series(name, [in_currency(part.cells[place]) for part in parts])
            for place, name in enumerate(self.drawn_names())
        ]
        return stacked_bars(
            name="costs-over-time",
            title=f"Cost by {self.filters.by.label.lower()} and {self.filters.group.label.lower()}",
            labels=[part.words for part in parts],
            series=series,
            words=_words,
            tick_words=_tick_words,
            rest=Series(f"Others ({self.undrawn})", [in_currency(part.rest) for part in parts])
            if self.undrawn
            else None,
        )

    # --- CSV ----------------------------------------------------------------------------------------------------------

    def csv_of_groups(self, sort: str = "cost", *, descending: bool = True) -> str:
        """The table of groups with its total, as it is seen, unrounded."""
        currency = settings.COST_CURRENCY
        head = [
            *(self.filters.group.label, f"Cost ({currency})", f"Before ({currency})", "Change (%)", "Runs", "Tokens"),
            *("Input", "Output", "Cache read", "Cache write, 5 min", "Cache write, 1 h"),
            *(f"Cache savings ({currency})", "Tokens without a price"),
        ]
        rows = self.rows(sort, descending=descending)
        total = CostRow("Total", self.report.total, self.report.before)
        return _csv(head, [_csv_row(row) for row in (*rows, total)])

    def csv_of_parts(self) -> str:
        """The table behind the chart with its total, as it is seen, unrounded."""
        currency = settings.COST_CURRENCY
        rest = [f"Others ({currency})"] if self.has_rest() else []
        head = [
            self.filters.by.label,
            *(f"{name} ({currency})" for name in self.drawn_names()),
            *rest,
            *(f"Total ({currency})", "Runs", "Tokens"),
        ]
        return _csv(head, [self._csv_part(part) for part in (*self.parts(), self.total_part())])

    def total_part(self) -> PartRow:
        """The sum of the parts."""
        parts = self.parts()
        cells = [sum(column, Decimal(0)) for column in zip(*(part.cells for part in parts), strict=True)]
        rest = sum((part.rest for part in parts), Decimal(0))
        return PartRow(self.filters.first, "Total", cells, rest, self.report.total)

    def _csv_part(self, part: PartRow) -> list[object]:
        first = part.words if part.words == "Total" else str(part.first)
        rest = [_exact(part.rest)] if self.has_rest() else []
        money = [*(_exact(cell) for cell in part.cells), *rest, _exact(part.sums.cost_usd)]
        return [first, *money, part.sums.runs, part.sums.tokens]


def _project_names(report: CostReport) -> dict[str, str]:
    if report.filters.group is not Dimension.PROJECT:
        return {}
    keys = [int(group.key) for group in report.groups if group.key]
    return {str(pk): name for pk, name in Project.objects.filter(pk__in=keys).values_list("pk", "name")}


def part_words(filters: CostFilters, first: date) -> str:
    """What a part of the range is called: a day or a week's first day "21 Nov", with its year where there are several."""
    if filters.by is Period.MONTH:
        return f"{first:%b %Y}"
    year = f" {first:%Y}" if filters.first.year != filters.last.year else ""
    return f"{first.day} {first:%b}{year}"


def _is_id(key: str) -> bool:
    return len(key) == 36 and key.count("-") == 4


def _words(amount: Amount) -> str:
    return in_words(Decimal(amount))


def _tick_words(amount: Amount) -> str:
    """Without cents where there are none."""
    return in_words(Decimal(amount)).removesuffix(".00")


# --- cells of a CSV ---------------------------------------------------------------------------------------------------


def _csv_row(row: CostRow) -> list[object]:
    percent = "" if row.change is None else (row.change * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)
    sums = row.sums
    return [
        row.name,
        *(_exact(sums.known_cost_usd), _exact(row.before.known_cost_usd), percent, sums.runs, sums.tokens),
        *(sums.tokens_input, sums.tokens_output, sums.tokens_cache_read),
        *(sums.tokens_cache_write_5m, sums.tokens_cache_write_1h, _exact(sums.cache_savings_usd), sums.unpriced_tokens),
    ]


def _exact(usd: Decimal | None) -> str:
    """In the shown currency, to a millionth; empty where it is not known."""
    return "" if usd is None else f"{in_currency(usd).quantize(EXACT, ROUND_HALF_UP):f}"


def _csv(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow([harmless(cell) for cell in head])
    for row in rows:
        writer.writerow([harmless(cell) if place == 0 else cell for place, cell in enumerate(row)])
    return text.getvalue()


def harmless(cell: object) -> str:
    """A text that no spreadsheet takes for a formula: one that begins like one gets an apostrophe before it."""
    words = str(cell)
    return f"'{words}" if words.startswith(FORMULA_STARTS) else words
