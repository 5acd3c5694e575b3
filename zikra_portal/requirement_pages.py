"""A requirement's page: what it says, where it stands, what was said about it, and all that was done for it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from access.audit import AuditSubject
from access.callers import Caller
from access.errors import Conflict, NotFound
from access.models import Member
from access.pages import caller_of
from access.roles import Role
from memories.models import Memory
from memories.rendering import LinkResolver, rendered
from requirements_pipeline.commenting import comments_on, is_own_comment
from requirements_pipeline.criteria import check_criterion, criteria_of
from requirements_pipeline.mentions import names_of_mentioned
from requirements_pipeline.models import STATE_GROUPS, Requirement, RequirementComment
from requirements_pipeline.moves import possible_moves
from requirements_pipeline.reading import find_requirement
from requirements_pipeline.relations import people_for
from requirements_pipeline.watching import unwatch, watch, watchers_of
from requirements_pipeline.wikilinks import linked_memories
from requirements_pipeline.writing import edit_requirement
from zikra_portal.deeds import Done, Outcome, answer, attempt, deed_view, tell
from zikra_portal.session_ended import typed_before
from zikra_portal.tracing import trace_of_requirement


@login_required
def requirement(request: HttpRequest, requirement_id: uuid.UUID) -> HttpResponse:
    """One requirement in sight, with all that belongs to it."""
    caller = caller_of(request)
    found = requirement_in_sight(caller, requirement_id)
    typed: Mapping[str, Any] = typed_before(request, reverse("requirement-comment", args=[found.pk])) or {}
    context = {**page_context(caller, found), "body": typed.get("body", "")}
    return render(request, "requirements/requirement.html", context)


def requirement_in_sight(caller: Caller, requirement_id: uuid.UUID) -> Requirement:
    """The requirement that an address names. Raises Http404 when it is out of sight."""
    try:
        return find_requirement(caller, requirement_id=requirement_id)
    except NotFound:
        raise Http404 from None


def subject_of(requirement: Requirement) -> AuditSubject:
    """How a requirement stands in the audit trail."""
    return AuditSubject("requirement", str(requirement.pk), requirement.title, requirement.project_id)


def page_context(caller: Caller, found: Requirement) -> dict[str, Any]:
    """All that stands on the page."""
    others = Requirement.objects.visible_to(caller)
    return {
        "requirement": found,
        "caller": caller,
        "may_write": caller.may(Role.COLLABORATOR),
        "seen": seen_mark(found),
        "moves": possible_moves(caller, found.state),
        "content": rendered(found.content_md, link_resolver(caller, found.project_id, found.content_md)),
        "waits_for": list(others.filter(blocks=found).order_by("title")),
        "is_awaited_by": list(others.filter(depends_on=found).order_by("title")),
        "memories": list(
            Memory.objects.visible_to(caller)
            .filter(requirements=found)
            .select_related("memory_type")
            .defer("content_md", "resolution")
            .order_by("title")
        ),
        "trace": trace_of_requirement(caller, found),
        **checklist_context(caller, found),
        **facts_context(caller, found),
        **people_context(caller, found),
        **talk_context(caller, found),
    }


def seen_mark(found: Requirement) -> str:
    """What a reader has seen of a requirement: another one tells that it was rewritten or moved since."""
    return f"{found.version}.{found.state}"


def mark_of(*facts: object) -> str:
    """What a reader sees of a part of the page, in short: another mark for another picture."""
    return sha256(repr(facts).encode()).hexdigest()[:16]


def parts_context(request: HttpRequest, caller: Caller, found: Requirement) -> dict[str, Any]:
    """What draws the parts of the page that change by themselves; `changed` names those that the reader's page, which
    sends their marks, shows otherwise."""
    context = {**checklist_context(caller, found), **facts_context(caller, found), **people_context(caller, found)}
    shown = {name: request.GET.get(f"seen_{name}") for name in ("checklist", "facts", "people")}
    changed = {name for name, mark in shown.items() if mark is not None and mark != context[f"{name}_mark"]}
    return {**context, "changed": changed}


def link_resolver(caller: Caller, project_id: int, *texts: str) -> LinkResolver:
    """Finds the pages of the memories in sight that texts of a project link to."""
    pages = {key: reverse("memory", args=[pk]) for key, pk in linked_memories(caller, project_id, texts).items()}
    return pages.get


# --- criteria --------------------------------------------------------------------------------------------------------


def checklist_context(caller: Caller, found: Requirement) -> dict[str, Any]:
    """What the checklist's fragment draws."""
    criteria = criteria_of(found)
    may_check = caller.may(Role.COLLABORATOR) and found.state not in STATE_GROUPS["resolved"]
    return {
        "criteria": criteria,
        "met_count": sum(criterion.is_met for criterion in criteria),
        "may_check": may_check,
        "checklist_mark": mark_of(criteria, may_check),
    }


