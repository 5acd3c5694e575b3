"""Comments on a requirement's page: they appear by themselves, and are written, rewritten, deleted and brought back."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from access.callers import Caller
from access.errors import NotFound
from access.pages import caller_of
from requirements_pipeline.commenting import (
    add_comment,
    delete_comment,
    edit_comment,
    find_comment,
    is_own_comment,
    restore_comment,
)
from requirements_pipeline.models import RequirementComment
from zikra_portal.deeds import Done, Outcome, answer, attempt, deed_view
from zikra_portal.requirement_pages import (
    parts_context,
    requirement_in_sight,
    seen_mark,
    subject_of,
    talk_context,
)
from zikra_portal.session_ended import typed_before


@login_required
def comments(request: HttpRequest, requirement_id: uuid.UUID) -> HttpResponse:
    """The list of comments as it is now; beside it, for htmx to put in their places, the requirement's state and those of
    its checklist, facts and people that the page shows otherwise."""
    caller = caller_of(request)
    found = requirement_in_sight(caller, requirement_id)
    seen = request.GET.get("seen", "")
    context = {"requirement": found, "is_changed": bool(seen) and seen != seen_mark(found)}
    parts = parts_context(request, caller, found)
    return render(
        request, "requirements/comments.html", {**context, **parts, "live": True, **talk_context(caller, found)}
    )


@deed_view
def comment(request: HttpRequest, requirement_id: uuid.UUID) -> HttpResponse:
    """Say something (`body`). Refused words stay in the form."""
    caller = caller_of(request)
    found = requirement_in_sight(caller, requirement_id)
    body = request.POST.get("body", "")

    def act(caller: Caller) -> Done:
        add_comment(caller, found, body)
        return Done("", subject_of(found))

    outcome = attempt(request, "comment_requirement", act, kind="requirement")
    context = {"requirement": found, "body": "" if outcome.is_done else body, "problem": outcome.words}
    if request.htmx:  # type: ignore[attr-defined]
        context |= {"swaps_comments": outcome.is_done, **talk_context(caller, found)}
        return render(request, "requirements/comment_form.html", context)
    if outcome.is_done:
        return answer(request, outcome, f"{reverse('requirement', args=[found.pk])}#comments")
    return render(request, "requirements/comment_page.html", context, status=outcome.status)


@login_required
def edit(request: HttpRequest, requirement_id: uuid.UUID, comment_id: uuid.UUID) -> HttpResponse:
    """Rewrite one's own comment, on a page of its own so that nothing that changes by itself takes the words away."""
    caller = caller_of(request)
    found = _own_comment(caller, requirement_id, comment_id)
    typed: Mapping[str, Any] = request.POST or typed_before(request) or {}
    body = typed.get("body", found.body_md)
    outcome = Outcome("")
    if request.method == "POST":

        def act(caller: Caller) -> Done:
            edit_comment(caller, found, body)
            return Done("Saved your comment.", subject_of(found.requirement))

        outcome = attempt(request, "edit_comment", act, kind="requirement")
        if outcome.is_done:
            return answer(request, outcome, f"{reverse('requirement', args=[requirement_id])}#comments")
    context = {"requirement": found.requirement, "comment": found, "body": body, "problem": outcome.words}
    return render(request, "requirements/comment_page.html", context, status=outcome.status)


@deed_view
def delete(request: HttpRequest, requirement_id: uuid.UUID, comment_id: uuid.UUID) -> HttpResponse:
    """Take a comment out of sight; one press brings it back."""
    found = _comment(caller_of(request), requirement_id, comment_id)

    def act(caller: Caller) -> Done:
        delete_comment(caller, found)
        undo = reverse("comment-restore", args=[requirement_id, comment_id])
        return Done("Deleted the comment.", subject_of(found.requirement), undo=undo)

    outcome = attempt(request, "delete_comment", act, kind="requirement")
    return answer(request, outcome, f"{reverse('requirement', args=[requirement_id])}#comments")


@deed_view
def restore(request: HttpRequest, requirement_id: uuid.UUID, comment_id: uuid.UUID) -> HttpResponse:
    """Bring a deleted comment back."""
    found = requirement_in_sight(caller_of(request), requirement_id)

    def act(caller: Caller) -> Done:
        restore_comment(caller, comment_id)
        return Done("The comment is back.", subject_of(found))

    outcome = attempt(request, "restore_comment", act, kind="requirement")
    return answer(request, outcome, f"{reverse('requirement', args=[requirement_id])}#comments")


def _comment(caller: Caller, requirement_id: uuid.UUID, comment_id: uuid.UUID) -> RequirementComment:
    try:
        found = find_comment(caller, comment_id)
    except NotFound:
        raise Http404 from None
    if found.requirement_id != requirement_id:
        raise Http404
    return found


def _own_comment(caller: Caller, requirement_id: uuid.UUID, comment_id: uuid.UUID) -> RequirementComment:
    """A comment that the reader may rewrite; other people's have no such page."""
    found = _comment(caller, requirement_id, comment_id)
    if not is_own_comment(caller, found):
        raise Http404
    return found
