"""The first page of the portal: search, what is new, and how to connect an agent."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from access.callers import Caller
from access.errors import Refusal
from access.models import Project
from access.pages import caller_of
from memories.models import Memory
from memories.overview import newest_memories, projects_with_memories
from memories.search import SearchAnswer, search
from zikra_portal.frame import frame_of

RESULTS_SHOWN = 20
NEWEST_SHOWN = 10
PROJECTS_SHOWN = 12
# Room for every shown result's snippet; the budget is meant for agents' contexts.
RESULT_TOKENS = 100_000


@dataclass(frozen=True)
class Asked:
    """What the reader searched for, and in which project (None for all in sight)."""

    query: str
    project: Project | None


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Search results for `?q=` (and `?project=`, a name), else what is new; a fresh portal tells what to do first."""
    caller = caller_of(request)
    frame = frame_of(request)
    asked = Asked(request.GET.get("q", "").strip(), frame.project)
    context = {
        "asked": asked,
        "projects": frame.projects,
        "caller": caller,
        "portal_url": request.build_absolute_uri("/").rstrip("/"),
    }
    if asked.query:
        return render(request, "home/results.html", {**context, **_results(caller, asked)})
    return render(request, "home/home.html", {**context, **_news(caller, asked)})


def _results(caller: Caller, asked: Asked) -> dict[str, object]:
    """What the hybrid search answers, or the reason why it does not."""
    try:
        answer = search(
            caller,
            asked.query.replace("\x00", ""),
            project_ids=[asked.project.pk] if asked.project else None,
            limit=RESULTS_SHOWN,
            max_tokens=RESULT_TOKENS,
        )
    except Refusal as refusal:
        return {"answer": SearchAnswer([], 0), "problem": refusal.message}
    return {"answer": answer}


def _news(caller: Caller, asked: Asked) -> dict[str, object]:
    """Newest memories and the projects they are in."""
    bound = [asked.project.pk] if asked.project else None
    newest = list(newest_memories(caller, NEWEST_SHOWN, bound))
    return {
        "newest": newest,
        "is_fresh": not newest and not Memory.objects.visible_to(caller).exists(),
        "busy_projects": projects_with_memories(caller, PROJECTS_SHOWN),
    }
