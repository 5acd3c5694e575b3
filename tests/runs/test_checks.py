"""Wrong settings of costs are told at the start."""

from decimal import Decimal

import pytest

from runs.checks import check_cost_settings


def test_the_defaults_are_right():
    assert check_cost_settings() == []


@pytest.mark.parametrize(
    ("name", "value", "identifier"),
    [
        ("COST_TIME_ZONE", "Mars/Olympus", "runs.E001"),
        ("COST_TIME_ZONE", "../etc/passwd", "runs.E001"),
        ("COST_CURRENCY", "EURO", "runs.E002"),
        ("COST_CURRENCY_RATE", Decimal(0), "runs.E003"),
        ("COST_CURRENCY_RATE", Decimal("NaN"), "runs.E003"),
        ("RUN_STALE_SECONDS", 0, "runs.E004"),
    ],
)
def test_each_mistake_has_its_words(settings, name, value, identifier):
    setattr(settings, name, value)
    assert [(problem.id, str(value) in problem.msg) for problem in check_cost_settings()] == [(identifier, True)]
