"""Memories as resources: pinned ones and the newest to pick from, any of them by its id."""

import uuid
from datetime import datetime
from typing import Any

from mcp_types.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS

from api.answers import in_utc
from api.arguments import printable
from api.mcp.eras import STATELESS
from api.mcp.messages import ProtocolError
from api.mcp.pages import PAGE_SIZE, bad_cursor, cursor_of, place_in
from api.mcp.visits import Visit
from memories.catalogue import CataloguePlace, catalogue, place_of
from memories.models import Memory

MEMORY_URI = "zikra://memory/"
MARKDOWN = "text/markdown"
# What the revisions before 2026-07-28 call a resource that is not there.
NOT_FOUND_BEFORE = -32002
PINNED_PRIORITY = 1.0


def list_resources(visit: Visit, cursor: str | None) -> dict[str, Any]:
    """One page of memories, pinned ones first, then by the last change."""
    rows = catalogue(visit.caller, after=_place(cursor) if cursor is not None else None, size=PAGE_SIZE + 1)
    shown = rows[:PAGE_SIZE]
    page: dict[str, Any] = {"resources": [_resource(memory) for memory in shown]}
    if len(rows) > PAGE_SIZE:
        last = place_of(shown[-1])
        page["nextCursor"] = cursor_of([last.pinned, last.updated_at.isoformat(), str(last.id)])
    return page


def list_templates() -> dict[str, Any]:
    """How to name any memory."""
    return {
        "resourceTemplates": [
            {
                "uriTemplate": f"{MEMORY_URI}{{id}}",
                "name": "memory",
                "title": "Memory",
                "description": "One memory in full, by the id that zikra_search answers.",
                "mimeType": MARKDOWN,
            }
        ]
    }


def read_resource(visit: Visit, uri: str) -> dict[str, Any]:
    """A memory's title and text. Raises ProtocolError for one that is not in the caller's sight."""
    answer = visit.run("get_memory", {"id": _memory_id(visit, uri)})
    if answer.status == 404:
        raise _not_found(visit, uri)
    if answer.status != 200:
        raise ProtocolError(INTERNAL_ERROR, str(answer.body.get("error")), status=answer.status, headers=answer.headers)
    text = f"# {answer.body['title']}\n\n{answer.body['content_md']}"
    return {"contents": [{"uri": uri, "mimeType": MARKDOWN, "text": text}]}


def _resource(memory: Memory) -> dict[str, Any]:
    tags = f"; {', '.join(memory.tags)}" if memory.tags else ""
    annotations: dict[str, Any] = {"lastModified": in_utc(memory.updated_at)}
    if memory.pinned_at is not None:
        annotations["priority"] = PINNED_PRIORITY
    return {
        "uri": f"{MEMORY_URI}{memory.pk}",
        "name": memory.title,
        "title": memory.title,
        "description": f"{memory.memory_type_id} in {memory.project.name}{tags}",
        "mimeType": MARKDOWN,
        "annotations": annotations,
    }


def _memory_id(visit: Visit, uri: str) -> str:
    if not uri.startswith(MEMORY_URI):
        raise _not_found(visit, uri)
    try:
        return str(uuid.UUID(uri.removeprefix(MEMORY_URI)))
    except ValueError:
        raise _not_found(visit, uri) from None


def _not_found(visit: Visit, uri: str) -> ProtocolError:
    code = INVALID_PARAMS if visit.version in STATELESS else NOT_FOUND_BEFORE
    return ProtocolError(code, "Resource not found", data={"uri": printable(uri, 500)})


def _place(cursor: str) -> CataloguePlace:
    try:
        pinned, moment, memory_id = place_in(cursor)
        place = CataloguePlace(bool(pinned), datetime.fromisoformat(moment), uuid.UUID(memory_id))
    except (ValueError, TypeError, AttributeError):
        raise bad_cursor() from None
    if place.updated_at.tzinfo is None:
        raise bad_cursor()
    return place
