"""The command `list_tokens`."""

from access.models import RoleToken
from access.roles import Role
from api.answers import token_row
from api.arguments import Arguments, ClampedNumber, Flag
from api.registry import Call, CommandResult, ProjectUse, command

MOST_TOKENS = 1000


class ListTokensArguments(Arguments):
    """Which tokens."""

    include_inactive = Flag(default=False, help_text="Show expired and revoked ones too.")
    limit = ClampedNumber(1, MOST_TOKENS, default=100, help_text="Tokens at most, 1 to 1000.")


@command(
    "list_tokens",
    arguments=ListTokensArguments,
    role=Role.OWNER,
    writes=False,
    project=ProjectUse.NONE,
    example={},
    idempotent=True,
)
def list_tokens(call: Call) -> CommandResult:
    """List the tokens within the caller's scope, newest first, without anything that opens the door.

    Answers `count` and `tokens`, each with `id`, `label`, `role`, `project_scope` (null for all), `prefix`, `state`,
    `created_at`, `expires_at`, `last_used_at`, `hits`.
    """
    visible = RoleToken.objects.visible_to(call.caller).select_related("member").prefetch_related("projects")
    asked = visible if call.arguments["include_inactive"] else visible.usable()
    rows = [token_row(token) for token in asked[: call.arguments["limit"]]]
    return CommandResult({"count": len(rows), "tokens": rows})
