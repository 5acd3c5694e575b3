"""The command `debug_protocol`."""

import platform
from typing import Any

import django
from django.conf import settings
from django.db import connection

from access.callers import Caller
from access.roles import Role
from api.arguments import Arguments, printable, word_for
from api.registry import Call, CommandResult, ProjectUse, command, registry


class DebugProtocolArguments(Arguments):
    """Anything: the answer tells what arrived."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """What kinds of values arrived under which names."""
        return {"received": {printable(str(name)): word_for(value) for name, value in data.items()}}


@command(
    "debug_protocol",
    aliases=["debug", "dp"],
    arguments=DebugProtocolArguments,
    role=Role.ADMIN,
    writes=False,
    project=ProjectUse.NONE,
    example={},
    idempotent=True,
)
def debug_protocol(call: Call) -> CommandResult:
    """Tell what the server understood of this call, and by which limits it judges.

    Answers `received` (names and kinds of the arguments, not their values), `caller`, `limits`, `versions` and
    `commands`. Nothing secret is in it.
    """
    return CommandResult(
        {
            "received": call.arguments["received"],
            "caller": _caller(call.caller),
            "limits": _limits(call.caller),
            "versions": _versions(),
            "commands": registry.names(),
        }
    )


def _caller(caller: Caller) -> dict[str, Any]:
    return {
        "name": caller.name,
        "role": caller.role.value,
        "project_scope": None if caller.project_ids is None else list(caller.project_names),
        "default_project": caller.default_project,
        "door": caller.door,
        "token_id": str(caller.token_id) if caller.token_id else None,
        "request_id": caller.request_id,
        "address": caller.address,
    }


def _limits(caller: Caller) -> dict[str, int]:
    own = caller.rate_per_minute
    return {
        "body_bytes": settings.MAX_BODY_BYTES,
        "calls_per_minute": settings.TOKEN_RATE_PER_MINUTE if own is None else own,
        "idempotency_days": settings.IDEMPOTENCY_DAYS,
    }


def _versions() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        postgresql = cursor.fetchone()[0]
    return {
        "zikra": settings.VERSION,
        "python": platform.python_version(),
        "django": django.get_version(),
        "postgresql": postgresql,
    }
