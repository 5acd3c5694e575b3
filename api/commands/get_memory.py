"""The command `get_memory`."""

from access.roles import Role
from api.answers import linked_memories, memory_row
from api.arguments import MemoryReference, OfRun
from api.registry import Call, CommandResult, ProjectUse, command
from api.uses import note_given, run_that_asks
from memories.models import UseKind
from memories.reading import FoundMemory, find_memory, links_in, links_out, note_access


class GetMemoryArguments(MemoryReference, OfRun):
    """Which memory, and which run asks."""


def referenced_memory(call: Call, *, deleted: bool = False) -> FoundMemory:
    """The memory that a call names by id or title. Raises NotFound, or Invalid when it names none."""
    named = call.arguments
    memory_id = named.get("id")
    return find_memory(
        call.caller,
        memory_id=memory_id,
        title=named.get("title"),
        memory_type=named.get("memory_type"),
        project_ids=None if memory_id else call.project_ids,
        deleted=deleted,
    )


@command(
    "get_memory",
    aliases=["fetch_memory", "read_memory", "load_memory"],
    arguments=GetMemoryArguments,
    role=Role.GUEST,
    writes=False,
    project=ProjectUse.READ,
    example={"title": "PostgreSQL is the only store", "project": "app"},
)
def get_memory(call: Call) -> CommandResult:
    """Read one memory in full, by id or by title.

    Answers the whole row with `content_md`, `version`, `confidence_score`, `links_out` and `links_in` (`id`, `title`,
    `memory_type`), and counts the access. When several memories have the title the newest is answered and
    `other_matches` names the others. With `run_id` or `session_id` the run's page tells that it was given.
    """
    asking = run_that_asks(call)
    found = referenced_memory(call)
    note_access(found.memory)
    note_given(asking, [found.memory.pk], UseKind.GET)
    answer = {
        **memory_row(found.memory),
        "links_out": linked_memories(links_out(call.caller, found.memory)),
        "links_in": linked_memories(links_in(call.caller, found.memory)),
    }
    if found.other_matches:
        others = [{**linked_memories([row])[0], "project": row.project.name} for row in found.other_matches]
        answer["other_matches"] = others
    return CommandResult(answer)
