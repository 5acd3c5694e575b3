"""The command `log_error`."""

from typing import Any

from access.roles import Role
from api.answers import memory_subject
from api.arguments import Identifier, ProjectArguments, Text, optional_text
from api.registry import Call, CommandResult, ProjectUse, command
from api.uses import run_learnt_in
from memories.errors_log import log_error
from memories.models import NAME_LENGTH, TAG_LENGTH, TITLE_LENGTH


class LogErrorArguments(ProjectArguments):
    """What went wrong."""

    synonyms = {"message": ("error", "content_md", "content")}

    message = Text(trim=False, help_text="What the error said; `error` or `content_md` is understood too.")
    title = optional_text(TITLE_LENGTH, help_text="A title; left out, the first line of the message.")
    error_type = optional_text(TAG_LENGTH, help_text="Such as TypeError; becomes a tag.")
    stack_trace = optional_text(trim=False, help_text="The stack trace as it was printed.")
    context_md = optional_text(trim=False, help_text="What was being done, in Markdown.")
    runner = optional_text(NAME_LENGTH, help_text="Which agent met it.")
    run_id = Identifier(required=False, help_text="The run that met it.")
    session_id = optional_text(NAME_LENGTH, help_text="The agent's session, instead of `run_id`.")

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The arguments; a message of blanks is none."""
        message = data.get("message")
        if isinstance(message, str) and not message.strip():
            data = {**data, "message": ""}
        return super().to_internal_value(data)


@command(
    "log_error",
    aliases=["log_bug", "report_error", "save_error", "log_failure"],
    arguments=LogErrorArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.WRITE,
    example={
        "message": "connection refused on port 5432",
        "error_type": "OperationalError",
        "project": "app",
        "runner": "claude-code",
    },
    idempotent=True,
)
def log(call: Call) -> CommandResult:
    """Keep an error as a memory of type error, found by search.

    Answers `id` and `status`.
    """
    given = call.given("message", "title", "error_type", "stack_trace", "context_md", "runner")
    memory = log_error(call.caller, call.project, run_id=run_learnt_in(call), **given)
    return CommandResult({"id": str(memory.pk), "status": "logged"}, memory_subject(memory))
