"""The command `handoff_list`."""

from access.roles import Role
from api.arguments import ClampedNumber, ProjectArguments, optional_text
from api.handoff_answers import handoff_row
from api.registry import Call, CommandResult, ProjectUse, command
from runs import handoffs

DEFAULT_LIMIT = 20
MOST_LISTED = 100


class HandoffListArguments(ProjectArguments):
    """Which handoffs."""

    synonyms = {"state": ("status",)}

    state = optional_text(20, help_text="open (when left out), accepted, expired, or all.")
    limit = ClampedNumber(1, MOST_LISTED, default=DEFAULT_LIMIT, help_text="Handoffs at most, 1 to 100.")


@command(
    "handoff_list",
    aliases=["list_handoffs"],
    arguments=HandoffListArguments,
    role=Role.GUEST,
    writes=False,
    project=ProjectUse.READ,
    example={"project": "app"},
    idempotent=True,
)
def listed(call: Call) -> CommandResult:
    """List handoffs, the newest first, without claiming any.

    Answers `count`, `total` and `handoffs`: each with `id`, `state`, whose it is, `summary`, `open_questions`,
    `next_steps`, `files_touched`, and who accepted it or why it is over.
    """
    found = handoffs.handoffs_in(call.caller, call.project_ids, call.arguments.get("state", ""))
    rows = [handoff_row(handoff) for handoff in found[: call.arguments["limit"]]]
    return CommandResult({"count": len(rows), "total": found.count(), "handoffs": rows})
