"""The command `restore`."""

from typing import Any

from access.models import Project
from access.roles import Role
from api.answers import in_utc
from api.arguments import ProjectArguments, optional_text
from api.registry import Call, CommandResult, ProjectUse, command
from api.session_texts import restored_text
from runs import checkpoints
from runs.checkpoints import Restored
from runs.models import NAME_LENGTH, Checkpoint
from runs.reading import run_meant, session_meant


class RestoreArguments(ProjectArguments):
    """Which session."""

    session_id = optional_text(NAME_LENGTH, help_text="Your session; left out, your only active one here.")


@command(
    "restore",
    aliases=["restore_checkpoint"],
    arguments=RestoreArguments,
    role=Role.COLLABORATOR,
    writes=False,
    project=ProjectUse.READ,
    example={"project": "app", "session_id": "0b5e6f0c"},
    idempotent=True,
)
def restore(call: Call) -> CommandResult:
    """Get back what a session knew before its context was compacted, and every pinned fact that holds, whole.

    Answers `checkpoint` (null for none), `pinned_facts` and `restored_md`, both as one text inside the fence for
    untrusted history.
    """
    session = call.arguments.get("session_id") or ""
    run = None if call.arguments.get("project") else run_meant(call.caller, None, session)
    project = run.project if run is not None else _project(call)
    session = session_meant(call.caller, project, session)
    # A project that nobody has made yet and one out of sight have nothing alike.
    back = Restored(None) if project is None else checkpoints.restore(call.caller, project, session)
    facts = [{"fact": fact.fact, "reason": fact.reason, "pinned_by": fact.person} for fact in back.facts]
    kept = None if back.checkpoint is None else _row(back.checkpoint)
    return CommandResult({"checkpoint": kept, "pinned_facts": facts, "restored_md": restored_text(back)})


def _project(call: Call) -> Project | None:
    return Project.objects.visible_to(call.caller).filter(name=call.project_name).first()


def _row(kept: Checkpoint) -> dict[str, Any]:
    return {
        "id": str(kept.pk),
        "session_id": kept.session_id,
        "task": kept.task,
        "files": kept.files,
        "decisions": kept.decisions,
        "errors": kept.errors,
        "next_steps": kept.next_steps,
        "automatic": kept.is_automatic,
        "created_at": in_utc(kept.created_at),
    }
