"""Keeping what agents' hooks tell: masked, cut short, and stored once before anybody is answered.

One statement finds out what is known of the sessions, one more stores all events of a request. What an event means for
its run is worked out later, in the background.
"""

import json
import math
import re
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from access.callers import Caller
from access.errors import Invalid, Refusal
from access.masking import mask, mask_all
from access.models import GLOBAL_PROJECT, PROJECT_NAME_LENGTH, PROJECT_NAME_PATTERN
from access.roles import Role
from access.scope import check_project_name, make_project
from runs.capture import hooks
from runs.capture.caps import cut_body
from runs.capture.signal import send_signal
from runs.capture.transcripts import Tail, tails_of
from runs.machines import MachineRefused, name_told
from runs.models import NAME_LENGTH, CapturedKind, holder_of
from runs.recording import CLOCK_AHEAD, PATH_LENGTH
from runs.repositories import as_project_name
from runs.transcripts import EARLIEST, text_of

EVENTS_AT_MOST = 256
# Its own field of a body: the transcript's tail, see runs/capture/transcripts.py.
TRANSCRIPT = "zikra_transcript"
LARGEST_SEQUENCE = 2**62


class Outcome(StrEnum):
    """What became of an event."""

    STORED = "stored"
    REPLAYED = "replayed"
    RESUMED = "resumed"
    IGNORED_END = "ignored_end"
    DROPPED_POLICY = "dropped_policy"
    DROPPED_SUBAGENT = "dropped_subagent"
    DROPPED_UNAUTHORIZED = "dropped_unauthorized"
    DROPPED_COLLISION = "dropped_collision"
    DROPPED_INVALID = "dropped_invalid"


@dataclass(frozen=True)
class Hook:
    """One event as it arrived. words: those of the request's query; unknown ones are ignored. body: the agent's own."""

    words: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Client:
    """What the client tells of itself: its version, the machine's name, events that still wait there and for how many
    seconds, agents whose hooks nobody has trusted yet.
    """

    version: str = ""
    machine: str = ""
    backlog: int | None = None
    backlog_seconds: int | None = None
    untrusted: tuple[str, ...] = ()

    @property
    def told(self) -> dict[str, Any]:
        """As it is kept beside an event."""
        told = {
            "version": self.version,
            "backlog": self.backlog,
            "backlog_seconds": self.backlog_seconds,
            "untrusted": list(self.untrusted),
        }
        return {name: value for name, value in told.items() if value not in ("", None)} if any(told.values()) else {}


@dataclass(frozen=True)
class Kept:
    """What became of one event. refusal: why it was not stored, where it is somebody's mistake."""

    outcome: Outcome
    refusal: Refusal | None = None


@dataclass
class _Event:
    """An event that can be stored."""

    project: str
    session_id: str
    kind: CapturedKind
    name: str
    agent: str
    cwd: str
    branch: str
    machine: str
    ingest_key: str
    at: datetime
    sequence: int
    body: dict[str, Any]
    tails: list[Tail]
    project_id: int = 0
    outcome: Outcome = Outcome.STORED


@dataclass
class _Known:
    """What is known of a session: its project's key, whose it is, and since when it has ended."""

    project_id: int | None
    owners: list[tuple[int | None, str]] = field(default_factory=list)
    ended_at: datetime | None = None


