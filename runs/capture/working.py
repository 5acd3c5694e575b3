"""Working captured events into runs: in the background, a session's events in the order of their own time, each once.

What is known of a session afterwards (its run, its timeline, its digest, its usage) and the marks on its events stand
or fall together, so a worker that dies loses nothing and doubles nothing.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis import RedisError

from access.callers import Caller
from access.errors import Refusal
from access.models import Project
from access.roles import Role
from runs import checkpoints, handoffs
from runs.capture.cores import runnable_threads
from runs.capture.digest import Digest, line_of
from runs.capture.hooks import model_of
from runs.capture.keeping import Outcome
from runs.capture.transcripts import session_of_tails
from runs.importing import named_alike
from runs.machines import note_machine
from runs.models import NAME_LENGTH, CapturedEvent, CapturedKind, CapturedSession, EventKind, Run
from runs.recording import FILES_AT_MOST, ModelTokens, Told, heartbeat_run, log_run, note_happenings, start_run
from runs.transcripts import Session, opening
from runs.visibility import is_own

log = structlog.get_logger(__name__)

# A number of our own for advisory locks on sessions, so that they never meet another lock of the database.
LOCK_CLASS = 0x5A53
# Sessions looked up at once, and events of one session worked in one transaction.
SESSIONS_AT_ONCE = 100
EVENTS_AT_ONCE = 1000
RESTS_FOR_EACH_SECOND = 3
MOST_REST_SECONDS = 0.1
# At these moments the session's page is written anew.
PAGE_KINDS = frozenset({CapturedKind.STOP, CapturedKind.PRE_COMPACT, CapturedKind.SESSION_END})
PAGES_TASK = "memories.write_session_pages"


def work_waiting() -> int:
    """Work every session that has events waiting, each once; answers how many events were worked.

    What comes while a session is worked waits for the next time: its own signal is on the way, and a few events more
    cost hardly more than one. A session that fails is left for the next time and stops no other.
    """
    worked, seen = 0, set[tuple[int, str]]()
    while True:
        waiting = [session for session in _waiting_sessions(len(seen)) if session not in seen]
        if not waiting:
            return worked
        for session in waiting:
            seen.add(session)
            began = time.monotonic()
            try:
                worked += _work_all(*session)
            except Exception:
                log.exception("captured_session_not_worked", project_id=session[0], session_id=session[1])
            _give_way(time.monotonic() - began)


def _give_way(seconds: float) -> None:
    """Rest after so many seconds of work while others want the cores: agents wait for the answers to their hooks, and
    nobody waits for this. The worker's low priority alone does not help, since its database sessions have none."""
    if runnable_threads() > 1:
        time.sleep(min(RESTS_FOR_EACH_SECOND * seconds, MOST_REST_SECONDS))


def _work_all(project_id: int, session_id: str) -> int:
    """Work a session's events, in as many transactions as they need."""
    worked = now = work_session(project_id, session_id)
    while now == EVENTS_AT_ONCE:
        worked += (now := work_session(project_id, session_id))
    return worked


def work_session(project_id: int, session_id: str) -> int:
    """Work a session's waiting events into its run; answers how many there were. At once only one does this for it."""
    with transaction.atomic():
        _lock(project_id, session_id)
        waiting = CapturedEvent.objects.of_session(project_id, session_id).waiting()
        events = list(waiting.select_related("project")[:EVENTS_AT_ONCE])
        if not events:
            return 0
        run = Run.objects.filter(project_id=project_id, session_id=session_id).first()
        mine, others = _parted(run, events)
        if mine:
            work = _Work(_caller_of(mine[0]), mine[0].project, session_id, run)
            work.take(mine)
            note_machine(mine)
        _mark(mine, others)
    return len(events)


def forget_old() -> int:
    """Forget events that came longer ago than they are kept, but for those that still wait; answers how many."""
    before = timezone.now() - timedelta(days=settings.CAPTURE_DAYS)
    return CapturedEvent.objects.received_before(before).exclude(worked_at=None).delete()[0]


def _waiting_sessions(offset: int) -> list[tuple[int, str]]:
    waiting = CapturedEvent.objects.waiting().values_list("project_id", "session_id").distinct()
    return list(waiting.order_by("project_id", "session_id")[: SESSIONS_AT_ONCE + offset])


def _lock(project_id: int, session_id: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCK_CLASS, f"{project_id}:{session_id}"])


def _parted(run: Run | None, events: list[CapturedEvent]) -> tuple[list[CapturedEvent], list[CapturedEvent]]:
    """The events of the person whose session it is, and those of others: it is the run's, else the first one's to arrive."""
    if run is None:
        first = min(events, key=lambda event: event.pk)
        mine = [event for event in events if _holder(event) == _holder(first)]
    else:
        mine = [event for event in events if is_own(_caller_of(event), run)]
    kept = {event.pk for event in mine}
    return mine, [event for event in events if event.pk not in kept]


def _holder(event: CapturedEvent) -> tuple[int | None, str]:
    return (event.member_id, "" if event.member_id else event.person)


def _caller_of(event: CapturedEvent) -> Caller:
    """Who told it, with the rights that the door saw."""
    return Caller(
        name=event.person,
        role=Role.COLLABORATOR,
        project_ids=frozenset({event.project_id}),
        project_names=(event.project.name,),
        door="capture",
        token_id=event.token_id,
        member_id=event.member_id,
    )


def _mark(mine: list[CapturedEvent], others: list[CapturedEvent]) -> None:
    now = timezone.now()
    CapturedEvent.objects.filter(pk__in=[event.pk for event in mine]).update(worked_at=now)
    if others:
        CapturedEvent.objects.filter(pk__in=[event.pk for event in others]).update(
            worked_at=now, outcome=Outcome.DROPPED_COLLISION.value
        )


