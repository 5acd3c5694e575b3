"""Counts and newest memories for front pages, all within the caller's sight."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from access.callers import Caller
from access.models import Project
from memories.models import Memory, MemoryType


@dataclass(frozen=True)
class MemoryCounts:
    """How many memories there are in sight, by state; archived_lately: within the last day."""

    live: int
    archived: int
    archived_lately: int
    pinned: int
    saved_lately: int


def memory_counts(caller: Caller) -> MemoryCounts:
    """Counts over what the caller sees. One query."""
    day_ago = timezone.now() - timedelta(days=1)
    counts = Memory.objects.visible_to(caller).aggregate(
        live=Count("pk", filter=Q(archived_at=None)),
        archived=Count("pk", filter=Q(archived_at__isnull=False)),
        archived_lately=Count("pk", filter=Q(archived_at__gte=day_ago)),
        pinned=Count("pk", filter=Q(pinned_at__isnull=False)),
        saved_lately=Count("pk", filter=Q(updated_at__gte=day_ago)),
    )
    return MemoryCounts(**counts)


def newest_memories(
    caller: Caller, limit: int, project_ids: list[int] | None = None, memory_type: str = ""
) -> QuerySet[Memory]:
    """The memories that changed last, neither deleted nor archived, without their long texts. memory_type: empty for all."""
    live = Memory.objects.visible_to(caller).live().within(project_ids)
    live = live.of_type(memory_type) if memory_type else live
    return (
        live.select_related("project", "memory_type")
        .defer("content_md", "resolution")
        .order_by("-updated_at", "-id")[:limit]
    )


def projects_with_memories(caller: Caller, limit: int) -> QuerySet[Project]:
    """Projects in scope with `memories_now` and `last_saved`, those saved to last first."""
    kept = Q(memories__deleted_at=None)
    return (
        Project.objects.visible_to(caller)
        .annotate(memories_now=Count("memories", filter=kept), last_saved=Max("memories__updated_at", filter=kept))
        .order_by("-last_saved", "name")[:limit]
    )


def types_with_memories(caller: Caller) -> QuerySet[MemoryType]:
    """Types that memories in sight have, with `memories_now`, the most frequent first."""
    kept = Q(memories__deleted_at=None)
    if caller.project_ids is not None:
        kept &= Q(memories__project_id__in=caller.project_ids)
    return (
        MemoryType.objects.annotate(memories_now=Count("memories", filter=kept))
        .filter(memories_now__gt=0)
        .order_by("-memories_now", "name")
    )
