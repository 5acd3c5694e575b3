"""The command `delete_memory`."""

from access.errors import NotFound
from access.roles import Role
from api.answers import memory_address, memory_subject
from api.arguments import Flag, MemoryReference
from api.commands.get_memory import referenced_memory
from api.registry import Call, CommandResult, ProjectUse, command
from memories.deleting import delete_memory, purge_memory
from memories.models import Memory


class DeleteMemoryArguments(MemoryReference):
    """Which memory, and whether for good."""

    purge = Flag(default=False, help_text="Erase it with its history for good; needs an owner.")


@command(
    "delete_memory",
    aliases=["remove_memory", "forget_memory", "forget"],
    arguments=DeleteMemoryArguments,
    role=Role.ADMIN,
    writes=True,
    project=ProjectUse.READ,
    example={"title": "PostgreSQL is the only store", "memory_type": "decision", "project": "app"},
    destructive=True,
)
def delete(call: Call) -> CommandResult:
    """Delete a memory; `restore_memory` brings it back.

    With `purge` its row, versions, vectors and links are erased for good, also when it was deleted before. Answers
    `deleted`, `id`, `title`, `memory_type`, `project`.
    """
    purge = call.arguments["purge"]
    if purge:
        call.caller.require(Role.OWNER)
    memory = _memory_to_purge(call) if purge else referenced_memory(call).memory
    answer = {"deleted": True, **memory_address(memory), "purged": purge}
    subject = memory_subject(memory)
    (purge_memory if purge else delete_memory)(call.caller, memory)
    return CommandResult(answer, subject, "purged" if purge else "")


def _memory_to_purge(call: Call) -> Memory:
    """The named memory, else the deleted one of that name."""
    try:
        return referenced_memory(call).memory
    except NotFound:
        return referenced_memory(call, deleted=True).memory
