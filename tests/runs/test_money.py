"""Money as it is shown."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.money import in_currency, shown


@pytest.mark.parametrize(
    ("usd", "words"),
    [
        (None, "–"),
        ("0", "$0.00"),
        ("0.0001", "< $0.01"),
        ("0.0099999", "< $0.01"),
        ("0.01", "$0.01"),
        ("0.015", "$0.02"),
        ("1234567.891", "$1,234,567.89"),
        ("-3", "−$3.00"),
        ("-0.001", "> −$0.01"),
    ],
)
def test_dollars_and_cents(usd, words):
    assert shown(None if usd is None else Decimal(usd)) == words


def test_another_currency_at_its_rate(settings):
    settings.COST_CURRENCY, settings.COST_CURRENCY_RATE = "EUR", Decimal("0.9")
    assert (shown(Decimal(10)), in_currency(Decimal(1))) == ("€9.00", Decimal("0.9"))
    settings.COST_CURRENCY = "SEK"
    assert shown(Decimal(10)) == "SEK 9.00"


@given(st.decimals(0, 10**8, places=6))
def test_nothing_that_cost_something_is_shown_as_nothing(usd):
    assert (shown(usd) == "$0.00") == (usd == 0)
