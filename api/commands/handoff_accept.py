"""The command `handoff_accept`."""

from access.roles import Role
from api.arguments import Identifier, ProjectArguments, optional_text
from api.handoff_answers import handoff_row, handoff_subject
from api.registry import Call, CommandResult, ProjectUse, command
from api.run_arguments import project_of_run
from api.session_texts import handoff_text
from runs import handoffs
from runs.models import NAME_LENGTH


class HandoffAcceptArguments(ProjectArguments):
    """Which handoff, and which session takes it."""

    synonyms = {"id": ("handoff_id",)}

    id = Identifier(required=False, help_text="The handoff; left out, the one that a session here gets first.")
    session_id = optional_text(NAME_LENGTH, help_text="Your own session.")
    agent = optional_text(NAME_LENGTH, help_text="The tool, such as claude-code.")
    cwd = optional_text(handoffs.PATH_LENGTH, help_text="The directory that you work in.")


@command(
    "handoff_accept",
    aliases=["accept_handoff", "take_handoff"],
    arguments=HandoffAcceptArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.READ,
    example={"project": "app", "agent": "codex"},
)
def accept(call: Call) -> CommandResult:
    """Take a handoff; nobody else gets it.

    Answers `handoff` and `handoff_md`, its text inside the fence for untrusted history; null and an empty text when
    none waits.
    """
    asked = call.arguments
    session = {"session_id": asked.get("session_id") or "", "agent": asked.get("agent") or ""}
    if asked.get("id") is not None:
        taken = handoffs.accept(call.caller, handoffs.find_handoff(call.caller, asked["id"]), **session)
    else:
        claimed = handoffs.claim(call.caller, project_of_run(call), directory=asked.get("cwd") or "", **session)
        if claimed is None:
            return CommandResult({"handoff": None, "handoff_md": ""})
        taken = claimed
    answer = {"handoff": handoff_row(taken), "handoff_md": handoff_text(taken)}
    return CommandResult(answer, handoff_subject(taken))
