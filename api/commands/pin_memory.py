"""The command `pin_memory`."""

from access.roles import Role
from api.answers import in_utc, memory_address, memory_subject
from api.arguments import MemoryReference, optional_text
from api.commands.get_memory import referenced_memory
from api.registry import Call, CommandResult, ProjectUse, command
from memories.curating import pin_memory
from memories.models import NAME_LENGTH


class PinMemoryArguments(MemoryReference):
    """Which memory, and why."""

    reason = optional_text(NAME_LENGTH * 2, help_text="Why every session should know it.")


@command(
    "pin_memory",
    aliases=["pin"],
    arguments=PinMemoryArguments,
    role=Role.ADMIN,
    writes=True,
    project=ProjectUse.READ,
    example={"title": "PostgreSQL is the only store", "project": "app", "reason": "Every session asks."},
    idempotent=True,
)
def pin(call: Call) -> CommandResult:
    """Pin a memory: it does not fade and stands first in `get_context`.

    Answers `pinned`, `id`, `title`, `memory_type`, `project`, `reason`, `pinned_at`.
    """
    memory = pin_memory(call.caller, referenced_memory(call).memory, call.arguments.get("reason", ""))
    answer = {
        "pinned": True,
        **memory_address(memory),
        "reason": memory.pin_reason,
        "pinned_at": in_utc(memory.pinned_at),
    }
    return CommandResult(answer, memory_subject(memory))
