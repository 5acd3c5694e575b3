"""The command `get_context`."""

from access.roles import Role
from api.arguments import ClampedNumber, OfRun, ProjectArguments, optional_text
from api.registry import Call, CommandResult, ProjectUse, command
from api.uses import note_given, run_that_asks
from memories.models import UseKind
from requirements_pipeline.context import DEFAULT_TOKENS, context_for

MOST_TOKENS = 100_000


class GetContextArguments(ProjectArguments, OfRun):
    """Which session asks, and how much it can take."""

    agent = optional_text(200, help_text="Which agent asks, such as claude-code.")
    cwd = optional_text(4096, help_text="The directory that it works in.")
    max_tokens = ClampedNumber(1, MOST_TOKENS, default=DEFAULT_TOKENS, help_text="Budget in characters / 4.")


@command(
    "get_context",
    aliases=["session_context", "inject"],
    arguments=GetContextArguments,
    role=Role.GUEST,
    writes=False,
    project=ProjectUse.READ,
    example={"project": "app", "agent": "claude-code", "max_tokens": 2000},
    idempotent=True,
)
def get_context(call: Call) -> CommandResult:
    """Tell a fresh session what it should know: pinned facts, open requirements, recent decisions and errors.

    The text is fenced as untrusted history. Answers `context_md`, `sources` (ids of what is cited) and `tokens_used`.
    """
    asking = run_that_asks(call)
    context = context_for(call.caller, call.project_name, call.arguments["max_tokens"])
    note_given(asking, context.memory_ids, UseKind.CONTEXT)
    return CommandResult(
        {"context_md": context.context_md, "sources": context.source_ids, "tokens_used": context.tokens_used}
    )
