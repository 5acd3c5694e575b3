"""Handoffs: where a session left off, given to one later session of its project, whatever the agent or machine.

Of two sessions that ask at once exactly one gets it: a claim locks the row, and who finds it locked looks further.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, IntegerField, Value, When
from django.urls import reverse
from django.utils import timezone

from access.callers import Caller
from access.errors import Conflict, NotFound
from access.masking import mask
from access.models import Member, Project
from access.notifications import notify
from access.roles import Role
from runs.capture.digest import Digest
from runs.models import (
    NAME_LENGTH,
    SUMMARY_LENGTH,
    CapturedSession,
    Handoff,
    HandoffQuerySet,
    HandoffState,
    Run,
    stale_after,
)
from runs.texts import bounded, entries, person_of, problem_with, require_write

FILES_AT_MOST = 200
PATH_LENGTH = 1000
# A client that lost the answer asks again at once; later the same session's next start is another matter.
ASKED_AGAIN_WITHIN = timedelta(minutes=10)
# An automatic handoff that nobody took is history by then, and the session's page has it.
AUTOMATIC_LIFE = timedelta(days=30)


def begin(
    caller: Caller,
    project: Project,
    summary: str,
    *,
    open_questions: Iterable[str] = (),
    next_steps: Iterable[str] = (),
    files_touched: Iterable[str] = (),
    session_id: str = "",
    agent: str = "",
    cwd: str = "",
    assign_to: str = "",
) -> Handoff:
    """Leave a handoff on purpose, for the next session of the project or that of one member.

    summary: at most 3,000 characters; secrets are masked. session_id: the caller's own session, where it has one.
    assign_to: a user name. Raises Invalid for a blank or over-long text and for a member who cannot see the project,
    OutOfScope for a project that the caller does not see.
    """
    require_write(caller, project)
    run = Run.objects.filter(project=project, session_id=session_id.strip()).first() if session_id.strip() else None
    with transaction.atomic():
        handoff = Handoff.objects.create(
            project=project,
            from_run=run,
            from_session=bounded("session_id", session_id, NAME_LENGTH),
            from_agent=bounded("agent", agent or (run.agent if run else ""), NAME_LENGTH),
            from_member_id=caller.member_id,
            from_person=person_of(caller),
            cwd=bounded("cwd", cwd or (run.cwd if run else ""), PATH_LENGTH),
            summary=_required("summary", summary),
            open_questions=entries("open_questions", open_questions),
            next_steps=entries("next_steps", next_steps),
            files_touched=entries("files_touched", files_touched, most=FILES_AT_MOST, length=PATH_LENGTH),
        )
        if assign_to.strip():
            _assign(handoff, assign_to)
    return handoff


def leave_automatic(run: Run, digest: Digest) -> Handoff:
    """Leave a session's handoff at its end; it takes the place of an older automatic one from the same directory."""
    with transaction.atomic():
        # Two sessions that end in one directory at once: the second waits here, and the newer handoff stays.
        Run.objects.select_for_update().filter(pk=run.pk).first()
        Project.objects.select_for_update(no_key=True).filter(pk=run.project_id).first()
        older = Handoff.objects.open().filter(project_id=run.project_id, cwd=run.cwd, is_automatic=True)
        older.update(state=HandoffState.EXPIRED, ended_reason="A newer session in the same directory ended.")
        return Handoff.objects.create(
            project_id=run.project_id,
            from_run=run,
            from_session=run.session_id,
            from_agent=run.agent,
            from_member_id=run.member_id,
            from_person=run.person,
            cwd=run.cwd,
            summary=summary_of(digest),
            open_questions=digest.open_questions(),
            next_steps=digest.next_steps(),
            files_touched=digest.files[:FILES_AT_MOST],
            is_automatic=True,
        )


