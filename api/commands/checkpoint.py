"""The command `checkpoint`."""

from access.audit import AuditSubject
from access.roles import Role
from api.answers import in_utc
from api.arguments import Lines, ProjectArguments, Words, optional_text
from api.registry import Call, CommandResult, ProjectUse, command
from api.run_arguments import project_of_run
from runs import checkpoints
from runs.models import NAME_LENGTH, SUMMARY_LENGTH
from runs.reading import session_meant
from runs.texts import ENTRIES_AT_MOST


class CheckpointArguments(ProjectArguments):
    """What the session knows now."""

    session_id = optional_text(NAME_LENGTH, help_text="Your session; left out, your only active one here.")
    task = optional_text(SUMMARY_LENGTH, help_text="What it is about and how far it is.")
    files = Words(
        entry_length=checkpoints.PATH_LENGTH, max_length=checkpoints.FILES_AT_MOST, help_text="Paths that matter."
    )
    decisions = Lines(entry_length=SUMMARY_LENGTH, max_length=ENTRIES_AT_MOST, help_text="What was decided.")
    errors = Lines(  # type: ignore[assignment]  # a field's name here, not the serializer's own property
        entry_length=SUMMARY_LENGTH, max_length=ENTRIES_AT_MOST, help_text="What failed, and how."
    )
    next_steps = Lines(entry_length=SUMMARY_LENGTH, max_length=ENTRIES_AT_MOST, help_text="What comes next.")
    agent = optional_text(NAME_LENGTH, help_text="The tool, such as claude-code.")


@command(
    "checkpoint",
    aliases=["save_checkpoint"],
    arguments=CheckpointArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.READ,
    example={
        "project": "app",
        "session_id": "0b5e6f0c",
        "task": "Export invoices as CSV; the writer is done, the test is not.",
        "files": ["export.py"],
        "decisions": ["Semicolons, because the accountants' program wants them"],
    },
)
def checkpoint(call: Call) -> CommandResult:
    """Keep what this session knows, before its context is compacted; `restore` gives it back.

    Answers `id`, `session_id` and `created_at`.
    """
    project = project_of_run(call)
    session = session_meant(call.caller, project, call.arguments.get("session_id") or "")
    told = call.given("task", "files", "decisions", "errors", "next_steps", "agent")
    kept = checkpoints.keep_checkpoint(call.caller, project, session, **told)
    answer = {"id": str(kept.pk), "session_id": kept.session_id, "created_at": in_utc(kept.created_at)}
    return CommandResult(answer, AuditSubject("checkpoint", str(kept.pk), kept.session_id, project.pk))
