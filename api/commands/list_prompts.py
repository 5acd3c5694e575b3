"""The command `list_prompts`."""

from access.roles import Role
from api.answers import prompt_row
from api.arguments import ClampedNumber, ProjectArguments
from api.registry import Call, CommandResult, ProjectUse, command
from memories.prompts import list_prompts

DEFAULT_LIMIT = 20


class ListPromptsArguments(ProjectArguments):
    """Which prompts."""

    limit = ClampedNumber(1, 100, default=DEFAULT_LIMIT, help_text="Prompts at most, 1 to 100.")


@command(
    "list_prompts",
    aliases=["get_prompts"],
    arguments=ListPromptsArguments,
    role=Role.GUEST,
    writes=False,
    project=ProjectUse.READ,
    example={"project": "app"},
    idempotent=True,
)
def prompts(call: Call) -> CommandResult:
    """List the prompts of a project, by title.

    Answers `count`, `status` and `prompts`, each with `id`, `title`, `snippet`, `project`, `access_count`,
    `created_by`, `created_at`.
    """
    rows = [prompt_row(prompt) for prompt in list_prompts(call.caller, call.project_ids, call.arguments["limit"])]
    return CommandResult({"count": len(rows), "prompts": rows, "status": "success"})