def summary_of(digest: Digest) -> str:
    """What a session was asked and how it stood at its end, in at most 3,000 characters."""
    asked = [f"- {' '.join(text.split())[:400]}" for _, text in digest.prompts[-5:]]
    parts = ["Asked:", *asked]
    if digest.tools:
        used = sorted(digest.tools.items(), key=lambda told: (-told[1], told[0]))[:10]
        parts += ["", "Used: " + ", ".join(f"{name} ({count})" for name, count in used)]
    if digest.failures:
        parts += ["", "Failed:", *(f"- {what}: {problem[:200]}" for _, what, problem in digest.failures[-3:])]
    if digest.last_state:
        parts += ["", "Last answer:"]
        room = SUMMARY_LENGTH - len("\n".join(parts)) - 2
        parts.append(digest.last_state if len(digest.last_state) <= room else digest.last_state[: max(room, 0)] + "…")
    return mask("\n".join(parts)).text[:SUMMARY_LENGTH]


def pending_for(caller: Caller, project: Project, directory: str = "", *, session_id: str = "") -> HandoffQuerySet:
    """Open handoffs that a session in a project and directory may claim, the one that it should get first.

    Those assigned to the caller come first, then explicit ones, the caller's own, those of the directory, the newest.
    A session never gets its own.
    """
    mine = When(assigned_to_id=caller.member_id or 0, then=Value(0))
    own = When(from_member_id=caller.member_id or 0, then=Value(0))
    here = When(cwd=directory, then=Value(0))
    ranked = Handoff.objects.open().claimable_by(caller).filter(project=project)
    if session_id:
        ranked = ranked.exclude(from_session=session_id)
    return ranked.order_by(_rank(mine), F("is_automatic").asc(), _rank(own), _rank(here), "-created_at", "pk")


def claim(
    caller: Caller, project: Project, *, directory: str = "", session_id: str = "", agent: str = ""
) -> Handoff | None:
    """Take the handoff that waits for a session here, or None; who asks again at once gets the same one again.

    Raises Forbidden for guests and OutOfScope for a project that the caller does not see.
    """
    require_write(caller, project)
    session_id = session_id.strip()[:NAME_LENGTH]
    with transaction.atomic():
        if session_id and (again := _claimed_by(caller, project, session_id)) is not None:
            return again
        waiting = pending_for(caller, project, directory, session_id=session_id)
        handoff = waiting.select_for_update(skip_locked=True, of=("self",)).first()
        return None if handoff is None else _take(handoff, caller, session_id, agent)


def accept(caller: Caller, handoff: Handoff, *, session_id: str = "", agent: str = "") -> Handoff:
    """Take this handoff. Raises Conflict when it is not open any more, NotFound out of sight or for another member's."""
    caller.require(Role.COLLABORATOR)
    with transaction.atomic():
        locked = _locked(caller, handoff.pk)
        _require_open(locked)
        if locked.assigned_to_id is not None and locked.assigned_to_id != caller.member_id:
            raise Conflict("This handoff is assigned to another member.", hint="Ask for it to be assigned to you.")
        return _take(locked, caller, session_id.strip()[:NAME_LENGTH], agent)


def cancel(caller: Caller, handoff: Handoff, reason: str = "") -> Handoff:
    """Take an open handoff back: no session gets it. Raises Conflict when it is not open any more."""
    caller.require(Role.COLLABORATOR)
    with transaction.atomic():
        locked = _locked(caller, handoff.pk)
        _require_open(locked)
        words = " ".join(mask(reason).text.split())
        locked.state = HandoffState.EXPIRED
        locked.ended_reason = f"Cancelled by {person_of(caller)}{': ' + words if words else '.'}"[:NAME_LENGTH]
        locked.save(update_fields=["state", "ended_reason"])
        return locked


def reopen(caller: Caller, handoff: Handoff, *, accepted_at: datetime | None, ended_reason: str) -> Handoff:
    """Let a handoff wait again that a person accepted by hand or cancelled: the opposite of `accept` and `cancel`.

    accepted_at, ended_reason: what the handoff said after that. Raises Conflict in words where it says something else
    by now, where a session has been given it, and where a newer one of the same directory waits in its place.
    """
    caller.require(Role.COLLABORATOR)
    with transaction.atomic():
        # As at a session's end: of two that would wait in one directory the second sees the first.
        Project.objects.select_for_update(no_key=True).filter(pk=handoff.project_id).first()
        locked = _locked(caller, handoff.pk)
        _require_unchanged(locked, accepted_at, ended_reason)
        newer = Handoff.objects.open().filter(project_id=locked.project_id, cwd=locked.cwd, is_automatic=True)
        if locked.is_automatic and newer.exists():
            raise Conflict("A newer session in the same directory has ended since; its handoff waits instead.")
        _untake(locked, is_over=False)
        return locked


