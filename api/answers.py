"""Rows as the JSON that agents read: ids as strings, times in ISO 8601 UTC with Z, digits that mean something."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from access.audit import AuditSubject
from access.models import RoleToken
from access.tokens import NewToken
from memories.models import Memory
from memories.search import SearchResult
from memories.snippets import snippet

# Scores and confidences are estimates: six digits order them, more would be noise.
DIGITS = 6


def in_utc(moment: datetime | None) -> str | None:
    """A moment such as 2026-03-31T17:00:00.123456Z; None stays None."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None


def share(value: float) -> float:
    """A score or confidence 0…1 with the digits that mean something."""
    return round(value, DIGITS)


def memory_address(memory: Memory) -> dict[str, Any]:
    """What names a memory. Reads its project."""
    return {
        "id": str(memory.pk),
        "title": memory.title,
        "memory_type": memory.memory_type_id,
        "project": memory.project.name,
    }


def memory_row(memory: Memory) -> dict[str, Any]:
    """A whole memory. Reads its project and type."""
    return {
        **memory_address(memory),
        "content_md": memory.content_md,
        "module": memory.module,
        "resolution": memory.resolution,
        "tags": memory.tags,
        "source_file": memory.source_file,
        "created_by": memory.created_by,
        "version": memory.version,
        "state": memory.state,
        "confidence": share(memory.stated_confidence),
        "confidence_score": share(memory.confidence),
        "confirmed_at": in_utc(memory.confirmed_at),
        "confirmed_by": memory.confirmed_by,
        "pinned": memory.pinned_at is not None,
        "pin_reason": memory.pin_reason,
        "access_count": memory.access_count,
        "last_accessed_at": in_utc(memory.last_accessed_at),
        "created_at": in_utc(memory.created_at),
        "updated_at": in_utc(memory.updated_at),
        "run_id": str(memory.run_id) if memory.run_id else None,
    }


def linked_memories(memories: Iterable[Memory]) -> list[dict[str, str]]:
    """Memories at the other end of links."""
    return [{"id": str(row.pk), "title": row.title, "memory_type": row.memory_type_id} for row in memories]


def search_row(result: SearchResult, *, explain: bool) -> dict[str, Any]:
    """One search result; with `explain` also the parts of its score."""
    memory = result.memory
    row = {
        **memory_address(memory),
        "snippet": result.snippet,
        "module": memory.module,
        "score": share(result.score),
        "created_at": in_utc(memory.created_at),
        "updated_at": in_utc(memory.updated_at),
        "access_count": memory.access_count,
        "confidence_score": share(result.confidence),
        "tags": memory.tags,
    }
    return {**row, "explain": {name: share(part) for name, part in result.parts.items()}} if explain else row


def prompt_row(memory: Memory) -> dict[str, Any]:
    """One prompt of a list. Reads its project."""
    return {
        "id": str(memory.pk),
        "title": memory.title,
        "snippet": snippet(memory.content_md, ()),
        "project": memory.project.name,
        "access_count": memory.access_count,
        "created_by": memory.created_by,
        "created_at": in_utc(memory.created_at),
        "updated_at": in_utc(memory.updated_at),
    }


def memory_subject(memory: Memory) -> AuditSubject:
    """A memory in the audit trail."""
    return AuditSubject("memory", str(memory.pk), memory.title, memory.project_id)


def token_row(token: RoleToken) -> dict[str, Any]:
    """One token of a list, without anything that opens the door. Reads its projects and member."""
    return {
        "id": str(token.pk),
        "label": token.label,
        "person_name": token.label,
        "member": token.member.get_username() if token.member else None,
        "role": token.role,
        "project_scope": token_scope(token),
        "prefix": token.prefix,
        "state": token.state,
        "rate_per_minute": token.rate_per_minute,
        "created_at": in_utc(token.created_at),
        "created_by": token.created_by,
        "expires_at": in_utc(token.expires_at),
        "revoked_at": in_utc(token.revoked_at),
        "last_used_at": in_utc(token.last_used_at),
        "hits": token.hits,
    }


def token_scope(token: RoleToken) -> list[str] | None:
    """Names of the projects that a token reaches; None for all."""
    return None if token.all_projects else sorted(project.name for project in token.projects.all())


def new_token_row(new: NewToken) -> dict[str, Any]:
    """A token that was just made, with its text, which no later answer tells."""
    return {
        "token": new.secret,
        "id": str(new.row.pk),
        "label": new.row.label,
        "person_name": new.row.label,
        "role": new.row.role,
        "project_scope": token_scope(new.row),
        "expires_at": in_utc(new.row.expires_at),
    }


def token_subject(token: RoleToken) -> AuditSubject:
    """A token in the audit trail."""
    return AuditSubject("token", str(token.pk), token.label)
