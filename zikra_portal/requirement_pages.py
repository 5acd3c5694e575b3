"""A requirement's page: what it says, where it stands, what was said about it, and all that was done for it."""

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from access.callers import Caller
from access.errors import NotFound
from access.pages import caller_of
from memories.models import Memory
from memories.rendering import LinkResolver, rendered
from requirements_pipeline.commenting import comments_on
from requirements_pipeline.criteria import criteria_of
from requirements_pipeline.models import Requirement
from requirements_pipeline.reading import find_requirement
from requirements_pipeline.wikilinks import linked_memories


@login_required
def requirement(request: HttpRequest, requirement_id: uuid.UUID) -> HttpResponse:
    """One requirement in sight, with all that belongs to it."""
    caller = caller_of(request)
    found = requirement_in_sight(caller, requirement_id)
    return render(request, "requirements/requirement.html", {"requirement": found, **_of_requirement(caller, found)})


def requirement_in_sight(caller: Caller, requirement_id: uuid.UUID) -> Requirement:
    """The requirement that an address names. Raises Http404 when it is out of sight."""
    try:
        return find_requirement(caller, requirement_id=requirement_id)
    except NotFound:
        raise Http404 from None


def _of_requirement(caller: Caller, found: Requirement) -> dict[str, Any]:
    comments = comments_on(caller, found)
    resolve = link_resolver(caller, found.project_id, found.content_md, *(row.body_md for row in comments))
    others = Requirement.objects.visible_to(caller)
    return {
        "content": rendered(found.content_md, resolve) if found.content_md else "",
        "criteria": criteria_of(found),
        "comments": [(row, rendered(row.body_md, resolve)) for row in comments],
        "waits_for": list(others.filter(blocks=found).order_by("title")),
        "is_awaited_by": list(others.filter(depends_on=found).order_by("title")),
        "memories": list(
            Memory.objects.visible_to(caller)
            .filter(requirements=found)
            .select_related("memory_type")
            .defer("content_md", "resolution")
            .order_by("title")
        ),
        "history": list(found.moves.all()),
    }


def link_resolver(caller: Caller, project_id: int, *texts: str) -> LinkResolver:
    """Finds the pages of the memories in sight that texts of a project link to."""
    pages = {
        key: reverse("admin:memories_memory_change", args=[pk])
        for key, pk in linked_memories(caller, project_id, texts).items()
    }
    return pages.get