def assign(caller: Caller, handoff: Handoff, username: str) -> Handoff:
    """Keep an open handoff for one member's sessions; "" leaves it to everybody again. The member is told."""
    caller.require(Role.COLLABORATOR)
    with transaction.atomic():
        locked = _locked(caller, handoff.pk)
        _require_open(locked)
        if not username.strip():
            locked.assigned_to = None
            locked.save(update_fields=["assigned_to"])
            return locked
        return _assign(locked, username)


def find_handoff(caller: Caller, handoff_id: uuid.UUID) -> Handoff:
    """The handoff of this id. Raises NotFound when there is none in the caller's sight."""
    found = Handoff.objects.visible_to(caller).select_related("project", "assigned_to").filter(pk=handoff_id).first()
    if found is None:
        raise NotFound("Handoff not found")
    return found


def handoffs_in(caller: Caller, project_ids: list[int] | None, state: str = "") -> HandoffQuerySet:
    """Handoffs in sight, the newest first. state: open, accepted or expired, "all", and open for "". Raises Invalid."""
    wanted = state.strip().casefold() or HandoffState.OPEN.value
    if wanted not in ("all", *HandoffState.values):
        raise problem_with("state", f"is open, accepted, expired or all, not '{state[:40]}'.")
    found = Handoff.objects.visible_to(caller).within(project_ids).select_related("project", "assigned_to")
    return (found if wanted == "all" else found.filter(state=wanted)).order_by("-created_at", "pk")


def waiting_for(caller: Caller, project_ids: list[int] | None) -> HandoffQuerySet:
    """Open handoffs in sight: those kept for the caller first, then the newest."""
    mine = When(assigned_to_id=caller.member_id or 0, then=Value(0))
    return handoffs_in(caller, project_ids).order_by(_rank(mine), "-created_at", "pk")


def newest_own(caller: Caller, project_ids: list[int] | None) -> Handoff:
    """The newest open handoff that the caller left, on purpose or by a session's end. Raises NotFound."""
    found = (
        handoffs_in(caller, project_ids).filter(from_member_id=caller.member_id, from_person=person_of(caller)).first()
    )
    if found is None:
        raise NotFound("Handoff not found")
    return found


def give_back(project_id: int, session_id: str) -> int:
    """Open again what an idle session claimed; answers how many. A newer automatic one from its directory stays instead."""
    given = 0
    with transaction.atomic():
        taken = Handoff.objects.filter(
            project_id=project_id, accepted_session=session_id, state=HandoffState.ACCEPTED
        ).select_for_update()
        for handoff in taken:
            newer = Handoff.objects.open().filter(project_id=project_id, cwd=handoff.cwd, is_automatic=True)
            _untake(handoff, is_over=handoff.is_automatic and newer.exists())
            given += handoff.state == HandoffState.OPEN
    return given


def give_back_unused(now: datetime | None = None) -> int:
    """Open again what was claimed by sessions that have been silent since and did no work; answers how many.

    A client that dies before its first event never says that it ended.
    """
    before = (now or timezone.now()) - stale_after()
    taken = Handoff.objects.filter(
        state=HandoffState.ACCEPTED, accepted_at__lt=before, accepted_at__gte=before - timedelta(hours=1)
    ).exclude(accepted_session="")
    given = 0
    for project_id, session_id in taken.values_list("project_id", "accepted_session").distinct():
        captured = CapturedSession.objects.filter(run__project_id=project_id, run__session_id=session_id)
        is_silent = not captured.filter(run__last_seen_at__gte=before).exists()
        is_known_otherwise = Run.objects.filter(project_id=project_id, session_id=session_id, captured=None).exists()
        if is_silent and not captured.filter(has_work=True).exists() and not is_known_otherwise:
            given += give_back(project_id, session_id)
    return given


