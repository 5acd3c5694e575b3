"""The command `zikra_help`."""

from access.roles import Role
from api.arguments import Arguments
from api.reference import TIP, command_reference
from api.registry import Call, CommandResult, ProjectUse, command


class HelpArguments(Arguments):
    """None."""


@command(
    "zikra_help",
    aliases=["help"],
    arguments=HelpArguments,
    role=Role.GUEST,
    writes=False,
    project=ProjectUse.NONE,
    example={},
    idempotent=True,
)
def zikra_help(call: Call) -> CommandResult:
    """List every command with its arguments, its role and an example.

    Answers `commands` (each with `command`, `aliases`, `description`, `required`, `optional`, `role`, `example`),
    `count` and `tip`.
    """
    reference = command_reference()
    return CommandResult({"commands": reference, "count": len(reference), "tip": TIP})
