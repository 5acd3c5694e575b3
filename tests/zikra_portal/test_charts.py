"""The geometry of charts: sums add up, nothing leaves the plot, ticks are round and cover what is shown."""

from decimal import Decimal
from xml.etree import ElementTree

import pytest
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st

from zikra_portal.charts import LABELS_AT_MOST, PLOT_HEIGHT, SERIES_AT_MOST, Series, round_ticks, stacked_bars

amounts = st.one_of(
    st.integers(min_value=0, max_value=10**15),
    # Decimals of six places up to a milliard: many times quicker drawn so than by st.decimals.
    st.integers(min_value=0, max_value=10**15).map(lambda millionths: Decimal(millionths).scaleb(-6)),
)


@st.composite
def charts(draw):
    """Series over up to 60 bars, and the labels of the bars."""
    bars = draw(st.integers(min_value=1, max_value=60))
    rows = draw(st.lists(st.lists(amounts, min_size=bars, max_size=bars), max_size=12))
    return [Series(f"s{place}", row) for place, row in enumerate(rows)], [f"day {place}" for place in range(bars)]


def chart_of(series, labels):
    return stacked_bars(name="c", title="Costs", labels=labels, series=series, words=lambda amount: f"{amount:,}")


@given(charts())
def test_bars_add_up_and_stand_in_the_plot_in_proportion_to_amounts(drawn):
    """Of one drawn chart all three, since drawing one takes most of the time."""
    series, labels = drawn
    chart = chart_of(series, labels)
    every_bar_adds_up_to_its_series_and_so_does_the_legend(chart, series, labels)
    nothing_leaves_the_plot_and_segments_stand_on_each_other(chart)
    heights_are_in_proportion_to_amounts(chart)


def every_bar_adds_up_to_its_series_and_so_does_the_legend(chart, series, labels):
    for place, bar in enumerate(chart.bars):
        assert bar.label == labels[place]
        expected = sum((one.amounts[place] for one in series), Decimal(0))
        assert bar.total == sum((segment.amount for segment in bar.segments), Decimal(0)) == expected
    assert sum((entry.total for entry in chart.legend), Decimal(0)) == sum((one.total for one in series), Decimal(0))
    assert len(chart.legend) == min(len(series), SERIES_AT_MOST + 1)


def nothing_leaves_the_plot_and_segments_stand_on_each_other(chart):
    right = 0.0
    for bar in chart.bars:
        assert right <= bar.x + 1e-9
        right = bar.x + bar.width
        assert bar.width > 0
        assert right <= 100 + 1e-9
        floor = float(PLOT_HEIGHT)
        for segment in bar.segments:
            assert segment.height >= 0
            assert abs(segment.y + segment.height - floor) <= 1e-6
            floor = segment.y
        assert floor >= -1e-6
    assert all(0 <= label.x <= 100 for label in chart.labels)
    assert len(chart.labels) <= LABELS_AT_MOST


def heights_are_in_proportion_to_amounts(chart):
    top = chart.ticks[-1].amount
    for bar in chart.bars:
        for segment in bar.segments:
            assert abs(segment.height - float(Decimal(segment.amount) / top) * PLOT_HEIGHT) <= 1e-6


@given(amounts)
def test_ticks_start_at_zero_are_round_and_cover_the_largest(largest):
    ticks = round_ticks(largest)
    step = ticks[1]
    assert ticks == [step * place for place in range(len(ticks))]
    assert ticks[-1] >= largest
    assert largest == 0 or ticks[-2] < largest
    assert 2 <= len(ticks) <= 6
    assert step.normalize().as_tuple().digits in {(1,), (2,), (5,)}


def test_the_ninth_and_smaller_series_are_one_other_in_grey():
    series = [Series(f"m{place}", [place, 1]) for place in range(1, 12)]
    chart = chart_of(series, ["Mon", "Tue"])
    assert [(entry.css_class, entry.name, entry.total) for entry in chart.legend] == [
        *((f"series-{place}", f"m{12 - place}", 13 - place) for place in range(1, 9)),
        ("series-other", "Other (3)", 9),
    ]


def test_a_chart_of_nothing_has_an_axis_and_says_so():
    chart = chart_of([], [])
    assert (chart.bars, chart.legend, chart.is_empty) == ((), (), True)
    assert [tick.amount for tick in chart.ticks] == [0, 1]
    assert chart.description == "There is nothing to show."


@pytest.mark.parametrize(
    ("series", "words"),
    [
        (Series("m", [1]), "'m' has 1 amounts for 2 bars."),
        (Series("m", [1, -1]), "'m' has an amount below 0: a stacked bar cannot show it."),
    ],
)
def test_what_no_stacked_bar_can_show_is_refused_in_words(series, words):
    with pytest.raises(ValueError, match=words):
        chart_of([series], ["Mon", "Tue"])


def test_the_drawing_is_well_formed_escaped_and_free_of_styles():
    series = [Series("<b>&", [Decimal("1.5"), 0]), Series("plain", [Decimal("0.5"), Decimal("2")])]
    chart = chart_of(series, ["Mon", "Tue"])
    html = render_to_string("charts/stacked_bars.html", {"chart": chart})
    assert "style=" not in html
    figure = ElementTree.fromstring(html.strip())  # noqa: S314 - our own text
    titles = [title.text for title in figure.iter("title")]
    assert titles == ["Costs", "Mon: plain 0.5", "Mon: <b>& 1.5", "Tue: plain 2"]
    svg = next(figure.iter("svg"))
    assert svg.get("aria-labelledby") == "c-title c-description"
    assert next(figure.iter("desc")).text == "2 bars from Mon to Tue. In all: plain 2.5, <b>& 1.5."
