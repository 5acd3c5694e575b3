"""The command `confirm_memory`."""

from access.roles import Role
from api.answers import in_utc, memory_address, memory_subject, share
from api.arguments import MemoryReference
from api.commands.get_memory import referenced_memory
from api.registry import Call, CommandResult, ProjectUse, command
from memories.curating import confirm_memory


class ConfirmMemoryArguments(MemoryReference):
    """Which memory."""


@command(
    "confirm_memory",
    aliases=["still_true"],
    arguments=ConfirmMemoryArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.READ,
    example={"title": "PostgreSQL is the only store", "project": "app"},
    idempotent=True,
)
def confirm(call: Call) -> CommandResult:
    """Say that a memory is still true: its decay clock starts again.

    Answers `confirmed`, `id`, `title`, `memory_type`, `project`, `confirmed_at`, `confirmed_by`, `confidence_score`.
    """
    memory = confirm_memory(call.caller, referenced_memory(call).memory)
    answer = {
        "confirmed": True,
        **memory_address(memory),
        "confirmed_at": in_utc(memory.confirmed_at),
        "confirmed_by": memory.confirmed_by,
        "confidence_score": share(memory.confidence),
    }
    return CommandResult(answer, memory_subject(memory))