def keep_hooks(caller: Caller, arrived: Sequence[Hook], client: Client | None = None) -> list[Kept]:
    """Store the events of a request and say of each what became of it. When this returns they are durable.

    Events are judged one by one: what one is refused for stops no other. A project that is new is made where the
    caller's scope allows it. Raises Forbidden for callers whose role may not write, Invalid for more than 256 events,
    MachineRefused where the client names a machine that is refused: then it keeps what it has, for when it is allowed.
    """
    caller.require(Role.COLLABORATOR)
    if len(arrived) > EVENTS_AT_MOST:
        problem = f"{len(arrived)} events; a batch holds at most {EVENTS_AT_MOST}."
        raise Invalid(problem, hint="Send the rest with the next batch.")
    now = timezone.now()
    results: list[Kept | None] = [None] * len(arrived)
    events: dict[int, _Event] = {}
    for place, hook in enumerate(arrived):
        try:
            # Of events that tell no time of their own, the earlier one in the batch came first.
            events[place] = _read(caller, hook, client or Client(), now + timedelta(microseconds=place))
        except Refusal as refusal:
            results[place] = Kept(Outcome.DROPPED_INVALID, refusal)
    known, refused = _known_sessions(caller, events.values())
    if client is not None and name_told(client.machine) in refused:
        raise MachineRefused(name_told(client.machine))
    for place, event in list(events.items()):
        try:
            if event.machine in refused:
                raise MachineRefused(event.machine)
            dropped = _judge(caller, event, known[event.project, event.session_id])
        except Refusal as refusal:
            dropped = Kept(Outcome.DROPPED_UNAUTHORIZED if refusal.status == 403 else Outcome.DROPPED_INVALID, refusal)
        if dropped is not None:
            results[place] = dropped
            del events[place]
    stored = _insert(caller, list(events.values()), client or Client())
    for place, event in events.items():
        is_new = (event.project_id, event.ingest_key) in stored
        # Of the same key twice in one batch only the first one was stored.
        stored.discard((event.project_id, event.ingest_key))
        results[place] = Kept(event.outcome if is_new else Outcome.REPLAYED)
    if events:
        transaction.on_commit(send_signal, robust=True)
    return [result for result in results if result is not None]


# --- reading one event -----------------------------------------------------------------------------------------------


def _read(caller: Caller, hook: Hook, client: Client, received_at: datetime) -> _Event:
    """The event that a hook tells of. Raises Invalid where it names no event or no session, or its body is no object."""
    words, body = hook.words, {} if hook.body is None else hook.body
    if not isinstance(body, dict):
        raise _problem("body", "must be a JSON object: what the agent hands its hook.")
    name = _masked(words.get("event")) or _masked(body.get("hook_event_name"))
    if not name:
        raise _problem("event", "is required, such as event=session-start.")
    session_id = _line(hooks.session_of(body), NAME_LENGTH + 1) or _line(words.get("session_id", ""), NAME_LENGTH + 1)
    if not session_id or len(session_id) > NAME_LENGTH:
        raise _problem("session_id", f"is required, in the query or the body, with at most {NAME_LENGTH} characters.")
    cwd = text_of(hooks.directory_of(body)) or text_of(words.get("cwd", ""))
    key = _line(words.get("ingest_key", ""), NAME_LENGTH + 1)
    if len(key) > NAME_LENGTH:
        raise _problem("ingest_key", f"has more than {NAME_LENGTH} characters.")
    return _Event(
        project=project_meant(caller, words, cwd),
        session_id=session_id,
        kind=hooks.kind_of(name),
        name=name,
        agent=_masked(words.get("agent")),
        cwd=_masked(cwd, PATH_LENGTH),
        branch=_masked(words.get("branch") or hooks.branch_of(body)),
        machine=name_told(client.machine or words.get("machine")),
        ingest_key=key or f"server-{uuid.uuid4().hex}",
        at=_moment(words, body, received_at),
        sequence=_sequence(words),
        body=body,
        tails=[],
    )


def project_meant(caller: Caller, words: dict[str, str], cwd: str) -> str:
    """The project that a request means: the named one, else the token's only one, else the repository's or directory's.

    words: those of the query. Raises Invalid for a name that no project can have; who may use it is asked later.
    """
    named = words.get("project", "").strip()
    if not named and caller.default_project != GLOBAL_PROJECT:
        return caller.default_project
    wanted = named or words.get("repository", "").strip()
    if wanted and len(wanted) <= PROJECT_NAME_LENGTH and not re.match(PROJECT_NAME_PATTERN, wanted):
        # A directory's name such as .dotfiles, sent by a client that does not know what a project may be called.
        wanted = as_project_name(wanted) or wanted
    return check_project_name(wanted) if wanted else as_project_name(cwd) or GLOBAL_PROJECT


def _moment(words: dict[str, str], body: dict[str, Any], received_at: datetime) -> datetime:
    """When it happened: told as ISO 8601 or in milliseconds since 1970; else, and for times to come, now."""
    for told in (words.get("at"), body.get("timestamp")):
        moment = _time_in(told)
        if moment is not None:
            return moment if moment <= received_at + CLOCK_AHEAD else received_at
    return received_at


