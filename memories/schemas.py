"""Schemas of a project: memories of type schema, always the newest version."""

from access.callers import Caller
from memories.models import Memory

SCHEMA_TYPE = "schema"
SCHEMAS_AT_MOST = 100


def current_schemas(caller: Caller, project_ids: list[int] | None) -> list[Memory]:
    """Live schema memories of these projects (None: all in scope), newest first."""
    schemas = Memory.objects.visible_to(caller).live().of_type(SCHEMA_TYPE).within(project_ids)
    return list(schemas.select_related("project").order_by("-updated_at", "-id")[:SCHEMAS_AT_MOST])