@deed_view
def check(request: HttpRequest, requirement_id: uuid.UUID) -> HttpResponse:
    """Say that a criterion (`number`, `text`) is met (`met=yes`), or that it is not."""
    caller = caller_of(request)
    found = requirement_in_sight(caller, requirement_id)
    number, text = request.POST.get("number", ""), " ".join(request.POST.get("text", "").split())
    is_met = request.POST.get("met") == "yes"

    def act(caller: Caller) -> Done:
        place = int(number) if number.isascii() and number.isdigit() and len(number) < 5 else 0
        if 1 <= place <= len(found.acceptance) and found.acceptance[place - 1] != text:
            raise Conflict("The criteria were rewritten since this page was loaded; here they are as they stand.")
        check_criterion(caller, found, place, is_met)
        return Done(f"Criterion {place} is {'met' if is_met else 'open again'}.", subject_of(found))

    outcome = attempt(request, "check_criterion", act, kind="requirement")
    return _part(request, found, outcome, "requirements/checklist.html", checklist_context)


# --- facts -----------------------------------------------------------------------------------------------------------


def facts_context(caller: Caller, found: Requirement) -> dict[str, Any]:
    """What the fragment of facts draws."""
    names = (*("priority", "due_on", "module", "tags", "version"), *("claimed_by", "claimed_at", "created_by"))
    facts = [getattr(found, name) for name in (*names, "promoted_by", "promoted_at", "state")]
    return {"facts_mark": mark_of(found.project.name, timezone.localdate(), facts)}


# --- people ----------------------------------------------------------------------------------------------------------


def people_context(caller: Caller, found: Requirement) -> dict[str, Any]:
    """What the fragment of assignee and watchers draws."""
    watchers = watchers_of(found)
    may_write = caller.may(Role.COLLABORATOR)
    names = [member.username for member in watchers]
    return {
        "watchers": watchers,
        "is_watching": caller.member_id in {member.pk for member in watchers},
        "may_watch": caller.member_id is not None,
        "may_assign": may_write,
        # Asked for only where it is drawn.
        "people": partial(_choices, found) if may_write else [],
        "people_mark": mark_of(found.assignee_id, names, may_write),
    }


def _choices(found: Requirement) -> list[Member]:
    """Who may be chosen: members who work in the project, and who has it now."""
    people = list(people_for(found.project))
    return people if found.assignee is None or found.assignee in people else [found.assignee, *people]


@deed_view
def assign(request: HttpRequest, requirement_id: uuid.UUID) -> HttpResponse:
    """Give it to a member (`assignee`, a username), or to nobody."""
    found = requirement_in_sight(caller_of(request), requirement_id)
    wanted, before = request.POST.get("assignee", ""), found.assignee.get_username() if found.assignee else ""
    if wanted == before:
        return _part(request, found, Outcome(""), "requirements/people.html", people_context)

    def act(caller: Caller) -> Done:
        changed = edit_requirement(caller, found, assignee=wanted)
        name = changed.assignee.get_username() if changed.assignee else "nobody"
        return Done(f"Given to {name}.", subject_of(changed), detail=name)

    outcome = attempt(request, "save_requirement", act, kind="requirement")
    return _part(request, found, outcome, "requirements/people.html", people_context)


@deed_view
def set_watch(request: HttpRequest, requirement_id: uuid.UUID) -> HttpResponse:
    """Tell the reader from now on (`wanted=yes`), or no more."""
    found = requirement_in_sight(caller_of(request), requirement_id)
    wanted = request.POST.get("wanted") == "yes"

    def act(caller: Caller) -> Done:
        (watch if wanted else unwatch)(caller, found)
        return Done("You are told from now on." if wanted else "You are told no more.", subject_of(found))

    outcome = attempt(request, "watch_requirement" if wanted else "unwatch_requirement", act, kind="requirement")
    return _part(request, found, outcome, "requirements/people.html", people_context)


def _part(request: HttpRequest, found: Requirement, outcome: Outcome, template: str, context: Any) -> HttpResponse:
    """A part of the page as it is now, for htmx; else the way back to the page, which tells the outcome."""
    if not request.htmx:  # type: ignore[attr-defined]
        return answer(request, outcome, reverse("requirement", args=[found.pk]))
    caller = caller_of(request)
    fresh = requirement_in_sight(caller, found.pk)
    if not outcome.is_done:
        tell(request, outcome)
    return render(request, template, {"requirement": fresh, "said": outcome.words, **context(caller, fresh)})


# --- comments --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ShownComment:
    """A comment with its words as HTML. is_own: the reader may rewrite it; may_delete: take it away."""

    comment: RequirementComment
    words: SafeString
    is_own: bool
    may_delete: bool


def talk_context(caller: Caller, found: Requirement) -> dict[str, Any]:
    """What the list of comments draws. Three queries at most, however many there are."""
    rows = comments_on(caller, found)
    texts = [row.body_md for row in rows]
    resolve = link_resolver(caller, found.project_id, *texts)
    named = names_of_mentioned(found.project, texts)
    may_write, may_delete = caller.may(Role.COLLABORATOR), caller.may(Role.ADMIN)
    comments = []
    for row in rows:
        is_own = may_write and is_own_comment(caller, row)
        comments.append(ShownComment(row, rendered(row.body_md, resolve, named), is_own, is_own or may_delete))
    return {"comments": comments, "may_comment": may_write}
