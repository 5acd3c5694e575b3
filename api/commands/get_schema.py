"""The command `get_schema`."""

from typing import Any

from access.roles import Role
from api.answers import in_utc, memory_address
from api.arguments import ProjectArguments
from api.registry import Call, CommandResult, ProjectUse, command
from memories.models import Memory
from memories.schemas import current_schemas


class GetSchemaArguments(ProjectArguments):
    """Which project."""


@command(
    "get_schema",
    aliases=["schema", "get_db"],
    arguments=GetSchemaArguments,
    role=Role.GUEST,
    writes=False,
    project=ProjectUse.READ,
    example={"project": "app"},
    idempotent=True,
)
def get_schema(call: Call) -> CommandResult:
    """Read the project's current schemas, newest first.

    Answers `project`, `count` and `schemas`, each with `id`, `title`, `content_md`, `project`, `version`, `created_at`,
    `updated_at`.
    """
    rows = [_row(schema) for schema in current_schemas(call.caller, call.project_ids)]
    return CommandResult({"project": call.project_name, "count": len(rows), "schemas": rows})


def _row(schema: Memory) -> dict[str, Any]:
    return {
        **memory_address(schema),
        "content_md": schema.content_md,
        "module": schema.module,
        "tags": schema.tags,
        "version": schema.version,
        "created_by": schema.created_by,
        "created_at": in_utc(schema.created_at),
        "updated_at": in_utc(schema.updated_at),
    }
