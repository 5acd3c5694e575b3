"""Finding one memory by its id or title, and the links around it."""

import uuid
from dataclasses import dataclass, field

from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from access.callers import Caller
from access.errors import Invalid, NotFound
from memories.models import Memory, MemoryLink
from memories.rendering import LinkResolver

MATCHES_AT_MOST = 20
LINKS_SHOWN = 200


@dataclass(frozen=True)
class FoundMemory:
    """The memory that was meant, and others of the same title, newest first."""

    memory: Memory
    other_matches: list[Memory] = field(default_factory=list)


def find_memory(
    caller: Caller,
    *,
    memory_id: uuid.UUID | None = None,
    title: str | None = None,
    memory_type: str | None = None,
    project_ids: list[int] | None = None,
    deleted: bool = False,
) -> FoundMemory:
    """The memory with this id, or the newest with this title, in the caller's sight.

    project_ids bounds a search by title; an id needs no bound but the caller's scope. deleted: look among deleted
    memories instead. Raises NotFound, or Invalid when neither id nor title is given.
    """
    sight = Memory.objects.deleted_visible_to(caller) if deleted else Memory.objects.visible_to(caller)
    sight = sight.select_related("project", "memory_type")
    if memory_id is not None:
        matches = list(sight.filter(pk=memory_id))
    elif title:
        named = sight.within(project_ids).titled(" ".join(title.split()))
        named = named.of_type(memory_type) if memory_type else named
        matches = list(named.order_by("-updated_at", "-id")[:MATCHES_AT_MOST])
    else:
        raise Invalid("id or title is required", fields={"id": ["give an id or a title"]})
    if not matches:
        raise NotFound("Memory not found")
    return FoundMemory(matches[0], matches[1:])


def note_access(memory: Memory) -> None:
    """Count one reading of a memory's full text."""
    now = timezone.now()
    Memory.objects.filter(pk=memory.pk).update(access_count=F("access_count") + 1, last_accessed_at=now)
    memory.access_count += 1
    memory.last_accessed_at = now


def links_out(caller: Caller, memory: Memory) -> list[Memory]:
    """Memories that this one's text links to, in the caller's sight, by title."""
    linked = Memory.objects.visible_to(caller).filter(incoming_links__source=memory).distinct()
    return list(linked.only("id", "title", "memory_type_id").order_by("title", "id")[:LINKS_SHOWN])


def links_in(caller: Caller, memory: Memory) -> list[Memory]:
    """Memories whose text links to this one, in the caller's sight, by title."""
    linking = Memory.objects.visible_to(caller).filter(outgoing_links__target=memory).distinct()
    return list(linking.only("id", "title", "memory_type_id").order_by("title", "id")[:LINKS_SHOWN])


def links_waiting(memory: Memory) -> list[str]:
    """Titles that this one's text links to and that no memory of its project has yet."""
    waiting = MemoryLink.objects.filter(source=memory, target=None)
    return list(waiting.order_by("target_title").values_list("target_title", flat=True)[:LINKS_SHOWN])


def link_resolver(caller: Caller, memory: Memory) -> LinkResolver:
    """Addresses of the memories that this one's text links to, by folded title, in the caller's sight. One query."""
    visible = memory.outgoing_links.filter(target__in=Memory.objects.visible_to(caller))
    pages = {key: reverse("memory", args=[pk]) for key, pk in visible.values_list("target_key", "target_id")}
    return pages.get
