"""What words in an address or a command ask for."""

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.errors import Invalid
from runs.cost_filters import CostFilters, Period, Range, read_filters
from runs.models import Dimension


@pytest.fixture(autouse=True)
def _on_a_saturday(time_machine):
    time_machine.move_to("2026-11-21T12:00:00Z")


def test_nothing_asks_for_thirty_days_by_project():
    assert read_filters({"first": "", "group": " "}) == CostFilters(
        date(2026, 10, 23), date(2026, 11, 21), Period.DAY, Dimension.PROJECT, named_range=Range.LAST_30_DAYS
    )


@pytest.mark.parametrize(
    ("named", "first", "last", "by"),
    [
        ("last_7_days", date(2026, 11, 15), date(2026, 11, 21), Period.DAY),
        ("this_month", date(2026, 11, 1), date(2026, 11, 21), Period.DAY),
        ("last_month", date(2026, 10, 1), date(2026, 10, 31), Period.DAY),
        ("this_year", date(2026, 1, 1), date(2026, 11, 21), Period.WEEK),
        ("last_12_months", date(2025, 12, 1), date(2026, 11, 21), Period.WEEK),
    ],
)
def test_named_ranges(named, first, last, by):
    filters = read_filters({"range": named.upper()})
    assert (filters.first, filters.last, filters.by) == (first, last, by)


def test_days_of_ones_own_and_filters():
    filters = read_filters(
        {"first": "2026-01-01", "last": "2026-01-10", "by": "week", "group": "agent", "agent": "-", "model": " m\x00 "}
        | {"mine": "1", "range": "this_year", "unknown": "x"},
        (7,),
    )
    assert filters == CostFilters(
        date(2026, 1, 1),
        date(2026, 1, 10),
        Period.WEEK,
        Dimension.AGENT,
        (7,),
        {Dimension.AGENT: "", Dimension.MODEL: "m"},
        mine=True,
    )
    assert (filters.days, filters.before) == (10, date(2025, 12, 22))
    assert filters.periods() == [date(2025, 12, 29), date(2026, 1, 5)]


def test_one_end_of_a_range_is_enough():
    first = read_filters({"first": "2026-11-01"})
    last = read_filters({"last": "2026-03-30"})
    assert (first.first, first.last) == (date(2026, 11, 1), date(2026, 11, 21))
    assert (last.first, last.last) == (date(2026, 3, 1), date(2026, 3, 30))


@pytest.mark.parametrize(
    ("given_words", "error"),
    [
        ({"first": "yesterday"}, "first: 'yesterday' is no day; write it as in 2026-11-21."),
        ({"first": "1999-01-01"}, "first: 1999-01-01 lies outside of the years 2000 to 2999."),
        ({"first": "2026-02-02", "last": "2026-02-01"}, "first: 2026-02-02 lies after the last day, 2026-02-01."),
        (
            {"first": "2020-01-01", "last": "2026-01-01"},
            "first: 2020-01-01 to 2026-01-01 is longer than 1096 days; ask for a shorter range.",
        ),
        ({"by": "hour"}, "by: 'hour' is none of day, week, month."),
        ({"group": "team"}, "group: 'team' is none of project, person, agent, model, machine, prompt, requirement."),
        (
            {"range": "ever"},
            "range: 'ever' is none of last_7_days, last_30_days, this_month, last_month, this_year, last_12_months.",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(given_words, error):
    with pytest.raises(Invalid) as refused:
        read_filters(given_words)
    assert refused.value.message == error
    assert refused.value.extra == {"fields": {error.partition(":")[0]: [error.partition(": ")[2]]}}


@given(st.dates(date(2000, 1, 1), date(2900, 1, 1)), st.integers(0, 1000), st.sampled_from(Period))
def test_the_parts_of_a_range_follow_each_other_and_cover_it(first, days, by):
    filters = CostFilters(first, first.fromordinal(first.toordinal() + days), by)
    starts = filters.periods()
    assert starts == sorted(set(starts))
    assert starts[0] <= first < (starts[1] if len(starts) > 1 else date.max)
    assert starts[-1] <= filters.last


@given(st.dictionaries(st.sampled_from(["range", "first", "last", "by", "group", "agent", "model", "mine"]), st.text()))
def test_any_words_are_answered_or_refused_in_words(words):
    with suppress(Invalid):
        assert read_filters(words).days >= 1
