"""Prices: the snapshot's, an owner's, and which one holds."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.models import ModelPrice
from runs.prices import cost_of, price_for, rates_of, savings_of, seed_prices, snapshot_prices
from runs.tokens import TokenCounts

TODAY = date(2026, 11, 21)


def price(label: str, *patterns: str, valid_from: date = date(2020, 1, 1), **rates: str) -> ModelPrice:
    chosen = {"input_usd": "3", "output_usd": "15", **rates}
    return ModelPrice.objects.create(
        label=label,
        provider="test",
        patterns=list(patterns),
        valid_from=valid_from,
        **{name: Decimal(rate) for name, rate in chosen.items()},
    )


@pytest.mark.parametrize(
    ("model", "rates"),
    [
        # Anthropic's price list: 3, 15, 0.1 x, 1.25 x and 2 x of input.
        ("claude-sonnet-4-5-20250929", ("3", "15", "0.3", "3.75", "6")),
        ("Anthropic/Claude-Sonnet-4-5[1m]", ("3", "15", "0.3", "3.75", "6")),
        ("claude-haiku-4-5", ("1", "5", "0.1", "1.25", "2")),
        ("claude-opus-4-1-20250805", ("15", "75", "1.5", "18.75", "30")),
        # OpenAI's and Google's: reading a cache has a rate, writing it costs what input costs.
        ("gpt-5-codex", ("1.25", "10", "0.125", None, None)),
        ("gemini-2.5-pro", ("1.25", "10", "0.125", None, None)),
    ],
)
def test_the_table_starts_with_the_snapshot(db, model, rates):
    found = price_for(model, TODAY)
    assert rates_of(found) == tuple(None if rate is None else Decimal(rate) for rate in rates)
    assert found.source.startswith("genai-prices ")


def test_a_price_that_changes_on_a_date_holds_from_then_on(db):
    before, after = (price_for("claude-sonnet-4-6", day) for day in (date(2026, 3, 12), date(2026, 3, 13)))
    assert (before.valid_from, after.valid_from) == (date(2020, 1, 1), date(2026, 3, 13))


def test_an_unknown_model_has_no_price(db):
    assert [price_for(model, TODAY) for model in ("", "made-up-9000", "claude", "<synthetic>")] == [None] * 4


def test_the_most_specific_pattern_wins_then_the_newest_day(db):
    price("Any", "house-*")
    price("Large", "house-large*", input_usd="4")
    price("Large", "house-large*", input_usd="5", valid_from=date(2026, 6, 1))
    price("One", "house-large-1", input_usd="9")
    named = {
        model: price_for(model, TODAY).input_usd for model in ("house-x", "house-large-2", "house-large-1", "HOUSE-X")
    }
    assert named == {"house-x": 3, "house-large-2": 5, "house-large-1": 9, "HOUSE-X": 3}
    assert price_for("house-large-2", date(2026, 5, 31)).input_usd == 4


def test_a_changed_row_is_seen_at_once(db):
    row = price("Any", "house-*")
    assert price_for("house-x", TODAY).input_usd == 3
    row.input_usd = Decimal(4)
    row.save()
    assert price_for("house-x", TODAY).input_usd == 4
    row.delete()
    assert price_for("house-x", TODAY) is None


def test_seeding_again_adds_nothing_and_keeps_an_owners_changes(db):
    row = price_for("claude-haiku-4-5", TODAY)
    ModelPrice.objects.filter(pk=row.pk).update(input_usd=Decimal(2), version=2)
    before = list(ModelPrice.objects.order_by("pk").values())
    assert seed_prices() == 0
    assert list(ModelPrice.objects.order_by("pk").values()) == before


def test_a_rate_that_the_snapshot_changed_holds_from_today(db):
    row = price_for("claude-haiku-4-5", TODAY)
    ModelPrice.objects.filter(pk=row.pk).update(input_usd=Decimal(2))
    assert seed_prices() == 1
    rows = ModelPrice.objects.filter(label=row.label, provider=row.provider).order_by("valid_from")
    assert [found.input_usd for found in rows] == [2, 1]
    assert seed_prices() == 0


def test_every_seed_has_a_pattern_and_no_two_are_the_same(db):
    seeds = snapshot_prices()
    keys = [(seed.provider, seed.label, seed.valid_from) for seed in seeds]
    assert len(set(keys)) == len(keys) == ModelPrice.objects.count()
    assert [seed.label for seed in seeds if not seed.patterns] == []


PRICE = ModelPrice(
    input_usd=Decimal(3),
    output_usd=Decimal(15),
    cache_read_usd=Decimal("0.3"),
    cache_write_5m_usd=Decimal("3.75"),
    cache_write_1h_usd=Decimal(6),
)


def test_what_a_session_costs_by_hand():
    tokens = TokenCounts(1_000_000, 200_000, 10_000_000, 400_000, 100_000)
    # 3 + 3 + 3 + 1.5 + 0.6
    assert cost_of(PRICE, tokens) == Decimal("11.100000")
    # 10.5 million tokens at 3 a million, less what they cost: 3 + 1.5 + 0.6
    assert savings_of(PRICE, tokens) == Decimal("26.400000")


def test_a_kind_without_a_rate_costs_what_input_costs():
    plain = ModelPrice(input_usd=Decimal(2), output_usd=Decimal(8))
    tokens = TokenCounts(1_000_000, 0, 1_000_000, 1_000_000, 1_000_000)
    assert (cost_of(plain, tokens), savings_of(plain, tokens)) == (Decimal(8), Decimal(0))


def test_writing_a_cache_that_nobody_reads_saves_less_than_nothing():
    assert savings_of(PRICE, TokenCounts(tokens_cache_write_1h=1_000_000)) == Decimal(-3)


@given(st.builds(TokenCounts, *[st.none() | st.integers(0, 10**10)] * 5))
def test_cost_and_savings_add_up_to_the_price_without_a_cache(tokens):
    uncached = TokenCounts(
        (tokens.tokens_input or 0)
        + (tokens.tokens_cache_read or 0)
        + (tokens.tokens_cache_write_5m or 0)
        + (tokens.tokens_cache_write_1h or 0),
        tokens.tokens_output,
    )
    assert abs(cost_of(PRICE, tokens) + savings_of(PRICE, tokens) - cost_of(PRICE, uncached)) <= Decimal("0.000002")
