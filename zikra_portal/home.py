"""The first page of the portal: search, what is new, and how to connect an agent."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from access.callers import Caller
from access.pages import caller_of
from memories.models import Memory
from memories.overview import newest_memories, projects_with_memories
from zikra_portal.frame import frame_of, projects_asked

NEWEST_SHOWN = 10
PROJECTS_SHOWN = 12


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """What is new, of one project with `?project=`; a fresh portal tells what to do first."""
    if request.GET.get("q", "").strip():
        return redirect(f"{reverse('search')}?{request.GET.urlencode()}", permanent=True)
    caller = caller_of(request)
    context = {
        "projects": frame_of(request).projects,
        "caller": caller,
        "portal_url": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "home/home.html", {**context, **_news(caller, projects_asked(request))})


def _news(caller: Caller, bound: list[int] | None) -> dict[str, object]:
    """Newest memories and the projects they are in."""
    newest = list(newest_memories(caller, NEWEST_SHOWN, bound))
    return {
        "newest": newest,
        "is_fresh": not newest and not Memory.objects.visible_to(caller).exists(),
        "busy_projects": projects_with_memories(caller, PROJECTS_SHOWN),
    }
