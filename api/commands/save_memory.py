"""The command `save_memory`."""

from typing import Any

from access.roles import Role
from api.answers import memory_subject
from api.arguments import (
    Identifier,
    Moment,
    Number,
    ProjectArguments,
    Text,
    Word,
    Words,
    optional_text,
)
from api.registry import Call, CommandResult, ProjectUse, command
from api.uses import run_learnt_in
from memories.models import NAME_LENGTH, TAG_LENGTH, TITLE_LENGTH
from memories.saving import SavedMemory, save_memory

DEFAULT_TYPE = "conversation"
# Arguments that the verb takes under the same name, and that keep their value when they are left out.
KEPT_WHEN_LEFT_OUT = (
    "content_md",
    "module",
    "resolution",
    "tags",
    "source_file",
    "created_by",
    "confidence",
    "occurred_at",
)


class TextOfMemory(ProjectArguments):
    """A memory's text and what is known about it."""

    synonyms = {"content_md": ("content",)}

    title = Text(max_length=TITLE_LENGTH, help_text="Its address within project and type; saving it again updates it.")
    content_md = optional_text(
        trim=False, help_text="Markdown; `[[Other title]]` links to a memory. `content` is understood too."
    )
    module = optional_text(NAME_LENGTH, help_text="Part of the code base that it is about.")
    resolution = optional_text(trim=False, help_text="How the matter was settled.")
    tags = Words(entry_length=TAG_LENGTH, allow_null=True, help_text="Short words to filter by.")
    source_file = optional_text(NAME_LENGTH * 5, help_text="File, session or transcript that it comes from.")
    created_by = optional_text(NAME_LENGTH, help_text="Who learnt it; left out, the token's label.")
    confidence = Number(required=False, min_value=0, max_value=1, help_text="How sure it is, 0 to 1; 1 when left out.")
    occurred_at = Moment(required=False, past_only=True, help_text="When it happened, for what is imported.")
    run_id = Identifier(required=False, help_text="The run that it was learnt in.")
    session_id = optional_text(NAME_LENGTH, help_text="The agent's session, instead of `run_id`.")


class SaveMemoryArguments(TextOfMemory):
    """A memory's text, and its type."""

    synonyms = {**TextOfMemory.synonyms, "memory_type": ("type",)}

    memory_type = Word(default=DEFAULT_TYPE, max_length=40, help_text="Such as decision, error, note; see the portal.")


def saved_answer(saved: SavedMemory) -> dict[str, Any]:
    """What every saving command answers."""
    memory = saved.memory
    return {
        "id": str(memory.pk),
        "title": memory.title,
        "status": "saved",
        "action": saved.action,
        "version": memory.version,
        "memory_type": memory.memory_type_id,
        "project": memory.project.name,
    }


def save_of_type(call: Call, memory_type: str) -> SavedMemory:
    """Save a call's text as a memory of a type."""
    return save_memory(
        call.caller,
        call.project,
        memory_type,
        call.arguments["title"],
        run_id=run_learnt_in(call),
        **call.given(*KEPT_WHEN_LEFT_OUT),
    )


@command(
    "save_memory",
    aliases=["save", "store", "write_memory", "add_memory", "write"],
    arguments=SaveMemoryArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.WRITE,
    example={
        "title": "PostgreSQL is the only store",
        "content_md": "Rows, vectors and queues share one transaction. See [[Queue design]].",
        "memory_type": "decision",
        "project": "app",
        "tags": ["database"],
    },
    idempotent=True,
)
def save(call: Call) -> CommandResult:
    """Save a memory under its project, type and title, or give it its next version.

    Saving the same title again keeps the id and the old text; arguments that are left out keep their value. Secrets in
    the text are masked. Answers `id`, `title`, `status`, `action` (`created`, `updated` or `unchanged`) and `version`.
    """
    saved = save_of_type(call, call.arguments["memory_type"])
    return CommandResult(saved_answer(saved), memory_subject(saved.memory), saved.action)