def _time_in(told: Any) -> datetime | None:
    text = str(told).strip() if isinstance(told, str | int | float) and not isinstance(told, bool) else ""
    try:
        if text.replace(".", "", 1).isdigit():
            moment = datetime.fromtimestamp(float(text) / 1000, UTC)
        elif text:
            moment = datetime.fromisoformat(text)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment >= EARLIEST else None


def _sequence(words: dict[str, str]) -> int:
    told = words.get("seq", "").strip()
    return min(int(told), LARGEST_SEQUENCE) if told.isascii() and told.isdigit() and len(told) < 20 else 0


def _line(value: Any, limit: int) -> str:
    """A text on one line, cut."""
    return " ".join(text_of(value).split())[:limit].rstrip()


def _masked(value: Any, limit: int = NAME_LENGTH) -> str:
    """A text on one line, masked, then cut."""
    return mask(" ".join(text_of(value).split())).text[:limit].rstrip()


def _problem(field_name: str, problem: str) -> Invalid:
    return Invalid(f"{field_name}: {problem}", fields={field_name: [problem]})


# --- judging it ------------------------------------------------------------------------------------------------------

# What is known of a session: whose run it is and when that ended; whose its last event is, and whether that ended it.
# Beside it, which of the machines that are named here are refused: with each row, so that it costs no statement more.
# Plain rows and no arrays: of an array PostgreSQL cannot tell how many sessions it will hold, and plans the statement anew
# for each hook, which takes as long as all else that it does for one.
SESSIONS = """
SELECT asked.project, asked.session, project.id, run.id IS NOT NULL, run.member_id, run.person, run.finished_at,
       last.id IS NOT NULL, last.member_id, last.person, last.kind, last.at,
       (SELECT array_agg(machine.name) FROM runs_machine machine
        WHERE machine.holder = %s AND machine.name IN ({machines}) AND machine.refused_at IS NOT NULL)
FROM (VALUES {sessions}) AS asked (project, session)
LEFT JOIN access_project project ON project.name = asked.project
LEFT JOIN runs_run run ON run.project_id = project.id AND run.session_id = asked.session AND run.session_id <> ''
LEFT JOIN LATERAL (
    SELECT event.id, event.member_id, event.person, event.kind, event.at FROM runs_capturedevent event
    WHERE event.project_id = project.id AND event.session_id = asked.session
    ORDER BY event.at DESC, event.sequence DESC, event.id DESC LIMIT 1
) last ON true
"""


def _known_sessions(caller: Caller, events: Collection[_Event]) -> tuple[dict[tuple[str, str], _Known], set[str]]:
    """What is known of the events' sessions, and the names of those machines of the caller's that are refused."""
    known: dict[tuple[str, str], _Known] = {}
    refused: set[str] = set()
    asked = {(event.project, event.session_id) for event in events}
    if not asked:
        return known, refused
    # No machine is kept without a name, so an event that names none finds none.
    machines = sorted({event.machine for event in events})
    statement = SESSIONS.format(
        machines=", ".join(["%s"] * len(machines)), sessions=", ".join(["(%s::text, %s::text)"] * len(asked))
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [holder_of(caller), *machines, *(word for pair in asked for word in pair)])
        for row in cursor.fetchall():
            refused.update(row[12] or ())
            owners = [(row[4], row[5])] if row[3] else []
            owners += [(row[8], row[9])] if row[7] else []
            ended = row[11] if row[7] and row[10] == CapturedKind.SESSION_END else None
            if not row[7] or (row[6] is not None and row[6] >= row[11]):
                ended = max(filter(None, (ended, row[6])), default=None)
            known[row[0], row[1]] = _Known(row[2], owners, ended)
    return known, refused


def _judge(caller: Caller, event: _Event, known: _Known) -> Kept | None:
    """What to drop an event for, or None for one to store; sets its project and, where it is one, its late outcome.

    Raises OutOfScope and Forbidden for projects that are not the caller's.
    """
    if known.project_id is None or not caller.sees_project(known.project_id):
        known.project_id = make_project(caller, event.project).pk
    event.project_id = known.project_id
    if event.kind in settings.CAPTURE_DROPPED_EVENTS:
        return Kept(Outcome.DROPPED_POLICY)
    if not settings.CAPTURE_SUBAGENTS and hooks.is_of_subagent(event.body):
        return Kept(Outcome.DROPPED_SUBAGENT)
    if not all(_is_mine(caller, *owner) for owner in known.owners):
        words = f"The session '{event.session_id}' is somebody else's."
        return Kept(Outcome.DROPPED_COLLISION, SessionTaken(words, hint="Report your own session under its own id."))
    known.owners = known.owners or [(caller.member_id, caller.name[:NAME_LENGTH])]
    _place_in_session(event, known)
    event.tails = tails_of(event.body.pop(TRANSCRIPT, None)) if TRANSCRIPT in event.body else []
    return None


class SessionTaken(Refusal):
    """The session belongs to another person."""

    status = 409


def _is_mine(caller: Caller, member_id: int | None, person: str) -> bool:
    if member_id or caller.member_id:
        return member_id == caller.member_id
    return person == caller.name[:NAME_LENGTH]


def _place_in_session(event: _Event, known: _Known) -> None:
    """Tell what comes after a session's end: another end changes nothing, everything else brings the session back."""
    is_end = event.kind == CapturedKind.SESSION_END
    if known.ended_at is None:
        known.ended_at = event.at if is_end else None
    elif is_end:
        event.outcome = Outcome.IGNORED_END
    elif event.at > known.ended_at:
        event.outcome = Outcome.RESUMED
        known.ended_at = None


# --- storing ---------------------------------------------------------------------------------------------------------

COLUMNS = (
    *("project_id", "ingest_key", "session_id", "kind", "name", "agent", "machine", "cwd", "branch", "body"),
    *("transcript", "masked_count", "at", "sequence", "outcome", "client", "token_id", "member_id", "person"),
)
CASTS = {"body": "::jsonb", "transcript": "::jsonb", "client": "::jsonb", "token_id": "::uuid"}
ROW = f"({', '.join('%s' + CASTS.get(name, '') for name in COLUMNS)}, clock_timestamp())"
# Plain rows and no arrays: to write an event's body into an array costs more than all else in the statement.
INSERT = f"""
INSERT INTO runs_capturedevent ({", ".join(COLUMNS)}, received_at) VALUES {{rows}}
ON CONFLICT (project_id, ingest_key) DO NOTHING RETURNING project_id, ingest_key
"""


def _insert(caller: Caller, events: list[_Event], client: Client) -> set[tuple[int, str]]:
    """Store the events; answers the addresses of those that are new. One statement, so all of them or none."""
    if not events:
        return set()
    # In one order for all: two requests with the same events wait for each other's keys and never cross.
    rows = sorted((_row(event) for event in events), key=lambda row: row[:2])
    told = json.dumps(mask_all(client.told)[0])
    sender = (told, caller.token_id, caller.member_id, caller.name[:NAME_LENGTH])
    with connection.cursor() as cursor:
        cursor.execute(
            INSERT.format(rows=", ".join([ROW] * len(rows))), [value for row in rows for value in (*row, *sender)]
        )
        return {(project_id, key) for project_id, key in cursor.fetchall()}


def _row(event: _Event) -> tuple[Any, ...]:
    """An event's values in the order of COLUMNS, its body masked and then cut."""
    masked, count = mask_all(event.body)
    parts, count_in_tails = mask_all([tail.kept for tail in event.tails])
    return (
        event.project_id,
        event.ingest_key,
        event.session_id,
        event.kind.value,
        event.name,
        event.agent,
        event.machine,
        event.cwd,
        event.branch,
        _json(cut_body(masked)),
        _json(parts) if parts else None,
        count + count_in_tails,
        event.at,
        event.sequence,
        event.outcome.value,
    )


def _json(value: Any) -> str:
    """JSON that PostgreSQL takes: without NUL, halves of surrogate pairs, and numbers that are none."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        if "\\u0000" not in text:
            text.encode()
            return text
    except ValueError:
        pass
    return json.dumps(_storable(value), ensure_ascii=False)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_storable(name): _storable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_storable(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
