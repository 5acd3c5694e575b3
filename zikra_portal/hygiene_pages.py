"""The page of hygiene: memories that nobody uses, that stand alone, that repeat each other, and links that lead nowhere."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from access.callers import Caller
from access.pages import caller_of
from access.roles import Role
from memories.hygiene import (
    DEFAULT_STALE_DAYS,
    dead_links,
    duplicates_of,
    idle_memories,
    repeated_titles,
    unlinked_memories,
)
from zikra_portal.frame import projects_asked
from zikra_portal.tables import BoundedPaginator, page_of


@dataclass(frozen=True)
class Finding:
    """One list of the page. name: its word in `?show=`. rows: the question, ordered."""

    name: str
    label: str
    things: str
    rows: Callable[[Caller, list[int] | None], QuerySet[Any, Any]]


def _stale(caller: Caller, project_ids: list[int] | None) -> QuerySet[Any, Any]:
    since = timezone.now() - timedelta(days=DEFAULT_STALE_DAYS)
    rows = idle_memories(caller, project_ids, since).with_confidence().select_related("project", "memory_type")
    return rows.defer("content_md", "resolution").order_by("confirmed_at", "pk")


def _orphaned(caller: Caller, project_ids: list[int] | None) -> QuerySet[Any, Any]:
    rows = unlinked_memories(caller, project_ids).with_confidence().select_related("project", "memory_type")
    return rows.defer("content_md", "resolution").order_by("confirmed_at", "pk")


def _dead(caller: Caller, project_ids: list[int] | None) -> QuerySet[Any, Any]:
    return dead_links(caller, project_ids).order_by("target_title", "pk")


FINDINGS = (
    Finding("stale", "Stale", "stale memories", _stale),
    Finding("orphaned", "Orphaned", "orphaned memories", _orphaned),
    Finding("duplicate", "Duplicates", "repeated titles", repeated_titles),
    Finding("dead", "Dead links", "dead links", _dead),
)


@dataclass(frozen=True)
class Tab:
    """One of the lists, with how many rows it has, at most as many as a table counts."""

    finding: Finding
    count: int


@login_required
def hygiene(request: HttpRequest) -> HttpResponse:
    """One of the lists, `?show=`, with the counts of all; of one project with `?project=`."""
    caller = caller_of(request)
    project_ids = projects_asked(request)
    shown = next((finding for finding in FINDINGS if finding.name == request.GET.get("show")), FINDINGS[0])
    page = page_of(request, shown.rows(caller, project_ids))
    context = {
        "tabs": [
            Tab(finding, page.paginator.count if finding is shown else _count(caller, project_ids, finding))
            for finding in FINDINGS
        ],
        "shown": shown,
        "page": page,
        "stale_days": DEFAULT_STALE_DAYS,
        "may_write": caller.may(Role.COLLABORATOR),
        "may_archive": caller.may(Role.ADMIN),
        "kept": [("project", request.GET["project"])] if request.GET.get("project") else [],
    }
    return render(request, "hygiene/hygiene.html", {**context, "rows": _rows(caller, project_ids, shown, page)})


def _count(caller: Caller, project_ids: list[int] | None, finding: Finding) -> int:
    return BoundedPaginator(finding.rows(caller, project_ids)).count


def _rows(caller: Caller, project_ids: list[int] | None, shown: Finding, page: Page) -> list[Any]:
    rows = list(page.object_list)
    return duplicates_of(caller, project_ids, rows) if shown.name == "duplicate" else rows
