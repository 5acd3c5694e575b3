"""What a run costs: its usage rows priced at the day it started on, and its sums made of them."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_DOWN, Decimal

from runs.models import TOKEN_KINDS, CostSource, ModelPrice, Run, RunUsage
from runs.prices import COST_STEP, cost_of, price_for, savings_of
from runs.tokens import TokenCounts

NOTHING = Decimal(0)


def settle_costs(
    run: Run,
    told: Iterable[tuple[str, TokenCounts]],
    *,
    reported_usd: Decimal | None = None,
    only_higher: bool = False,
) -> None:
    """Take told totals by model into the run's usage, price what changed, and set the run's sums (it is not saved).

    told: (model, totals so far); "" means the run's model. only_higher: the totals are older than what is known, so
    that a count is only raised, never lowered. reported_usd: the agent's own reckoning of the whole run; it is what
    counts, beside the computed cost, and is divided among the models in proportion to that.
    """
    rows = {row.model: row for row in run.usage.order_by("pk")}
    changed = _take(run, rows, told, only_higher=only_higher)
    if reported_usd is not None and (not only_higher or (run.reported_cost_usd or NOTHING) < reported_usd):
        run.reported_cost_usd = reported_usd
        changed = True
        if not rows:
            rows[run.model] = RunUsage(run=run, model=run.model)
    if not changed:
        return
    for row in rows.values():
        price_usage(row, run)
    sum_up(run, list(rows.values()))
    for row in rows.values():
        row.save()


def price_usage(row: RunUsage, run: Run) -> None:
    """Set a usage row's price, computed cost and savings; all None without a price or without a known count."""
    set_price(row, price_for(row.model, run.day) if TokenCounts.of(row).is_known else None)


def set_price(row: RunUsage, price: ModelPrice | None) -> None:
    """Set a usage row's price, computed cost and savings by this price; all None without one or without a known count."""
    counts = TokenCounts.of(row)
    price = price if counts.is_known else None
    row.price = price
    row.price_version = price.version if price else None
    row.computed_cost_usd = cost_of(price, counts) if price else None
    row.cache_savings_usd = savings_of(price, counts) if price else None


def sum_up(run: Run, rows: Sequence[RunUsage]) -> None:
    """Set the run's tokens, costs, source and main model from its usage rows, and divide its cost among them."""
    total = TokenCounts()
    for row in rows:
        total += TokenCounts.of(row)
    for kind in TOKEN_KINDS:
        setattr(run, kind, getattr(total, kind))
    priced = [row.computed_cost_usd for row in rows if row.computed_cost_usd is not None]
    run.computed_cost_usd = sum(priced, NOTHING) if priced else None
    run.cost_usd = run.computed_cost_usd if run.reported_cost_usd is None else run.reported_cost_usd
    run.cost_source = _source(run, total)
    main = max(rows, key=lambda row: (TokenCounts.of(row).total, bool(row.model)), default=None)
    if main is not None and main.model:
        run.model = main.model
    _divide(run, rows)


def _take(run: Run, rows: dict[str, RunUsage], told: Iterable[tuple[str, TokenCounts]], *, only_higher: bool) -> bool:
    changed = False
    for model, counts in told:
        name = model or run.model
        if name not in rows and "" in rows:
            # The model of what was counted so far has only become known now.
            rows[name] = rows.pop("")
            rows[name].model = name
        row = rows.setdefault(name, RunUsage(run=run, model=name))
        before = TokenCounts.of(row)
        after = before.highest(counts) if only_higher else before.updated(counts)
        for kind in TOKEN_KINDS:
            setattr(row, kind, getattr(after, kind))
        changed = True
    return changed


def _source(run: Run, total: TokenCounts) -> CostSource:
    if run.reported_cost_usd is not None:
        return CostSource.REPORTED
    if run.computed_cost_usd is not None:
        return CostSource.COMPUTED
    return CostSource.NO_PRICE if total.is_known else CostSource.NO_TOKENS


def _divide(run: Run, rows: Sequence[RunUsage]) -> None:
    """Divide the cost that counts: as computed where it is that, else in proportion; the last row takes the rest."""
    if run.reported_cost_usd is None:
        for row in rows:
            row.cost_usd = row.computed_cost_usd
        return
    weights = [row.computed_cost_usd or NOTHING for row in rows]
    if not sum(weights):
        weights = [Decimal(TokenCounts.of(row).total) for row in rows]
    whole = sum(weights, NOTHING)
    rest = run.reported_cost_usd
    for row, weight in zip(rows[:-1], weights[:-1], strict=True):
        part = (run.reported_cost_usd * weight / whole).quantize(COST_STEP, ROUND_DOWN) if whole else NOTHING
        row.cost_usd = part
        rest -= part
    rows[-1].cost_usd = rest
