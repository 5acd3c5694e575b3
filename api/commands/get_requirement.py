"""The command `get_requirement`."""

from access.roles import Role
from api.commands.promote_requirement import RequirementReference, referenced_requirement
from api.registry import Call, CommandResult, ProjectUse, command
from api.requirement_answers import requirement_chain, requirement_row


class GetRequirementArguments(RequirementReference):
    """Which requirement."""


@command(
    "get_requirement",
    aliases=["fetch_requirement"],
    arguments=GetRequirementArguments,
    role=Role.GUEST,
    writes=False,
    project=ProjectUse.READ,
    example={"title": "Export invoices as CSV", "project": "app"},
    idempotent=True,
)
def get_requirement(call: Call) -> CommandResult:
    """Read one requirement in full, by id or by title.

    Answers the whole row with `content_md`, `acceptance`, `criteria` (`text`, `met`, `met_by`, `met_at`), `state`, `version`, `depends_on`, `memories` (`id`, `title`, `memory_type`),
    `moves` (`from`, `to`, `by`, `reason`, `at`), `comments` (`by`, `body_md`, `at`, `edited_at`) and `runs` that worked on it (`id`, `agent`, `runner`, `person`, `status`,
    `started_at`, `finished_at`, `files_modified`, `commits`,
    `pull_requests` and, for your own or as an admin, `cost_usd`).
    """
    found = referenced_requirement(call)
    return CommandResult({**requirement_row(call.caller, found), **requirement_chain(call.caller, found)})
