"""Runs for tests of costs, and their sums the plain way: one row after the other, without SQL."""

import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal

from runs.models import TOKEN_KINDS, CostSource, Dimension, Run, RunUsage

NOTHING = Decimal(0)


def make_run(project, day: date, usage: Iterable[tuple] = (), **told) -> Run:
    """A run of a day. usage: (model, tokens of the five kinds, cost or None, savings or None) each."""
    usage = list(usage)
    costs = [cost for _, _, cost, _ in usage if cost is not None]
    total = sum(costs, NOTHING) if costs else None
    moment = datetime.combine(day, time(12), UTC)
    run = Run.objects.create(
        project=project,
        day=day,
        started_at=moment,
        last_seen_at=moment,
        cost_usd=total,
        computed_cost_usd=total,
        cost_source=CostSource.COMPUTED if costs else CostSource.NO_TOKENS,
        **{"session_id": uuid.uuid4().hex, "model": usage[0][0] if usage else "", **told},
    )
    for model, tokens, cost, savings in usage:
        RunUsage.objects.create(
            run=run,
            model=model,
            cost_usd=cost,
            cache_savings_usd=savings,
            **dict(zip(TOKEN_KINDS, tokens, strict=True)),
        )
    return run


def keys_of(run: Run) -> dict[Dimension, str]:
    """The group of each dimension that a run counts in."""
    return {
        Dimension.PROJECT: str(run.project_id),
        Dimension.PERSON: run.person,
        Dimension.AGENT: run.agent,
        Dimension.MODEL: run.model,
        Dimension.MACHINE: run.machine,
        Dimension.PROMPT: str(run.prompt_id) if run.prompt_id else run.prompt_name,
        Dimension.REQUIREMENT: str(run.requirement_id) if run.requirement_id else run.requirement_title,
    }


def plain_sums(first: date, last: date, group: Dimension, only: dict | None = None, projects=None) -> dict[str, list]:
    """By group: runs, tokens of five kinds, cost, savings and unpriced tokens of the runs of these days."""
    found: dict[str, list] = {}

    def add(keys: dict[Dimension, str], values: list) -> None:
        if all(keys[dimension] == key for dimension, key in (only or {}).items()):
            row = found.setdefault(keys[group], [0] * 6 + [NOTHING, NOTHING, 0])
            found[keys[group]] = [old + new for old, new in zip(row, values, strict=True)]

    for run in Run.objects.prefetch_related("usage"):
        if not first <= run.day <= last or (projects is not None and run.project_id not in projects):
            continue
        keys = keys_of(run)
        add(keys, [1, 0, 0, 0, 0, 0, NOTHING, NOTHING, 0])
        for row in run.usage.all():
            tokens = [getattr(row, kind) or 0 for kind in TOKEN_KINDS]
            unpriced = sum(tokens) if row.cost_usd is None else 0
            values = [0, *tokens, row.cost_usd or NOTHING, row.cache_savings_usd or NOTHING, unpriced]
            add({**keys, Dimension.MODEL: row.model}, values)
    return found
