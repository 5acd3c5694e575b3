"""The command `cost_report`."""

from datetime import date
from decimal import Decimal
from typing import Any

from access.models import Project
from access.roles import Role
from api.answers import in_utc
from api.arguments import Flag, ProjectArguments, Word, optional_text
from api.registry import Call, CommandResult, ProjectUse, command
from runs.budgets import BudgetState, budget_states
from runs.cost_filters import FILTERED, CostFilters, Period, Range, read_filters
from runs.costs import CostGroup, CostReport, CostSums, change, cost_report, dearest_runs
from runs.models import NAME_LENGTH, Dimension, Run
from runs.rollups import SUMS

TITLE_LENGTH = 500


class CostReportArguments(ProjectArguments):
    """Which days and runs, and what to group them by."""

    synonyms = {"group": ("group_by",), "first": ("from", "since"), "last": ("to", "until")}

    range = Word(
        required=False, allow_blank=True, max_length=20, help_text=f"{', '.join(Range.values)}; left out, last_30_days."
    )
    first = optional_text(10, help_text="First day instead of a range, such as 2026-11-01.")
    last = optional_text(10, help_text="Last day, included; left out, today.")
    by = Word(required=False, allow_blank=True, max_length=10, help_text="Parts of the range: day, week or month.")
    group = Word(
        required=False, allow_blank=True, max_length=20, help_text=f"{', '.join(Dimension.values)}; left out, project."
    )
    person = optional_text(NAME_LENGTH, help_text="Only this person's runs; needs admin.")
    agent = optional_text(NAME_LENGTH, help_text='Only runs of this agent; "-" for runs that name none.')
    model = optional_text(NAME_LENGTH, help_text="Only this model's tokens and costs.")
    machine = optional_text(NAME_LENGTH, help_text="Only runs on this machine.")
    prompt = optional_text(TITLE_LENGTH, help_text="Only runs of the prompt with this id.")
    requirement = optional_text(TITLE_LENGTH, help_text="Only runs for the requirement with this id.")
    mine = Flag(required=False, help_text="Only your own runs; these may be grouped by person too.")


@command(
    "cost_report",
    aliases=["costs", "spending", "usage_report"],
    arguments=CostReportArguments,
    role=Role.COLLABORATOR,
    writes=False,
    project=ProjectUse.READ,
    example={"project": "app", "range": "this_month", "by": "week", "group": "model"},
    idempotent=True,
)
def report(call: Call) -> CommandResult:
    """Add up what runs cost: by day, week or month, and by project, person, agent, model, machine, prompt or requirement.

    Answers `first`, `last`, `by`, `group`, `total`, `before` (as many days earlier), `change` (0.25 is a quarter more;
    null without a before), `groups` (dearest first, each with `key`, `name`, its sums, `before_usd` and `change`),
    `parts` (each with its first day and sums), `dearest_runs` (below admin only your own) and `budgets`. Sums are
    `runs`, the tokens of each kind, `cost_usd`, `cache_savings_usd`, and `unpriced_tokens`: tokens without a price,
    which are not in the cost. Costs are US dollars, null where nothing is known. Grouping or filtering by person needs
    admin, unless `mine` is true.
    """
    project_ids = call.project_ids
    filters = read_filters(
        {name: str(value) for name, value in call.arguments.items() if name != "project"},
        None if project_ids is None else tuple(project_ids),
    )
    found = cost_report(call.caller, filters)
    return CommandResult(
        {
            "project": call.project_name,
            **_asked(filters),
            "total": _sums(found.total),
            "before": _sums(found.before),
            "change": _share(change(found.total, found.before)),
            "groups": _groups(found),
            "parts": [{"first": _first(part, filters), **_sums(sums)} for part, sums in found.parts],
            "dearest_runs": [_run(run) for run in dearest_runs(call.caller, filters)],
            "budgets": [_budget(state) for state in budget_states(call.caller, project_ids)],
        }
    )


def _asked(filters: CostFilters) -> dict[str, Any]:
    only = {dimension.value: filters.only[dimension] or "-" for dimension in FILTERED if dimension in filters.only}
    return {
        "first": str(filters.first),
        "last": str(filters.last),
        "by": filters.by.value,
        "group": filters.group.value,
        **only,
    }


def _first(part: date, filters: CostFilters) -> str:
    """The part's first day inside the range: a week or month may begin before it."""
    return str(part if filters.by is Period.DAY else max(part, filters.first))


def _sums(sums: CostSums) -> dict[str, Any]:
    counts = {name: getattr(sums, name) for name in SUMS if not name.endswith("_usd")}
    return {**counts, "cost_usd": _usd(sums.known_cost_usd), "cache_savings_usd": _usd(sums.cache_savings_usd)}


def _usd(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def _share(share: Decimal | None) -> float | None:
    return None if share is None else round(float(share), 4)


def _groups(found: CostReport) -> list[dict[str, Any]]:
    names: dict[str, str] = {}
    if found.filters.group is Dimension.PROJECT:
        keys = [int(group.key) for group in found.groups if group.key]
        names = {str(pk): name for pk, name in Project.objects.filter(pk__in=keys).values_list("pk", "name")}
    return [_group(group, names) for group in found.groups]


def _group(group: CostGroup, projects: dict[str, str]) -> dict[str, Any]:
    name = "others" if group.key is None else projects.get(group.key) or group.label or "-"
    return {
        "key": projects.get(group.key or "", group.key),
        "name": name,
        **_sums(group.sums),
        "before_usd": _usd(group.before.known_cost_usd),
        "change": _share(change(group.sums, group.before)),
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": str(run.pk),
        "project": run.project.name,
        "started_at": in_utc(run.started_at),
        **{name: getattr(run, name) for name in ("person", "agent", "model", "machine", "prompt_name", "cost_source")},
        "requirement_title": run.requirement_title,
        "cost_usd": _usd(run.cost_usd),
    }


def _budget(state: BudgetState) -> dict[str, Any]:
    return {
        "project": state.budget.project.name,
        "month": f"{state.month:%Y-%m}",
        "spent_usd": float(state.spent_usd),
        "budget_usd": float(state.budget.monthly_usd),
        "percent": state.percent,
        "thresholds_reached": state.crossed,
        "stops_runs": state.stops_runs,
    }
