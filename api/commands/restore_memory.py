"""The command `restore_memory`."""

from access.roles import Role
from api.answers import memory_address, memory_subject
from api.arguments import MemoryReference
from api.commands.get_memory import referenced_memory
from api.registry import Call, CommandResult, ProjectUse, command
from memories.deleting import restore_memory


class RestoreMemoryArguments(MemoryReference):
    """Which deleted memory."""


@command(
    "restore_memory",
    aliases=["undelete_memory"],
    arguments=RestoreMemoryArguments,
    role=Role.ADMIN,
    writes=True,
    project=ProjectUse.READ,
    example={"title": "PostgreSQL is the only store", "project": "app"},
)
def restore(call: Call) -> CommandResult:
    """Bring a deleted memory back, with its history.

    Answers `restored`, `id`, `title`, `memory_type`, `project`, `version`; 409 when its title has been taken since.
    """
    memory = restore_memory(call.caller, referenced_memory(call, deleted=True).memory)
    answer = {"restored": True, **memory_address(memory), "version": memory.version}
    return CommandResult(answer, memory_subject(memory))
