"""What prompts' runs came to: how many, how well they ended, what they took and cost. One statement for all prompts."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Avg, Count, FloatField, Max, Q, Sum
from django.db.models.expressions import F
from django.db.models.functions import Coalesce, Extract, Lower

from access.callers import Caller
from runs.appearance import SUCCESS_WORDS
from runs.models import Run


@dataclass(frozen=True)
class PromptSums:
    """Sums over the runs of one prompt that the asker sees.

    runs: all of them; ended: those that have; succeeded: the share of the ended ones that told so, 0…1, None without
    any. total_usd, mean_usd: over the runs whose cost is known, None without any. mean_duration: over the ended ones.
    """

    runs: int = 0
    ended: int = 0
    succeeded: float | None = None
    total_usd: Decimal | None = None
    mean_usd: Decimal | None = None
    mean_duration: timedelta | None = None
    last_run_at: datetime | None = None


def prompt_sums(caller: Caller, prompt_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, PromptSums]:
    """Sums for each of these prompts that has runs in the caller's scope.

    Costs are in it whoever asks: whether they may be shown is for runs/visibility.py to say.
    """
    if not prompt_ids:
        return {}
    runs = Run.objects.visible_to(caller).filter(prompt_id__in=prompt_ids)
    took = Extract(F("finished_at") - F("started_at"), "epoch", output_field=FloatField())
    has_ended = Q(finished_at__isnull=False)
    rows = (
        runs.order_by()
        .annotate(outcome=Lower("status"))
        .values("prompt_id")
        .annotate(
            runs=Count("pk"),
            ended=Count("pk", filter=has_ended),
            well=Count("pk", filter=has_ended & Q(outcome__in=SUCCESS_WORDS)),
            total_usd=Sum("cost_usd"),
            mean_usd=Avg("cost_usd"),
            seconds=Avg(Coalesce("duration_s", took), filter=has_ended),
            last_run_at=Max("started_at"),
        )
    )
    return {
        row["prompt_id"]: PromptSums(
            runs=row["runs"],
            ended=row["ended"],
            succeeded=row["well"] / row["ended"] if row["ended"] else None,
            total_usd=row["total_usd"],
            mean_usd=row["mean_usd"],
            mean_duration=None if row["seconds"] is None else timedelta(seconds=min(row["seconds"], 1e9)),
            last_run_at=row["last_run_at"],
        )
        for row in rows
        if row["prompt_id"] is not None
    }
