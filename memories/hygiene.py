"""What a person should look at: memories that nobody uses or links to, titles kept twice, links that lead nowhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone

from access.callers import Caller
from memories import decay
from memories.models import Memory, MemoryLink, MemoryLinkQuerySet, MemoryQuerySet

DEFAULT_STALE_DAYS = 30
ROWS_AT_MOST = 100
# A memory that lost half of what was stated is past one half-life unconfirmed: worth archiving if nothing links to it.
ARCHIVE_BELOW_SHARE = 0.5


@dataclass(frozen=True)
class HygieneRow:
    """A memory that nobody links to and nobody used for a while; verdict: "archive" or "review"."""

    memory: Memory
    days_idle: int
    backlink_count: int
    verdict: str


@dataclass(frozen=True)
class DuplicateTitle:
    """Memories of one project whose titles differ in case or blanks only, or in type."""

    title: str
    project: str
    memories: list[Memory]


@dataclass(frozen=True)
class DeadLink:
    """A link to a title that no memory of the project has."""

    source: Memory
    target_title: str


@dataclass(frozen=True)
class HygieneReport:
    """The findings; each list holds at most ROWS_AT_MOST, the count counts all."""

    stale_days: int
    orphan_count: int
    memories: list[HygieneRow]
    duplicates: list[DuplicateTitle] = field(default_factory=list)
    dead_links: list[DeadLink] = field(default_factory=list)


def hygiene_report(
    caller: Caller, project_ids: list[int] | None, stale_days: int = DEFAULT_STALE_DAYS, limit: int = ROWS_AT_MOST
) -> HygieneReport:
    """What needs care in these projects (None: all in scope). stale_days: idle days from which a memory counts."""
    since = timezone.now() - timedelta(days=stale_days)
    orphans = idle_memories(caller, project_ids, since).filter(incoming_links=None)
    rows = orphans.with_confidence().select_related("project", "memory_type").order_by("confirmed_at", "id")[:limit]
    return HygieneReport(
        stale_days=stale_days,
        orphan_count=orphans.count(),
        memories=[_row(memory) for memory in rows],
        duplicates=_duplicates(caller, project_ids, limit),
        dead_links=_dead_links(caller, project_ids, limit),
    )


def _row(memory: Memory) -> HygieneRow:
    used = max(filter(None, [memory.confirmed_at, memory.updated_at, memory.last_accessed_at]))
    confidence: float = memory.confidence_now  # type: ignore[attr-defined]
    worn = confidence < max(ARCHIVE_BELOW_SHARE * memory.stated_confidence, decay.archive_threshold())
    return HygieneRow(memory, (timezone.now() - used).days, 0, "archive" if worn else "review")


def idle_memories(caller: Caller, project_ids: list[int] | None, since: datetime) -> MemoryQuerySet:
    """Live memories that nobody saved, confirmed or read since a moment, but for pinned ones; in no order."""
    return Memory.objects.visible_to(caller).live().within(project_ids).idle_since(since).filter(pinned_at=None)


def unlinked_memories(caller: Caller, project_ids: list[int] | None) -> MemoryQuerySet:
    """Live memories that link to nothing and that nothing links to, but for pinned ones; in no order."""
    live = Memory.objects.visible_to(caller).live().within(project_ids).filter(pinned_at=None)
    linked = Exists(MemoryLink.objects.filter(source=OuterRef("pk"))) | Exists(
        MemoryLink.objects.filter(target=OuterRef("pk"))
    )
    return live.exclude(linked)


def repeated_titles(caller: Caller, project_ids: list[int] | None) -> QuerySet[Memory, Any]:
    """Folded titles that a project has several live memories of: project_id, title_key, copies; last changed first."""
    live = Memory.objects.visible_to(caller).live().within(project_ids)
    repeated = live.order_by().values("project_id", "title_key").annotate(copies=Count("pk"), newest=Max("updated_at"))
    return repeated.filter(copies__gt=1).order_by("-newest", "project_id", "title_key")


def duplicates_of(
    caller: Caller, project_ids: list[int] | None, groups: Sequence[Mapping[str, Any]]
) -> list[DuplicateTitle]:
    """The memories of each of these groups (see repeated_titles), in its order, the one last changed first."""
    if not groups:
        return []
    wanted = Q()
    for group in groups:
        wanted |= Q(project_id=group["project_id"], title_key=group["title_key"])
    live = Memory.objects.visible_to(caller).live().within(project_ids).filter(wanted)
    found: dict[tuple[int, str], list[Memory]] = {(group["project_id"], group["title_key"]): [] for group in groups}
    for memory in live.select_related("project", "memory_type").order_by("-updated_at", "-id"):
        found[memory.project_id, memory.title_key].append(memory)
    return [DuplicateTitle(same[0].title, same[0].project.name, same) for same in found.values() if same]


def _duplicates(caller: Caller, project_ids: list[int] | None, limit: int) -> list[DuplicateTitle]:
    return duplicates_of(caller, project_ids, list(repeated_titles(caller, project_ids)[:limit]))


def dead_links(caller: Caller, project_ids: list[int] | None) -> MemoryLinkQuerySet:
    """Links in live memories to titles that no memory of their project has; in no order."""
    sources = Memory.objects.visible_to(caller).live().within(project_ids)
    return MemoryLink.objects.filter(target=None, source__in=sources).select_related("source", "source__project")


def _dead_links(caller: Caller, project_ids: list[int] | None, limit: int) -> list[DeadLink]:
    waiting = dead_links(caller, project_ids)
    return [DeadLink(link.source, link.target_title) for link in waiting.order_by("target_title", "id")[:limit]]
