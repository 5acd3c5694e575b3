"""The command `save_prompt`."""

from access.roles import Role
from api.answers import memory_subject
from api.commands.save_memory import TextOfMemory, save_of_type, saved_answer
from api.registry import Call, CommandResult, ProjectUse, command
from memories.prompts import PROMPT_TYPE


class SavePromptArguments(TextOfMemory):
    """A prompt's name and text."""

    synonyms = {"title": ("prompt_name", "name"), "content_md": ("content", "prompt")}


@command(
    "save_prompt",
    aliases=["write_prompt", "store_prompt"],
    arguments=SavePromptArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.WRITE,
    example={"title": "Review a migration", "content_md": "Read the migration and …", "project": "app"},
    idempotent=True,
)
def save_prompt(call: Call) -> CommandResult:
    """Save a prompt, or give it its next version.

    `prompt_name` is understood for `title`. Answers as `save_memory` does, and `type`.
    """
    saved = save_of_type(call, PROMPT_TYPE)
    return CommandResult({**saved_answer(saved), "type": PROMPT_TYPE}, memory_subject(saved.memory), saved.action)
