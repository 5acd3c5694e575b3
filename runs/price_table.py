"""The table of prices as admins edit it. What has been priced keeps its price until somebody prices it again."""

from decimal import Decimal

from django.db import transaction

from access.callers import Caller
from access.errors import Conflict, Forbidden, Invalid
from access.roles import Role
from runs.models import NAME_LENGTH, ModelPrice
from runs.prices import RATES, rates_of

# Dearer than any model by far: a rate beyond it is a slip of the unit.
HIGHEST_RATE = Decimal(100_000)


def save_price(caller: Caller, price: ModelPrice) -> ModelPrice:
    """Add a row or change one; a changed rate or pattern raises its version. Needs an admin of every project.

    Raises Invalid for a row without a pattern, for rates out of range, and for a second row of the same model and day.
    """
    _require_right(caller)
    price.patterns = list(dict.fromkeys(glob.strip().casefold() for glob in price.patterns if glob.strip()))
    _check(price)
    with transaction.atomic():
        before = ModelPrice.objects.select_for_update().filter(pk=price.pk).first() if price.pk else None
        same = ModelPrice.objects.filter(provider=price.provider, label=price.label, valid_from=price.valid_from)
        if same.exclude(pk=price.pk).exists():
            problem = f"{price.label} has a price from {price.valid_from} already; change that one."
            raise Invalid(problem, fields={"valid_from": [problem]})
        if before is None:
            price.source = f"added by {caller.name}"[:NAME_LENGTH]
        elif _what_prices(before) != _what_prices(price):
            price.version = before.version + 1
            price.source = f"changed by {caller.name}"[:NAME_LENGTH]
        price.save()
    return price


def delete_price(caller: Caller, price: ModelPrice) -> None:
    """Delete a row. Needs an admin of every project. Raises Conflict for a row that has priced something: its costs tell of it."""
    _require_right(caller)
    with transaction.atomic():
        locked = ModelPrice.objects.select_for_update().filter(pk=price.pk).first()
        if locked is None:
            return
        if locked.usage.exists():
            raise Conflict(
                f"{locked} has priced runs, whose costs name it.",
                hint="Add a row that holds from a later day, and price the runs again if they should cost that.",
            )
        locked.delete()


def _require_right(caller: Caller) -> None:
    """Prices hold in every project, so an admin of some of them changes none."""
    caller.require(Role.ADMIN)
    if caller.project_ids is not None:
        raise Forbidden(Role.OWNER)


def _what_prices(price: ModelPrice) -> tuple[object, ...]:
    return (*rates_of(price), price.patterns, price.valid_from)


def _check(price: ModelPrice) -> None:
    if not price.patterns:
        problem = "Name at least one model, such as claude-sonnet-4-5*."
        raise Invalid(problem, fields={"patterns": [problem]})
    for name, rate in zip(RATES, rates_of(price), strict=True):
        if rate is not None and not 0 <= rate <= HIGHEST_RATE:
            problem = f"A rate lies between 0 and {HIGHEST_RATE:,} US dollars for a million tokens, not at {rate}."
            raise Invalid(problem, fields={name: [problem]})
