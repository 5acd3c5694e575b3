"""What the admin's first page tells: counts, embedding, what happened last. Everything within the reader's sight."""

from typing import Any

from access.callers import Caller
from access.models import AuditEntry, Member, Project, RoleToken
from access.roles import Role
from memories.embedding.spaces import SpaceProgress, progress
from memories.overview import memory_counts, types_with_memories
from requirements_pipeline.models import Requirement

AUDIT_ROWS = 12
TYPES_SHOWN = 8


def dashboard(caller: Caller) -> dict[str, Any]:
    """The page's context for a caller."""
    return {
        "memories": memory_counts(caller),
        "project_count": Project.objects.visible_to(caller).count(),
        "open_requirements": Requirement.objects.visible_to(caller).open().count(),
        "types": types_with_memories(caller)[:TYPES_SHOWN],
        "spaces": _spaces(caller),
        "shows_spaces": sees_portal(caller),
        "team": _team(caller),
        "audit": _audit(caller),
    }


def sees_portal(caller: Caller) -> bool:
    """Whether the caller may know of the portal as a whole."""
    return caller.project_ids is None and caller.may(Role.ADMIN)


def _spaces(caller: Caller) -> list[SpaceProgress]:
    return progress() if sees_portal(caller) else []


def _team(caller: Caller) -> dict[str, int] | None:
    if not caller.may(Role.OWNER):
        return None
    return {"members": Member.objects.filter(is_active=True).count(), "tokens": RoleToken.objects.usable().count()}


def _audit(caller: Caller) -> list[AuditEntry]:
    if not caller.may(Role.ADMIN):
        return []
    return list(AuditEntry.objects.visible_to(caller).select_related("project")[:AUDIT_ROWS])
