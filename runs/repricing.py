"""Pricing past runs again with the table as it stands now: first what would change, then the change itself.

Nothing else rewrites a cost that was computed. A reported cost stays what counts; what is computed beside it is renewed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from access.audit import AuditSubject, record_done
from access.callers import Caller
from access.errors import Invalid
from access.roles import Role
from runs import budgets, rollups
from runs.cost_filters import MOST_DAYS
from runs.models import TOKEN_KINDS, Run, RunUsage
from runs.money import shown
from runs.prices import prices_for
from runs.settling import set_price, sum_up

# Runs that are locked and written in one transaction: a few tenths of a second, so that reports hardly wait.
BATCH = 500
COMMAND = "reprice_runs"
NOTHING = Decimal(0)


@dataclass(frozen=True)
class ModelDifference:
    """What one model's runs cost by the prices they have and by those of the table now.

    old_usd, new_usd: computed costs, None where nothing has a price. counted_usd: how much the cost that counts would
    change, which is 0 where it was reported. rows: usage rows that would change.
    """

    model: str
    rows: int
    tokens: int
    old_usd: Decimal | None
    new_usd: Decimal | None
    counted_usd: Decimal

    @property
    def difference_usd(self) -> Decimal:
        """New minus old; no price counts as nothing here."""
        return (self.new_usd or NOTHING) - (self.old_usd or NOTHING)


@dataclass(frozen=True)
class Preview:
    """The differences by model, those that cost most first."""

    first: date
    last: date
    models: list[ModelDifference]

    @property
    def rows(self) -> int:
        """Usage rows that would change."""
        return sum(model.rows for model in self.models)

    @property
    def old_usd(self) -> Decimal:
        """Computed costs as they stand."""
        return sum((model.old_usd or NOTHING for model in self.models), NOTHING)

    @property
    def new_usd(self) -> Decimal:
        """Computed costs by the table now."""
        return sum((model.new_usd or NOTHING for model in self.models), NOTHING)

    @property
    def difference_usd(self) -> Decimal:
        """New minus old."""
        return self.new_usd - self.old_usd

    @property
    def counted_usd(self) -> Decimal:
        """How much the costs that count would change."""
        return sum((model.counted_usd for model in self.models), NOTHING)


@dataclass(frozen=True)
class Repriced:
    """What was done: runs looked at, runs changed, and the change of the costs that count."""

    looked_at: int
    changed: int
    counted_usd: Decimal


def preview(caller: Caller, first: date, last: date, project_ids: Sequence[int] | None = None) -> Preview:
    """What pricing the runs of these days again would change; nothing is changed by asking.

    project_ids: None for all in the caller's scope. Raises Forbidden below admin, Invalid for an impossible range.
    """
    bound = _checked(caller, first, last, project_ids)
    values: dict[str, Any] = {"first": first, "last": last, "projects": bound}
    with connection.cursor() as cursor:
        cursor.execute(_MODELS_AND_DAYS, values)
        prices = prices_for(cursor.fetchall())
        cursor.execute(
            _DIFFERENCES,
            {
                **values,
                "models": [model for model, _ in prices],
                "days": [day for _, day in prices],
                "prices": [price.pk if price else None for price in prices.values()],
            },
        )
        found = [
            ModelDifference(model, rows, int(tokens), old, new, counted)
            for model, rows, tokens, old, new, counted in cursor.fetchall()
        ]
    found.sort(key=lambda model: (-max(model.old_usd or NOTHING, model.new_usd or NOTHING), model.model))
    return Preview(first, last, found)


_BOUND = "r.day BETWEEN %(first)s AND %(last)s AND (%(projects)s::bigint[] IS NULL OR r.project_id = ANY (%(projects)s::bigint[]))"
_MODELS_AND_DAYS = f"""
    SELECT DISTINCT u.model, r.day FROM runs_run r JOIN runs_runusage u ON u.run_id = r.id WHERE {_BOUND}
"""
_KINDS = ", ".join(f"u.{kind}" for kind in TOKEN_KINDS)
# Millionths of a dollar before rounding; each rate that is missing is the one of cost_of (runs/prices.py).
_MICROS = """
    coalesce(u.tokens_input, 0) * p.input_usd + coalesce(u.tokens_output, 0) * p.output_usd
    + coalesce(u.tokens_cache_read, 0) * coalesce(p.cache_read_usd, p.input_usd)
    + coalesce(u.tokens_cache_write_5m, 0) * coalesce(p.cache_write_5m_usd, p.input_usd)
    + coalesce(u.tokens_cache_write_1h, 0) * coalesce(p.cache_write_1h_usd, p.cache_write_5m_usd, p.input_usd)
