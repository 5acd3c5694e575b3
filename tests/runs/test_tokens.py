"""Counts of tokens: unknown stays unknown."""

from hypothesis import given
from hypothesis import strategies as st

from runs.tokens import TokenCounts

counts = st.builds(TokenCounts, *[st.none() | st.integers(0, 10**9)] * 5)


@given(counts, counts)
def test_sums_know_what_either_knows(one, other):
    both = one + other
    assert both.total == one.total + other.total
    for whole, left, right in zip(both.known(), one.known(), other.known(), strict=True):
        assert (whole is None) == (left is None and right is None)


@given(counts, counts)
def test_the_higher_reading_does_not_depend_on_the_order(one, other):
    assert one.highest(other) == other.highest(one)
    assert one.highest(one) == one


@given(counts, counts)
def test_an_update_takes_what_was_told_and_keeps_the_rest(one, told):
    after = one.updated(told)
    assert [new if new is not None else old for old, new in zip(one.known(), told.known(), strict=True)] == list(
        after.known()
    )
    assert TokenCounts().is_known is False
