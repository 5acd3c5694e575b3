"""Pages of memories: the table of them, and all that is known of one."""

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from access.callers import Caller
from access.pages import caller_of
from access.roles import Role
from memories.models import Memory
from memories.reading import link_resolver, links_in, links_out, links_waiting
from memories.rendering import rendered
from memories.uses import run_learnt_in, runs_given
from zikra_portal.frame import frame_of
from zikra_portal.tables import Column, Sorting, sorted_page

# The newest are what one asks about; a memory that many runs were given would fill the page.
RUNS_SHOWN = 20

COLUMNS = (
    Column("title", "Title", ("title",)),
    Column("type", "Type", ("memory_type__label",)),
    Column("project", "Project", ("project__name",)),
    Column("confidence", "Confidence", ("confidence_now",), is_number=True, largest_first=True),
    Column("updated", "Updated", ("updated_at",), largest_first=True),
)


@login_required
def memories(request: HttpRequest) -> HttpResponse:
    """The table of memories in sight; of one project with `?project=`, a name."""
    caller = caller_of(request)
    sorting = Sorting.asked(request, COLUMNS, "-updated")
    rows = Memory.objects.visible_to(caller).within(projects_asked(request)).listed()
    return render(request, "memories/memories.html", {"page": sorted_page(request, rows, sorting), "sorting": sorting})


def projects_asked(request: HttpRequest) -> list[int] | None:
    """The project that the address names, None for all. One out of sight is not found."""
    if not request.GET.get("project"):
        return None
    project = frame_of(request).project
    if project is None:
        raise Http404
    return [project.pk]


@login_required
def memory(request: HttpRequest, memory_id: uuid.UUID) -> HttpResponse:
    """All that is known of a memory in sight: its text, facts, links and runs."""
    caller = caller_of(request)
    found = memory_in_sight(caller, memory_id)
    return render(request, "memories/memory.html", {"memory": found, "caller": caller, **_of_memory(caller, found)})


def memory_in_sight(caller: Caller, memory_id: uuid.UUID) -> Memory:
    """The memory with this id, a deleted one too for those who may restore it. Raises Http404."""
    sight = Memory.objects.restorable_by(caller) if caller.may(Role.ADMIN) else Memory.objects.visible_to(caller)
    found = sight.select_related("project", "memory_type").filter(pk=memory_id).first()
    if found is None:
        raise Http404
    return found


def _of_memory(caller: Caller, found: Memory) -> dict[str, Any]:
    resolve = link_resolver(caller, found)
    return {
        "content": rendered(found.content_md, resolve) if found.content_md else "",
        "resolution": rendered(found.resolution, resolve) if found.resolution else "",
        "links_out": links_out(caller, found),
        "links_in": links_in(caller, found),
        "links_waiting": links_waiting(found),
        "learnt_in": run_learnt_in(caller, found),
        "given_to": list(runs_given(caller, found)[:RUNS_SHOWN]),
    }
