"""Work done for one thing, over several runs: how many, how long, at what cost."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count, F, FloatField, Q, Sum, Value
from django.db.models.functions import Coalesce, Extract, Greatest
from django.utils import timezone

from runs.models import CostSource, RunQuerySet


@dataclass(frozen=True)
class WorkSums:
    """Sums over runs. cost_usd: of the runs with a known cost, None where none has one. unpriced: runs whose tokens have
    no price, which are not in it. active: runs that have not ended; they count with the time until now."""

    runs: int = 0
    active: int = 0
    time: timedelta = timedelta()
    cost_usd: Decimal | None = None
    unpriced: int = 0


def work_sums(runs: RunQuerySet, now: datetime | None = None) -> WorkSums:
    """The sums of runs. One query."""
    until = Coalesce(F("finished_at"), Value(now or timezone.now()))
    took = Extract(until - F("started_at"), "epoch", output_field=FloatField())
    told = runs.annotate(seconds=Greatest(Coalesce(F("duration_s"), took), Value(0.0), output_field=FloatField()))
    row = told.aggregate(
        count=Count("pk"),
        active=Count("pk", filter=Q(finished_at=None)),
        total_seconds=Sum("seconds"),
        cost=Sum("cost_usd"),
        unpriced=Count("pk", filter=Q(cost_source=CostSource.NO_PRICE)),
    )
    # A duration that somebody made up may be longer than Python's calendar.
    seconds = min(row["total_seconds"] or 0.0, 1e9)
    return WorkSums(row["count"], row["active"], timedelta(seconds=seconds), row["cost"], row["unpriced"])
