"""The command `hygiene_report`."""

from typing import Any

from access.roles import Role
from api.answers import linked_memories, memory_address
from api.arguments import ClampedNumber, ProjectArguments, WholeNumber
from api.registry import Call, CommandResult, ProjectUse, command
from memories.hygiene import DEFAULT_STALE_DAYS, ROWS_AT_MOST, DeadLink, DuplicateTitle, HygieneRow, hygiene_report

# Ten years: older than anything the portal can hold, and small enough for date arithmetic.
MOST_DAYS = 3650


class HygieneReportArguments(ProjectArguments):
    """Which project, and from when on a memory counts as idle."""

    stale_days = WholeNumber(
        default=DEFAULT_STALE_DAYS, min_value=0, max_value=MOST_DAYS, help_text="Idle days that make a memory stale."
    )
    limit = ClampedNumber(1, ROWS_AT_MOST, default=ROWS_AT_MOST, help_text="Rows of each list at most, 1 to 100.")


@command(
    "hygiene_report",
    aliases=["orphan_report", "stale_report"],
    arguments=HygieneReportArguments,
    role=Role.GUEST,
    writes=False,
    project=ProjectUse.READ,
    example={"project": "app", "stale_days": 30},
    idempotent=True,
)
def report(call: Call) -> CommandResult:
    """Show what needs care: idle memories that nothing links to, repeated titles, links that lead nowhere.

    Answers `project`, `stale_days`, `orphan_count`, `memories` (each with `id`, `title`, `memory_type`, `project`,
    `days_idle`, `access_count`, `backlink_count`, `verdict`: `archive` or `review`), `duplicates` and `dead_links`.
    """
    stale_days = call.arguments["stale_days"]
    found = hygiene_report(call.caller, call.project_ids, stale_days=stale_days, limit=call.arguments["limit"])
    return CommandResult(
        {
            "project": call.project_name,
            "stale_days": stale_days,
            "orphan_count": found.orphan_count,
            "memories": [_orphan(row) for row in found.memories],
            "duplicates": [_duplicate(row) for row in found.duplicates],
            "dead_links": [_dead_link(row) for row in found.dead_links],
        }
    )


def _orphan(row: HygieneRow) -> dict[str, Any]:
    return {
        **memory_address(row.memory),
        "days_idle": row.days_idle,
        "access_count": row.memory.access_count,
        "backlink_count": row.backlink_count,
        "verdict": row.verdict,
    }


def _duplicate(row: DuplicateTitle) -> dict[str, Any]:
    return {"title": row.title, "project": row.project, "memories": linked_memories(row.memories)}


def _dead_link(row: DeadLink) -> dict[str, Any]:
    return {**memory_address(row.source), "target_title": row.target_title}
