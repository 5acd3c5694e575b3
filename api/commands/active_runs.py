"""The command `active_runs`."""

from typing import Any

from django.utils import timezone

from access.callers import Caller
from access.roles import Role
from api.answers import in_utc
from api.arguments import ClampedNumber, ProjectArguments
from api.registry import Call, CommandResult, ProjectUse, command
from runs.board import active_runs
from runs.models import TOKEN_KINDS, Run
from runs.visibility import may_see_cost

DEFAULT_LISTED = 50
MOST_LISTED = 200


class ActiveRunsArguments(ProjectArguments):
    """Where to look."""

    limit = ClampedNumber(1, MOST_LISTED, default=DEFAULT_LISTED, help_text="Runs at most, 1 to 200.")


@command(
    "active_runs",
    aliases=["list_active_runs"],
    arguments=ActiveRunsArguments,
    role=Role.GUEST,
    writes=False,
    project=ProjectUse.READ,
    example={"project": "app"},
    idempotent=True,
)
def list_active_runs(call: Call) -> CommandResult:
    """List the runs that have not ended, the one last heard of first.

    Answers `count` (all of them) and `runs`, each with `id`, `project`, `agent`, `runner`, `person`, `machine`, `model`,
    `session_id`, `branch`, `prompt_name`, `requirement_id`, `requirement_title`, `step`, `started_at`, `last_seen_at`,
    `elapsed_s`, `stale` and, for your own runs or as an admin, the tokens of each kind and `cost_usd` so far (null where unknown).
    """
    listed = active_runs(call.caller, call.project_ids)
    rows = [_row(run, call.caller) for run in listed[: call.arguments["limit"]]]
    return CommandResult({"count": listed.count(), "runs": rows})


def _row(run: Run, caller: Caller) -> dict[str, Any]:
    now = timezone.now()
    row: dict[str, Any] = {
        "id": str(run.pk),
        "project": run.project.name,
        **{
            name: getattr(run, name)
            for name in ("agent", "runner", "person", "machine", "model", "session_id", "branch", "prompt_name")
        },
        "requirement_id": str(run.requirement_id) if run.requirement_id else None,
        "requirement_title": run.requirement_title,
        "step": run.step,
        "started_at": in_utc(run.started_at),
        "last_seen_at": in_utc(run.last_seen_at),
        "elapsed_s": round(run.elapsed(now).total_seconds()),
        "stale": run.is_stale(now),
    }
    if may_see_cost(caller, run):
        row |= {kind: getattr(run, kind) for kind in TOKEN_KINDS}
        row["cost_usd"] = None if run.cost_usd is None else float(run.cost_usd)
    return row
