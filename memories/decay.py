"""How memories fade: one formula, in Python for a row and in SQL for a table, and the nightly archiving by it.

confidence = stated × 0.5^(days since last confirmed ÷ half-life), never below the type's floor. It is computed from
the confirmation's date each time it is asked, so it can never be applied to an already faded value.
"""

import math
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Case, DurationField, ExpressionWrapper, F, FloatField, Q, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Extract, Greatest, Least, Ln, Now, Power

DEFAULT_FLOOR = 0.05
# Each e-fold of reads lengthens the half-life by this share: ten reads ×1.24, a hundred ×1.46. Slowing, not stopping.
READ_SLOWING = 0.1
SECONDS_PER_DAY = 86_400.0
# PostgreSQL refuses a product that underflows; after so many half-lives every floor has long been reached.
MOST_HALF_LIVES = 60.0


def confidence(
    *,
    stated: float,
    age: timedelta,
    half_life_days: float | None,
    floor: float,
    access_count: int = 0,
    pinned: bool = False,
) -> float:
    """Confidence 0…1 of a memory whose last confirmation is `age` ago.

    half_life_days: None for a type that does not fade. access_count: how often it was read, which slows fading a
    little. A pinned memory does not fade. A confirmation in the future (a clock that runs ahead) counts as now.
    """
    if pinned or half_life_days is None:
        return max(stated, min(floor, stated))
    days = max(age.total_seconds(), 0.0) / SECONDS_PER_DAY
    slowed = half_life_days * (1.0 + READ_SLOWING * math.log1p(access_count))
    # The floor lifts only what fading lowered: somebody who states 0.01 keeps 0.01.
    return max(stated * 0.5 ** (days / slowed), min(floor, stated))


def confidence_expression() -> Combinable:
    """`confidence` for a Memory query, with the database's clock."""
    age = Extract(ExpressionWrapper(Now() - F("confirmed_at"), output_field=DurationField()), "epoch")
    days = Greatest(Cast(age, FloatField()), Value(0.0)) / Value(SECONDS_PER_DAY)
    slowing = Value(1.0) + Value(READ_SLOWING) * Ln(Value(1.0) + Cast(F("access_count"), FloatField()))
    half_lives = Least(days / (F("memory_type__half_life_days") * slowing), Value(MOST_HALF_LIVES))
    faded = F("stated_confidence") * Power(Value(0.5), half_lives, output_field=FloatField())
    lowest = Least(F("memory_type__floor"), F("stated_confidence"))
    unfading = Q(pinned_at__isnull=False) | Q(memory_type__half_life_days__isnull=True)
    return Case(When(unfading, then=F("stated_confidence")), default=Greatest(faded, lowest), output_field=FloatField())


def archive_threshold() -> float:
    """Confidence below which the nightly job archives; a setting."""
    return float(settings.ARCHIVE_THRESHOLD)


@dataclass(frozen=True)
class Fading:
    """How one memory's confidence goes on from its last confirmation.

    days_passed: since then. points: pairs of days since then and confidence 0…1, from 0 to beyond today, evenly spaced;
    empty for a memory that does not fade. days_left: until the nightly job archives it, 0 where that is due, None where
    it never does.
    """

    days_passed: float
    points: list[tuple[float, float]]
    days_left: float | None


# Enough for a line that looks smooth at the width of a phone.
CURVE_POINTS = 40
# The curve shows so many half-lives, or more where the last confirmation lies longer ago.
CURVE_HALF_LIVES = 3.0
CURVE_BEYOND_NOW = 1.25


def fading(
    *, stated: float, age: timedelta, half_life_days: float | None, floor: float, access_count: int, pinned: bool
) -> Fading:
    """How a memory fades, by the same formula as `confidence`; arguments as there."""
    passed = max(age.total_seconds(), 0.0) / SECONDS_PER_DAY
    if pinned or half_life_days is None:
        return Fading(passed, [], None)

    def at(days: float) -> float:
        return confidence(
            stated=stated,
            age=timedelta(days=days),
            half_life_days=half_life_days,
            floor=floor,
            access_count=access_count,
        )

    slowed = half_life_days * (1.0 + READ_SLOWING * math.log1p(access_count))
    shown = min(max(CURVE_HALF_LIVES * slowed, CURVE_BEYOND_NOW * passed), LONGEST_CURVE_DAYS)
    step = shown / (CURVE_POINTS - 1)
    points = [(number * step, at(number * step)) for number in range(CURVE_POINTS)]
    return Fading(passed, points, _days_left(stated, passed, slowed, min(floor, stated)))


# timedelta ends at a thousand million days; a type may be given any half-life.
LONGEST_CURVE_DAYS = 3_650_000.0


def _days_left(stated: float, passed: float, slowed: float, lowest: float) -> float | None:
    threshold = archive_threshold()
    if lowest >= threshold:
        return None
    if stated < threshold:
        return 0.0
    return max(0.0, slowed * math.log2(stated / threshold) - passed) if threshold > 0 else None
