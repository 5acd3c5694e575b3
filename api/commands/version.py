"""The command `version`."""

from django.conf import settings

from access.roles import Role
from api.arguments import Arguments
from api.registry import Call, CommandResult, ProjectUse, command


class VersionArguments(Arguments):
    """None."""


@command(
    "version",
    aliases=["ver", "server_version"],
    arguments=VersionArguments,
    role=Role.GUEST,
    writes=False,
    project=ProjectUse.NONE,
    example={},
    idempotent=True,
)
def version(call: Call) -> CommandResult:
    """Tell the server's version.

    Answers `version` and `server`. Nothing outside is asked.
    """
    return CommandResult({"version": settings.VERSION, "server": "zikra"})
