"""The command `handoff_cancel`."""

from access.roles import Role
from api.arguments import Identifier, ProjectArguments, optional_text
from api.handoff_answers import handoff_row, handoff_subject
from api.registry import Call, CommandResult, ProjectUse, command
from runs import handoffs

REASON_LENGTH = 150


class HandoffCancelArguments(ProjectArguments):
    """Which handoff, and why."""

    synonyms = {"id": ("handoff_id",)}

    id = Identifier(required=False, help_text="The handoff; left out, the newest open one that you left yourself.")
    reason = optional_text(REASON_LENGTH, help_text="Why it is not needed any more.")


@command(
    "handoff_cancel",
    aliases=["cancel_handoff"],
    arguments=HandoffCancelArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.READ,
    example={"project": "app", "reason": "Done by hand."},
)
def cancel(call: Call) -> CommandResult:
    """Take an open handoff back, so that no session gets it. Answers `handoff`."""
    wanted = call.arguments.get("id")
    found = handoffs.find_handoff(call.caller, wanted) if wanted else handoffs.newest_own(call.caller, call.project_ids)
    over = handoffs.cancel(call.caller, found, call.arguments.get("reason") or "")
    return CommandResult({"handoff": handoff_row(over)}, handoff_subject(over))
