"""A requirement's versions: who wrote which, what changed between two, and writing an earlier one again."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from access.callers import Caller
from access.pages import caller_of
from access.roles import Role
from requirements_pipeline.versions import compare_requirement_versions
from requirements_pipeline.writing import restore_version
from zikra_portal.deeds import Done, answer, attempt, deed_view
from zikra_portal.requirement_pages import requirement_in_sight, subject_of
from zikra_portal.tables import page_of


@login_required
def history(request: HttpRequest, requirement_id: uuid.UUID) -> HttpResponse:
    """The versions, newest first, 50 a page; with `?old=` and `?new=` what lies between two of them."""
    caller = caller_of(request)
    found = requirement_in_sight(caller, requirement_id)
    new = number_asked(request, "new", found.version)
    context = {
        "requirement": found,
        "page": page_of(request, found.versions.defer("content_md", "acceptance").order_by("-number")),
        "comparison": compare_requirement_versions(caller, found, number_asked(request, "old", new - 1), new),
        "may_restore": caller.may(Role.COLLABORATOR),
    }
    return render(request, "requirements/history.html", context)


@deed_view
def restore(request: HttpRequest, requirement_id: uuid.UUID, number: int) -> HttpResponse:
    """Write again what the requirement said in an earlier version; one press takes it back."""
    found = requirement_in_sight(caller_of(request), requirement_id)
    undo = reverse("requirement-restore", args=[found.pk, found.version])

    def act(caller: Caller) -> Done:
        fresh = restore_version(caller, found, number)
        if fresh.version == found.version:
            return Done(f"Version {number} says what it says now; nothing changed.", subject_of(fresh))
        words = f"It says again what version {number} said; this is version {fresh.version}."
        return Done(words, subject_of(fresh), undo=undo, detail=f"version {number}")

    outcome = attempt(request, "restore_requirement", act, kind="requirement")
    return answer(request, outcome, reverse("requirement-history", args=[found.pk]))


def number_asked(request: HttpRequest, name: str, otherwise: int) -> int:
    """A version's number from the address; `otherwise` for what is none."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise
