"""The command `save_schema`."""

from access.roles import Role
from api.answers import memory_subject
from api.arguments import Text
from api.commands.save_memory import TextOfMemory, save_of_type, saved_answer
from api.registry import Call, CommandResult, ProjectUse, command
from memories.models import TITLE_LENGTH
from memories.schemas import SCHEMA_TYPE

DEFAULT_TITLE = "Database schema"


class SaveSchemaArguments(TextOfMemory):
    """A schema's text."""

    synonyms = {"title": ("name", "schema_name"), "content_md": ("content", "schema", "schema_md")}

    title = Text(default=DEFAULT_TITLE, max_length=TITLE_LENGTH, help_text="Its name, where a project has several.")
    content_md = Text(trim=False, help_text="The schema, in Markdown or SQL; `content` or `schema` is understood too.")


@command(
    "save_schema",
    aliases=["store_schema"],
    arguments=SaveSchemaArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.WRITE,
    example={"content_md": "CREATE TABLE invoice (id bigint PRIMARY KEY);", "project": "app"},
    idempotent=True,
)
def save_schema(call: Call) -> CommandResult:
    """Save the project's schema as its next version.

    Answers as `save_memory` does, and `type`.
    """
    saved = save_of_type(call, SCHEMA_TYPE)
    return CommandResult({**saved_answer(saved), "type": SCHEMA_TYPE}, memory_subject(saved.memory), saved.action)
