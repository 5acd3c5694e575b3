"""Prices as admins keep them."""

from datetime import date
from decimal import Decimal

import pytest

from access.errors import Conflict, Forbidden, Invalid
from runs.models import ModelPrice
from runs.price_table import delete_price, save_price
from runs.prices import price_for
from runs.recording import log_run

TODAY = date(2026, 11, 21)


def house_model(**changes) -> ModelPrice:
    told = {
        "label": "House",
        "provider": "us",
        "patterns": ["House-*", " "],
        "input_usd": Decimal(1),
        "output_usd": Decimal(2),
    }
    return ModelPrice(**{**told, **changes})


def test_an_admin_adds_a_model(owner):
    save_price(owner.caller, house_model())
    found = price_for("HOUSE-1", TODAY)
    assert (found.patterns, found.source, found.version) == (["house-*"], "added by olga", 1)


def test_a_changed_rate_is_a_new_version_and_a_changed_word_is_not(owner):
    price = save_price(owner.caller, house_model())
    price.input_usd = Decimal(3)
    assert save_price(owner.caller, price).version == 2
    price.provider = "ours"
    assert (save_price(owner.caller, price).version, price.source) == (2, "changed by olga")


def test_what_was_priced_keeps_its_cost_and_its_row(owner, app):
    price = save_price(owner.caller, house_model())
    run = log_run(owner.caller, app, model="house-1", tokens_input=1_000_000)
    price.input_usd = Decimal(5)
    save_price(owner.caller, price)
    run.refresh_from_db()
    assert (run.cost_usd, run.usage.get().price, run.usage.get().price_version) == (1, price, 1)
    assert log_run(owner.caller, app, model="house-1", tokens_input=1_000_000).cost_usd == 5
    with pytest.raises(Conflict, match="has priced runs"):
        delete_price(owner.caller, price)
    assert ModelPrice.objects.filter(pk=price.pk).exists()


def test_an_unused_row_can_go(owner):
    price = save_price(owner.caller, house_model())
    delete_price(owner.caller, price)
    assert price_for("house-1", TODAY) is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"patterns": [" "]}, "patterns"),
        ({"input_usd": Decimal(-1)}, "input_usd"),
        ({"cache_read_usd": Decimal(100_001)}, "cache_read_usd"),
        ({"label": "Claude Haiku 4.5", "provider": "anthropic"}, "valid_from"),
    ],
)
def test_what_cannot_be_a_price_is_refused(owner, changes, field):
    before = ModelPrice.objects.count()
    with pytest.raises(Invalid) as refused:
        save_price(owner.caller, house_model(**changes))
    assert list(refused.value.fields()["fields"]) == [field]
    assert ModelPrice.objects.count() == before


def test_prices_need_an_admin_of_every_project(owner, collaborator, stranger):
    price = save_price(owner.caller, house_model())
    for person in (collaborator, stranger):
        for deed in (save_price, delete_price):
            with pytest.raises(Forbidden):
                deed(person.caller, price)
