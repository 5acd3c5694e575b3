"""The command `unpin_memory`."""

from access.roles import Role
from api.answers import memory_address, memory_subject
from api.arguments import MemoryReference
from api.commands.get_memory import referenced_memory
from api.registry import Call, CommandResult, ProjectUse, command
from memories.curating import unpin_memory


class UnpinMemoryArguments(MemoryReference):
    """Which memory."""


@command(
    "unpin_memory",
    aliases=["unpin"],
    arguments=UnpinMemoryArguments,
    role=Role.ADMIN,
    writes=True,
    project=ProjectUse.READ,
    example={"title": "PostgreSQL is the only store", "project": "app"},
    idempotent=True,
)
def unpin(call: Call) -> CommandResult:
    """Unpin a memory: it fades again, from now on.

    Answers `pinned` (false), `id`, `title`, `memory_type`, `project`.
    """
    memory = unpin_memory(call.caller, referenced_memory(call).memory)
    return CommandResult({"pinned": False, **memory_address(memory)}, memory_subject(memory))