"""
_DIFFERENCES = f"""
    WITH prices (model, day, price_id) AS (
        SELECT * FROM unnest(%(models)s::text[], %(days)s::date[], %(prices)s::bigint[])
    ),
    rows AS (
        SELECT u.model, u.computed_cost_usd AS old, r.reported_cost_usd IS NULL AS counts,
               {" + ".join(f"coalesce(u.{kind}, 0)::numeric" for kind in TOKEN_KINDS)} AS tokens,
               CASE WHEN num_nonnulls({_KINDS}) > 0 THEN {_MICROS} END AS micros
        FROM runs_run r JOIN runs_runusage u ON u.run_id = r.id
        JOIN prices ON prices.model = u.model AND prices.day = r.day LEFT JOIN runs_modelprice p ON p.id = prices.price_id
        WHERE {_BOUND}
    ),
    -- A half is rounded to the even neighbour, as Decimal does.
    priced AS (
        SELECT *, CASE WHEN abs(micros - trunc(micros)) = 0.5 THEN 2 * round(micros / 2) ELSE round(micros) END / 1000000
                  AS new FROM rows
    )
    SELECT model, count(*) FILTER (WHERE old IS DISTINCT FROM new), sum(tokens), sum(old), sum(new),
           coalesce(sum(coalesce(new, 0) - coalesce(old, 0)) FILTER (WHERE counts), 0)
    FROM priced GROUP BY model
"""


def reprice(caller: Caller, first: date, last: date, project_ids: Sequence[int] | None = None) -> Repriced:
    """Price the runs of these days again, batch by batch, each in a transaction of its own; the days' sums follow.

    Stopped in the middle it can simply be done again: what is priced stays priced. One row of the audit trail tells of
    it. Raises Forbidden below admin, Invalid for an impossible range.
    """
    bound = _checked(caller, first, last, project_ids)
    looked_at, changed, counted = 0, 0, NOTHING
    for keys in _batches(first, last, bound):
        with transaction.atomic():
            touched: dict[int, set[date]] = {}
            for run in _locked(keys):
                looked_at += 1
                before = run.cost_usd or NOTHING
                if _price_again(run):
                    changed += 1
                    counted += (run.cost_usd or NOTHING) - before
                    touched.setdefault(run.project_id, set()).add(run.day)
            for project_id, days in sorted(touched.items()):
                rollups.mark_changed(project_id, *days)
                budgets.spending_changed(project_id)
    done = Repriced(looked_at, changed, counted)
    record_done(caller, COMMAND, subject=AuditSubject("runs"), detail=_detail(first, last, done))
    return done


def _detail(first: date, last: date, done: Repriced) -> str:
    return (
        f"{first} to {last}: {done.changed:,} of {done.looked_at:,} runs changed, by {shown(done.counted_usd)} in all"
    )


def _batches(first: date, last: date, bound: list[int] | None) -> Iterator[list[Any]]:
    runs = Run.objects.between(first, last).filter(usage__isnull=False)
    if bound is not None:
        runs = runs.filter(project_id__in=bound)
    keys = list(runs.order_by("day", "project_id", "pk").values_list("pk", flat=True).distinct())
    for start in range(0, len(keys), BATCH):
        yield keys[start : start + BATCH]


def _locked(keys: list[Any]) -> list[Run]:
    """The runs, locked as every report locks its run first, with the prices of their models at hand."""
    runs = list(Run.objects.filter(pk__in=keys).select_for_update().order_by("pk"))
    usage: dict[Any, list[RunUsage]] = {run.pk: [] for run in runs}
    for row in RunUsage.objects.filter(run_id__in=keys).order_by("pk"):
        usage[row.run_id].append(row)
    prices = prices_for({(row.model, run.day) for run in runs for row in usage[run.pk]})
    for run in runs:
        for row in usage[run.pk]:
            row.found_price = prices[row.model, run.day]  # type: ignore[attr-defined]
        run.rows = usage[run.pk]  # type: ignore[attr-defined]
    return runs


def _price_again(run: Run) -> bool:
    """Price a locked run's usage and sum it up; answers whether anything became another."""
    rows: list[RunUsage] = run.rows  # type: ignore[attr-defined]
    before = [_priced_as(row) for row in rows]
    for row in rows:
        set_price(row, row.found_price)  # type: ignore[attr-defined]
    sum_up(run, rows)
    changed = [row for row, old in zip(rows, before, strict=True) if _priced_as(row) != old]
    if not changed:
        return False
    RunUsage.objects.bulk_update(
        changed, ["price", "price_version", "computed_cost_usd", "cost_usd", "cache_savings_usd"]
    )
    run.save(update_fields=["computed_cost_usd", "cost_usd", "cost_source"])
    return True


def _priced_as(row: RunUsage) -> tuple[Any, ...]:
    return row.price_id, row.price_version, row.computed_cost_usd, row.cost_usd, row.cache_savings_usd


def _checked(caller: Caller, first: date, last: date, project_ids: Sequence[int] | None) -> list[int] | None:
    """The projects that are meant, None for all."""
    caller.require(Role.ADMIN)
    if first > last or (last - first).days >= MOST_DAYS:
        problem = f"{first} to {last} is no range of 1 to {MOST_DAYS} days."
        raise Invalid(problem, fields={"first": [problem]})
    if caller.project_ids is None:
        return None if project_ids is None else sorted(project_ids)
    return sorted(caller.project_ids if project_ids is None else caller.project_ids & set(project_ids))