@dataclass
class _Work:
    """Events of one session on their way into its run."""

    caller: Caller
    project: Project
    session_id: str
    run: Run | None
    captured: CapturedSession | None = None
    digest: Digest = field(default_factory=Digest)

    def take(self, events: list[CapturedEvent]) -> None:
        """Take the events, which stand in the order of their time."""
        for part in _parts(events):
            self._take_part(part)
        assert self.captured is not None
        self.captured.digest = self.digest.kept
        self.captured.has_work = self.digest.has_work
        if any(event.kind in PAGE_KINDS for event in events) and self.digest.has_work:
            self.captured.page_due_at = self.captured.page_due_at or timezone.now()
            transaction.on_commit(wake_pages, robust=True)
        self.captured.save()

    def _take_part(self, part: list[CapturedEvent]) -> None:
        """Take events up to a session's end, or to the last that has come."""
        before = self.run
        run = self._opened(part[0], self._brings_back(part))
        if self.captured is None:
            self.captured = CapturedSession.objects.select_for_update().get_or_create(run=run)[0]
            self.digest = Digest.of(self.captured.digest)
        for event in part:
            self.digest.take(event)
        last = part[-1]
        session = self._transcribed() if any(event.transcript for event in part) else None
        if session is not None:
            self.digest.take_files(session.files_modified)
        told = self._told(part, before, session)
        if last.kind == CapturedKind.SESSION_END and (run.finished_at is None or last.at <= run.finished_at):
            self.run = log_run(self.caller, self.project, **told)
        else:
            self.run = heartbeat_run(self.caller, self.project, **told)
        lines = [(EventKind(kind), text, event.at) for event in part for kind, text in [line_of(event)] if kind]
        note_happenings(self.run, lines, step=next((text for _, text, _ in reversed(lines) if text), ""))
        self._hand_on(part)

    def _opened(self, first: CapturedEvent, comes_back: datetime | None) -> Run:
        """The run, made or brought back where the events say so; its beginning is that of the first event."""
        run = self.run
        if run is not None and comes_back is None and first.at >= run.started_at:
            return run
        told: Told = {"session_id": self.session_id, "agent": first.agent, "machine": first.machine, "at": first.at}
        if run is None:
            return heartbeat_run(self.caller, self.project, **told)
        try:
            told["at"] = comes_back or first.at
            return start_run(self.caller, self.project, **told)
        except Refusal as refusal:
            # A spent budget stops new work, but what was done is told all the same.
            log.info("captured_session_not_resumed", run_id=str(run.pk), reason=refusal.message)
            return run

    def _brings_back(self, part: list[CapturedEvent]) -> datetime | None:
        """When the first event came that brings an ended session back; None where none does."""
        if self.run is None or self.run.finished_at is None:
            return None
        ended = self.run.finished_at
        return next((event.at for event in part if event.kind != CapturedKind.SESSION_END and event.at > ended), None)

    def _told(self, part: list[CapturedEvent], before: Run | None, session: Session | None) -> Told:
        """What a report of these events tells. session: what the transcript tells so far, where it has grown."""
        known = list(before.files_modified) if before is not None else []
        told: dict[str, Any] = {
            "session_id": self.session_id,
            # It is there by now, so nobody need try to make it.
            "run_id": self.run.pk if self.run is not None else None,
            "at": part[-1].at,
            "files_modified": list(dict.fromkeys([*known, *self.digest.files]))[:FILES_AT_MOST],
            "output_summary": opening(self.digest.last_state or self.digest.title),
        }
        for name in ("agent", "machine", "cwd", "branch"):
            told[name] = next((value for event in part if (value := getattr(event, name))), "")
        told["model"] = next((model for event in reversed(part) if (model := model_of(event.body))), "")[:NAME_LENGTH]
        if session is not None:
            told["usage"] = list(self._usage(session))
        return told  # type: ignore[return-value]

    def _transcribed(self) -> Session | None:
        """What all parts of the transcript that were sent so far come to."""
        events = CapturedEvent.objects.of_session(self.project.pk, self.session_id).exclude(transcript=None)
        tails = (tail for kept in events.values_list("transcript", flat=True) for tail in kept or ())
        return session_of_tails(tails)

    def _usage(self, session: Session) -> Iterator[ModelTokens]:
        """Tokens by model."""
        rows: Iterable[str] = self.run.usage.values_list("model", flat=True) if self.run is not None else ()
        for model, counts in named_alike(session.usage, rows).items():
            if counts.is_known:
                yield ModelTokens(model, counts)

    def _hand_on(self, part: list[CapturedEvent]) -> None:
        """Keep a checkpoint before a compaction; at the end leave a handoff, or give back what an idle session took."""
        assert self.run is not None
        if any(event.kind == CapturedKind.PRE_COMPACT for event in part) and self.digest.has_work:
            checkpoints.keep_automatic(self.run, self.digest)
        if part[-1].kind != CapturedKind.SESSION_END or self.run.finished_at is None:
            return
        if self.digest.has_work:
            handoffs.leave_automatic(self.run, self.digest)
        else:
            handoffs.give_back(self.run.project_id, self.session_id)


def _parts(events: list[CapturedEvent]) -> Iterator[list[CapturedEvent]]:
    """The events, cut after each end of the session."""
    part: list[CapturedEvent] = []
    for event in events:
        part.append(event)
        if event.kind == CapturedKind.SESSION_END:
            yield part
            part = []
    if part:
        yield part


def wake_pages() -> None:
    """Have the pages of sessions written. The beat sweep finds what this misses."""
    try:
        current_app.send_task(PAGES_TASK)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("session_pages_not_woken", error=str(error))
