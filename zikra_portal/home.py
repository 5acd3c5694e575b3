"""The first page of the portal: what needs the reader, what runs, what is new, and how to connect an agent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Count, QuerySet, Window
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from access.callers import Caller
from access.models import Notification
from access.pages import caller_of
from memories.embedding.spaces import SpaceProgress, progress
from memories.models import Memory
from memories.overview import newest_memories
from requirements_pipeline.models import Requirement, RequirementMove
from requirements_pipeline.waiting import given_to, sent_back_to, waiting_for_promotion, waiting_for_review
from runs.board import active_runs
from runs.budgets import budget_warnings
from runs.handoffs import waiting_for
from zikra_portal.dashboard import sees_portal
from zikra_portal.frame import frame_of, projects_asked

NEWEST_SHOWN = 6
WAITING_SHOWN = 5
NOTICES_SHOWN = 4
RUNS_SHOWN = 6
HANDOFFS_SHOWN = 5
# Parts of the page that say that a portal is in use.
FILLED_BY_USE = ("decisions", "errors", "going", "stale", "waiting", "handoffs")
# Enough to count the stale ones of any team's morning.
RUNS_LOOKED_AT = 200
# The worker embeds within seconds; what waits longer does not embed.
BACKLOG_AFTER = timedelta(minutes=5)


@dataclass(frozen=True)
class WaitingRow:
    """A requirement that waits. words: why, where somebody said; by: who."""

    requirement: Requirement
    words: str = ""
    by: str = ""


@dataclass(frozen=True)
class Waiting:
    """Requirements that wait for the reader in one way. count: how many in all; more: where all of them stand."""

    name: str
    label: str
    more: str
    rows: list[WaitingRow]
    count: int


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """What needs the reader and what is new, of one project with `?project=`; a fresh portal tells what to do first."""
    if request.GET.get("q", "").strip():
        return redirect(f"{reverse('search')}?{request.GET.urlencode()}", permanent=True)
    caller = caller_of(request)
    project_ids = projects_asked(request)
    context = {"caller": caller, **_running(caller, project_ids)}
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "home/active.html", context)
    newest = _newest(caller, project_ids)
    context |= newest | _needs(request, caller, project_ids) | _failing(caller, project_ids)
    context |= _left(caller, project_ids)
    is_blank = not any(context[name] for name in FILLED_BY_USE)
    context["is_fresh"] = is_blank and not Memory.objects.visible_to(caller).exists()
    context["portal_url"] = request.build_absolute_uri("/").rstrip("/")
    return render(request, "home/home.html", context)


def _running(caller: Caller, project_ids: list[int] | None) -> dict[str, Any]:
    """Runs that go on, and those of them that have fallen silent."""
    active = list(active_runs(caller, project_ids)[:RUNS_LOOKED_AT])
    stale = [run for run in active if run.is_stale()]
    going = [run for run in active if not run.is_stale()]
    return {"going": going[:RUNS_SHOWN], "going_in_all": len(going), "stale": stale}


def _newest(caller: Caller, project_ids: list[int] | None) -> dict[str, Any]:
    return {
        "decisions": list(newest_memories(caller, NEWEST_SHOWN, project_ids, "decision")),
        "errors": list(newest_memories(caller, NEWEST_SHOWN, project_ids, "error")),
    }


def _needs(request: HttpRequest, caller: Caller, project_ids: list[int] | None) -> dict[str, Any]:
    """What waits for the reader, and what they were told and have not read."""
    project = frame_of(request).project

    def listed(**words: str) -> str:
        wanted = {"view": "list", **words, "project": project.name if project else ""}
        return f"{reverse('requirements')}?{urlencode({name: value for name, value in wanted.items() if value})}"

    waiting = [
        _waiting("promote", "To promote", listed(status="submitted"), waiting_for_promotion(caller, project_ids)),
        _waiting("review", "To review", listed(status="in_review"), waiting_for_review(caller, project_ids)),
        _waiting("assigned", "Assigned to you", listed(mine="on"), given_to(caller, project_ids)),
        _waiting("back", "Sent back to you", listed(mine="on"), sent_back_to(caller, project_ids)),
    ]
    told = Notification.objects.of(caller).unread().select_related("project").order_by("-pk")
    return {"waiting": [group for group in waiting if group.count], "notices": list(told[:NOTICES_SHOWN])}


def _waiting(name: str, label: str, more: str, found: QuerySet[Any]) -> Waiting:
    rows = list(_light(found).annotate(in_all=Window(Count("pk")))[:WAITING_SHOWN])
    return Waiting(name, label, more, [_row(row) for row in rows], rows[0].in_all if rows else 0)


def _light(found: QuerySet[Any]) -> QuerySet[Any]:
    if found.model is Requirement:
        return found.select_related("project").defer("content_md", "acceptance")
    return found


def _row(row: Requirement | RequirementMove) -> WaitingRow:
    return WaitingRow(row) if isinstance(row, Requirement) else WaitingRow(row.requirement, row.reason, row.by)


def _left(caller: Caller, project_ids: list[int] | None) -> dict[str, Any]:
    """Where sessions left off: handoffs that wait, those kept for the reader first, and how many in all."""
    lists = ("open_questions", "next_steps", "files_touched")
    found = waiting_for(caller, project_ids).defer(*lists).annotate(in_all=Window(Count("pk")))
    rows = list(found[:HANDOFFS_SHOWN])
    return {"handoffs": rows, "handoffs_in_all": rows[0].in_all if rows else 0}


def _failing(caller: Caller, project_ids: list[int] | None) -> dict[str, Any]:
    """Budgets that run out, and, for who sees the whole portal, memories that are not embedded."""
    return {
        "warnings": budget_warnings(caller, project_ids),
        "backlog": list(_backlog(progress())) if sees_portal(caller) else [],
    }


def _backlog(spaces: Iterable[SpaceProgress]) -> Iterable[SpaceProgress]:
    return (space for space in spaces if space.failed or space.lag > BACKLOG_AFTER)
