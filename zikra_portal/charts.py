"""Charts as plain geometry: what to draw where. Templates draw it, so that it prints, is tested, and needs no script.

Across, positions are per cent of the plot's width, so that a chart fits any screen while its words keep their size;
down, they are pixels from the top of the plot.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

Amount = int | Decimal

PLOT_HEIGHT = 220
# Eight colours are what people tell apart, colour-blind people too; what is smaller is one "other".
SERIES_AT_MOST = 8
# A bar's share of its slot, and how wide (in per cent) one may become where there are few.
BAR_SHARE = 0.72
BAR_AT_MOST = 8.0
TICKS_ABOUT = 4
LABELS_AT_MOST = 10
# The steps of an axis that people read without counting.
ROUND_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Series:
    """One colour of a chart: its name, and its amount in each bar. Amounts are 0 or more."""

    name: str
    amounts: Sequence[Amount]

    @property
    def total(self) -> Amount:
        """The sum over all bars."""
        return sum(self.amounts, Decimal(0)) if any(isinstance(a, Decimal) for a in self.amounts) else sum(self.amounts)


@dataclass(frozen=True)
class Segment:
    """One series in one bar. `css_class` gives its colour, `words` what it says on hover."""

    css_class: str
    y: float
    height: float
    amount: Amount
    words: str


@dataclass(frozen=True)
class Bar:
    """One bar, from the bottom up: x and width in per cent, its segments that are not 0, their sum."""

    label: str
    x: float
    width: float
    segments: tuple[Segment, ...]
    total: Amount


@dataclass(frozen=True)
class Tick:
    """A line of the grid with its words."""

    amount: Decimal
    y: float
    words: str


@dataclass(frozen=True)
class AxisLabel:
    """Words under a bar; x in per cent is their middle. Minor ones give way on narrow screens."""

    x: float
    words: str
    is_minor: bool


@dataclass(frozen=True)
class LegendEntry:
    """A series' colour, name and sum."""

    css_class: str
    name: str
    total: Amount
    words: str


@dataclass(frozen=True)
class StackedBars:
    """A stacked bar chart, ready for templates/charts/stacked_bars.html."""

    name: str
    title: str
    description: str
    height: int
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    labels: tuple[AxisLabel, ...]
    legend: tuple[LegendEntry, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(bar.segments for bar in self.bars)


def stacked_bars(
    *,
    name: str,
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    words: Callable[[Amount], str],
    tick_words: Callable[[Amount], str] | None = None,
    description: str = "",
    other: str = "Other",
    rest: Series | None = None,
) -> StackedBars:
    """Lay out a stacked bar chart from zero.

    name: an id that is unique on its page. labels: one for each bar, in the order of time. series: each with an amount
    for each bar; the eight largest keep a colour, in falling order of their sums, the rest become one, `other`. words:
    an amount in words, with its unit; tick_words: the same for the axis, where it should be shorter. Amounts are drawn
    as they are: turn US dollars into the shown currency before (runs.money.in_currency). Raises ValueError where a
    series has another number of amounts than there are labels, or one below 0.

    rest: what is in none of the series, for callers that know only those that keep a colour; it is drawn last, as other.
    """
    for one in (*series, *([rest] if rest else [])):
        if len(one.amounts) != len(labels):
            raise ValueError(f"'{one.name}' has {len(one.amounts)} amounts for {len(labels)} bars.")
        if any(amount < 0 for amount in one.amounts):
            raise ValueError(f"'{one.name}' has an amount below 0: a stacked bar cannot show it.")
    coloured = _coloured(series, other)
    if rest is not None and rest.total:
        coloured.append(("series-other", rest))
    sums = [sum((one.amounts[place] for _, one in coloured), Decimal(0)) for place in range(len(labels))]
    steps = round_ticks(max(sums, default=Decimal(0)))
    return StackedBars(
        name=name,
        title=title,
        description=description or _described(coloured, labels, words),
        height=PLOT_HEIGHT,
        bars=tuple(_bar(place, labels, coloured, steps[-1], words) for place in range(len(labels))),
        ticks=tuple(Tick(step, _down(step, steps[-1]), (tick_words or words)(step)) for step in steps),
        labels=_axis_labels(labels),
        legend=tuple(LegendEntry(css_class, one.name, one.total, words(one.total)) for css_class, one in coloured),
    )


def round_ticks(largest: Amount) -> list[Decimal]:
    """0 and the round steps above it up to the first that is no less than `largest`: 1, 2 or 5 times a power of ten apart."""
    if largest <= 0:
        return [Decimal(0), Decimal(1)]
    rough = Decimal(largest) / TICKS_ABOUT
    power = Decimal(1).scaleb(rough.adjusted())
    step = next(power * factor for factor in ROUND_STEPS if power * factor >= rough)
    ticks = [Decimal(0)]
    while ticks[-1] < largest:
        ticks.append(ticks[-1] + step)
    return ticks


def _coloured(series: Sequence[Series], other: str) -> list[tuple[str, Series]]:
    """Each series with its class, the largest first; beyond the eighth all in one."""
    falling = sorted(series, key=lambda one: (-one.total, one.name))
    coloured = [(f"series-{place}", one) for place, one in enumerate(falling[:SERIES_AT_MOST], start=1)]
    rest = falling[SERIES_AT_MOST:]
    if rest:
        amounts = [sum(column, Decimal(0)) for column in zip(*(one.amounts for one in rest), strict=True)]
        coloured.append(("series-other", Series(f"{other} ({len(rest)})", amounts)))
    return coloured


def _bar(
    place: int,
    labels: Sequence[str],
    coloured: Sequence[tuple[str, Series]],
    top: Decimal,
    words: Callable[[Amount], str],
) -> Bar:
    slot = 100 / len(labels)
    width = min(slot * BAR_SHARE, BAR_AT_MOST)
    segments = []
    reached: Amount = Decimal(0)
    for css_class, one in coloured:
        amount = one.amounts[place]
        if not amount:
            continue
        y = _down(reached + amount, top)
        told = f"{labels[place]}: {one.name} {words(amount)}"
        segments.append(Segment(css_class, y, _down(reached, top) - y, amount, told))
        reached += amount
    return Bar(labels[place], slot * place + (slot - width) / 2, width, tuple(segments), reached)


def _down(amount: Amount, top: Decimal) -> float:
    """Pixels from the top of the plot down to an amount."""
    return float(PLOT_HEIGHT * (1 - Decimal(amount) / top))


def _axis_labels(labels: Sequence[str]) -> tuple[AxisLabel, ...]:
    """Every label, or every second, third … where they are many; each second of those is minor."""
    step = -(-len(labels) // LABELS_AT_MOST) or 1
    slot = 100 / max(len(labels), 1)
    return tuple(
        AxisLabel(slot * (place + 0.5), labels[place], is_minor=number % 2 == 1)
        for number, place in enumerate(range(0, len(labels), step))
    )


def _described(coloured: Sequence[tuple[str, Series]], labels: Sequence[str], words: Callable[[Amount], str]) -> str:
    """The chart in a sentence, for who cannot see it."""
    if not labels or not coloured:
        return "There is nothing to show."
    sums = ", ".join(f"{one.name} {words(one.total)}" for _, one in coloured)
    return f"{len(labels)} bars from {labels[0]} to {labels[-1]}. In all: {sums}."