def expire_old(now: datetime | None = None) -> int:
    """Expire automatic handoffs that nobody took for long; answers how many."""
    old = Handoff.objects.open().filter(is_automatic=True, created_at__lt=(now or timezone.now()) - AUTOMATIC_LIFE)
    return old.update(state=HandoffState.EXPIRED, ended_reason="Nobody took it in 30 days.")


# --- parts -----------------------------------------------------------------------------------------------------------


def _rank(condition: When) -> Case:
    return Case(condition, default=Value(1), output_field=IntegerField())


def _claimed_by(caller: Caller, project: Project, session_id: str) -> Handoff | None:
    since = timezone.now() - ASKED_AGAIN_WITHIN
    taken = Handoff.objects.filter(
        project=project, accepted_session=session_id, state=HandoffState.ACCEPTED, accepted_at__gte=since
    )
    own = taken.filter(accepted_member_id=caller.member_id, accepted_person=person_of(caller))
    return own.order_by("-accepted_at").first()


def _take(handoff: Handoff, caller: Caller, session_id: str, agent: str) -> Handoff:
    handoff.state = HandoffState.ACCEPTED
    handoff.accepted_at = timezone.now()
    handoff.accepted_session = session_id
    handoff.accepted_agent = " ".join(agent.split())[:NAME_LENGTH]
    handoff.accepted_member_id = caller.member_id
    handoff.accepted_person = person_of(caller)
    handoff.save()
    return handoff


def _untake(handoff: Handoff, *, is_over: bool) -> None:
    handoff.state = HandoffState.EXPIRED if is_over else HandoffState.OPEN
    handoff.ended_reason = "A newer session in the same directory ended." if is_over else ""
    handoff.accepted_at = handoff.accepted_member = None
    handoff.accepted_session = handoff.accepted_agent = handoff.accepted_person = ""
    handoff.save()


def _assign(handoff: Handoff, username: str) -> Handoff:
    member = Member.objects.seeing(handoff.project).called([username.strip()]).first()
    if member is None:
        raise problem_with("assign_to", f"no member '{username.strip()[:60]}' sees {handoff.project.name}.")
    handoff.assigned_to = member
    handoff.save(update_fields=["assigned_to"])
    words = f"A handoff waits for you in {handoff.project.name}: {handoff.summary}"
    link = f"{reverse('handoffs')}#handoff-{handoff.pk}"
    notify([member.pk], handoff.project, kind="handoff", words=words, link=link)
    return handoff


def _locked(caller: Caller, handoff_id: uuid.UUID) -> Handoff:
    visible = Handoff.objects.visible_to(caller).select_related("project").select_for_update(of=("self",))
    handoff = visible.filter(pk=handoff_id).first()
    if handoff is None:
        raise NotFound("Handoff not found")
    return handoff


def _require_open(handoff: Handoff) -> None:
    if handoff.state == HandoffState.ACCEPTED:
        raise Conflict(f"{handoff.accepted_person or 'Somebody'} accepted this handoff already.")
    if handoff.state == HandoffState.EXPIRED:
        raise Conflict(f"This handoff is over: {handoff.ended_reason or 'expired'}")


def _require_unchanged(handoff: Handoff, accepted_at: datetime | None, ended_reason: str) -> None:
    """Raise Conflict where a handoff is not any more what somebody made of it, or is a session's."""
    if handoff.state == HandoffState.OPEN:
        raise Conflict("This handoff waits already.")
    if handoff.accepted_session:
        whose = f"{handoff.accepted_agent or 'an agent'} of {handoff.accepted_person or 'somebody'}"
        raise Conflict(f"A session of {whose} has been given this handoff; that cannot be undone.")
    if (handoff.accepted_at, handoff.ended_reason) != (accepted_at, ended_reason):
        _require_open(handoff)


def _required(name: str, text: str) -> str:
    hidden = bounded(name, text, SUMMARY_LENGTH)
    if not hidden:
        raise problem_with(name, "must not be blank.")
    return hidden
