"""Where sessions left off: handoffs that wait, were taken or are over, and what a language model proposes to keep."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from access.audit import AuditSubject
from access.callers import Caller
from access.members import members_seeing
from access.models import Member
from access.pages import caller_of
from access.roles import Role
from api.handoff_answers import handoff_subject
from memories.models import SessionProposal
from memories.session_rewriting import accept_proposal, find_proposal, pending_proposals, reject_proposal
from runs.handoffs import accept, assign, cancel, find_handoff, handoffs_in, reopen
from runs.models import Handoff, HandoffState
from zikra_portal.deeds import Done, answer, attempt, deed_view
from zikra_portal.frame import frame_of, projects_asked
from zikra_portal.memory_deeds import UNDO_SECONDS
from zikra_portal.tables import BoundedPaginator, page_of

PROPOSALS = "proposals"
# What an undo finds travels in its address, signed, so that nobody writes one of their own.
REOPEN_SALT = "zikra_portal.handoff_pages.reopen"


@login_required
def handoffs(request: HttpRequest) -> HttpResponse:
    """Handoffs of one state, `?state=`, newest first; of one project with `?project=`."""
    caller, project_ids = caller_of(request), projects_asked(request)
    asked = request.GET.get("state", "")
    state = asked if asked in HandoffState.values else HandoffState.OPEN.value
    page = page_of(request, handoffs_in(caller, project_ids, state))
    may_write = caller.may(Role.COLLABORATOR)
    context = {
        "page": page,
        "state": state,
        "tabs": _tabs(caller, project_ids),
        "may_write": may_write,
        "rows": _with_members(page.object_list, is_offered=may_write and state == HandoffState.OPEN),
    }
    return render(request, "handoffs/handoffs.html", context)


def _tabs(caller: Caller, project_ids: list[int] | None) -> list[tuple[str, str, int]]:
    """Each list's word, label and count, at most as many as a table counts."""
    counted = [
        (state.value, state.label, BoundedPaginator(handoffs_in(caller, project_ids, state)).count)
        for state in HandoffState
    ]
    return [*counted, (PROPOSALS, "Proposals", BoundedPaginator(pending_proposals(caller, project_ids)).count)]


def _with_members(found: Any, *, is_offered: bool) -> list[tuple[Handoff, list[Member]]]:
    """Each handoff with the members that it can be assigned to."""
    rows: list[Handoff] = list(found)
    seeing = members_seeing({row.project_id for row in rows}) if is_offered and rows else {}
    return [(row, seeing.get(row.project_id, [])) for row in rows]


@deed_view
def take(request: HttpRequest, handoff_id: uuid.UUID) -> HttpResponse:
    """Take one for oneself: no session gets it any more."""

    def act(caller: Caller, handoff: Handoff) -> Done:
        taken = accept(caller, handoff)
        return Done("The handoff is yours; no session gets it.", handoff_subject(taken), _way_back_of(taken))

    return _done(request, "handoff_accept", handoff_id, act)


@deed_view
def take_back(request: HttpRequest, handoff_id: uuid.UUID) -> HttpResponse:
    """Cancel one, with the form's `reason` where there is one."""

    def act(caller: Caller, handoff: Handoff) -> Done:
        over = cancel(caller, handoff, request.POST.get("reason", "").replace("\x00", ""))
        return Done("Cancelled the handoff; no session gets it.", handoff_subject(over), _way_back_of(over))

    return _done(request, "handoff_cancel", handoff_id, act)


def _way_back_of(handoff: Handoff) -> str:
    """The path that lets a handoff wait again which was just accepted or cancelled."""
    accepted_at = handoff.accepted_at.isoformat() if handoff.accepted_at else ""
    kept = signing.dumps([str(handoff.pk), accepted_at, handoff.ended_reason], salt=REOPEN_SALT, compress=True)
    return reverse("handoff-reopen", args=[handoff.pk, kept])


@deed_view
def give_free(request: HttpRequest, handoff_id: uuid.UUID, kept: str) -> HttpResponse:
    """Let it wait again, unless something became of it since. Raises Http404 for what is not signed, or too old."""
    try:
        signed_id, accepted_at, ended_reason = signing.loads(kept, salt=REOPEN_SALT, max_age=UNDO_SECONDS)
    except signing.BadSignature:
        raise Http404("This can no longer be taken back.") from None
    if signed_id != str(handoff_id):
        raise Http404("This is another handoff's.")
    since = datetime.fromisoformat(accepted_at) if accepted_at else None

    def act(caller: Caller, handoff: Handoff) -> Done:
        free = reopen(caller, handoff, accepted_at=since, ended_reason=ended_reason)
        return Done("The handoff waits for a session again.", handoff_subject(free))

    return _done(request, "handoff_reopen", handoff_id, act)


@deed_view
def give(request: HttpRequest, handoff_id: uuid.UUID) -> HttpResponse:
    """Keep one for the member `to` of the form, or of the address as undoing has it; "" leaves it to everybody."""
    wanted = request.POST.get("to", request.GET.get("to", "")).replace("\x00", "")

    def act(caller: Caller, handoff: Handoff) -> Done:
        former = handoff.assigned_to.username if handoff.assigned_to else ""
        given = assign(caller, handoff, wanted)
        words = f"Kept for {given.assigned_to}." if given.assigned_to else "Left to everybody's next session."
        undo = f"{reverse('handoff-assign', args=[handoff.pk])}?{urlencode({'to': former})}"
        return Done(words, handoff_subject(given), undo=undo if former != wanted.strip() else "", detail=words)

    return _done(request, "handoff_assign", handoff_id, act)


def _done(
    request: HttpRequest, command: str, handoff_id: uuid.UUID, act: Callable[[Caller, Handoff], Done]
) -> HttpResponse:
    outcome = attempt(request, command, lambda caller: act(caller, find_handoff(caller, handoff_id)), kind="handoff")
    return answer(request, outcome, reverse("handoffs"))


# --- proposals -------------------------------------------------------------------------------------------------------


@login_required
def proposals(request: HttpRequest) -> HttpResponse:
    """What a language model would keep of sessions, newest first; of one project with `?project=`."""
    caller, project_ids = caller_of(request), projects_asked(request)
    page = page_of(request, pending_proposals(caller, project_ids))
    context = {
        "page": page,
        "state": PROPOSALS,
        "tabs": _tabs(caller, project_ids),
        "may_write": caller.may(Role.COLLABORATOR),
        "back": f"{reverse('proposals')}{frame_of(request).of_project}",
    }
    return render(request, "handoffs/proposals.html", context)


@deed_view
def decide(request: HttpRequest, proposal_id: uuid.UUID, word: str) -> HttpResponse:
    """Accept a proposal, which makes it a memory, or reject it."""

    def act(caller: Caller) -> Done:
        proposal = find_proposal(caller, proposal_id)
        if word == "reject":
            rejected = reject_proposal(caller, proposal)
            return Done(f"Rejected “{rejected.title}”.", _proposal_subject(rejected))
        saved = accept_proposal(caller, proposal)
        return Done(f"Kept “{saved.memory.title}”.", _proposal_subject(proposal), detail=f"memory {saved.memory.pk}")

    outcome = attempt(request, f"{word}_proposal", act, kind="proposal")
    return answer(request, outcome, reverse("proposals"))


def _proposal_subject(proposal: SessionProposal) -> AuditSubject:
    return AuditSubject("proposal", str(proposal.pk), proposal.title, proposal.project_id)
