"""What an agent's hook runs: keep the event, send it behind the agent's back, say what the agent expects. Never fails.

Called as `hook AGENT [EVENT]` with the agent's JSON on standard input. Nothing here may slow or break the agent: every
way out ends with exit code 0.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from contextlib import suppress
from typing import Any, NoReturn

from zikra_client import places, spool
from zikra_client.ending import leave
from zikra_client.events import ENDS_A_TURN, Event, directory_of, event_name, read_event, session_of
from zikra_client.projects import Place, place_of

INPUT_BYTES = 64 * 1024 * 1024
# Masking so much takes longer than a hook may: a process of its own does it.
QUICK_BYTES = 128 * 1024
# A session's start waits so long for its context; config.json may name other `context_seconds`, for a slow line.
CONTEXT_SECONDS = 1.0
# Agents cut longer contexts without a word.
CONTEXT_CHARACTERS = 10_000
BRIEFING_TOKENS = 2_400
# So many locks for all sessions: those of a machine seldom meet.
TURNS = 64


def run(arguments: list[str]) -> NoReturn:
    """Handle one event, and end."""
    leave(main(arguments))


def main(arguments: list[str]) -> int:
    """Handle one event; answers 0 whatever happens."""
    try:
        if os.environ.get("ZIKRA_OFF"):
            return 0
        agent = arguments[0] if arguments else "other"
        raw = sys.stdin.buffer.read(INPUT_BYTES)
        payload = json.loads(raw) if raw.strip() else {}
        if isinstance(payload, dict):
            _handle(agent, arguments[1] if len(arguments) > 1 else "", payload, len(raw))
    except Exception as error:  # an agent must never see a failure of ours
        _note_failure(error)
    return 0


def _handle(agent: str, word: str, payload: dict[str, Any], size: int) -> None:
    name = event_name(word or str(payload.get("hook_event_name") or ""))
    now_ms = int(time.time() * 1000)
    known = places.settings()
    place = place_of(directory_of(payload), str(known.get("project") or ""))
    if place.server and place.server.rstrip("/") != str(known.get("server", "")).rstrip("/"):
        # This directory's work belongs to another portal. Its address comes from a repository that anybody may have
        # written, so the token is not sent there.
        return
    if place.leaves_out(directory_of(payload)) or place.leaves_out(_file_of(payload)):
        return
    if name == "session-end" and _is_no_session(payload):
        return
    _note_seen(agent)
    if name in ENDS_A_TURN or size > QUICK_BYTES:
        # Reading the transcript, or masking a flood, happens behind the agent's back.
        turn = _take_turn(session_of(payload))
        if _is_child():
            _wait_for_turn(turn)
            _keep(agent, word, payload, place, now_ms)
            os.close(turn)
            _send()
        return
    event = read_event(agent, word, payload, now_ms=now_ms)
    spool.keep(event, place)
    if name == "session-start":
        if event.session_id:
            _note_session(event.session_id)
        _say_context(event, payload, place)
    if _is_child():
        _send()


def _note_session(session_id: str) -> None:
    """Remember that the session's beginning was told."""
    path = places.marks_of(session_id)
    places.make_private(os.path.dirname(path))
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, places.PRIVATE_FILE))


def _is_no_session(payload: dict[str, Any]) -> bool:
    """Whether this is the end of something that never began: Claude Code tells one after `claude mcp list` and its like,
    with the name of a transcript that nobody wrote."""
    transcript = payload.get("transcript_path")
    if not isinstance(transcript, str) or not transcript or os.path.exists(transcript):
        return False
    return not os.path.exists(places.marks_of(session_of(payload)))


def _take_turn(session_id: str) -> int:
    """A lock that a session's events hold until they are in the spool, so that its end is never there before its last
    stop. Taken here and kept by the process behind; where an earlier event still has it, that process waits."""
    places.make_private(places.home())
    path = places.path_of(f"turn-{sum(session_id.encode('utf-8', errors='replace')) % TURNS}.lock")
    turn = os.open(path, os.O_WRONLY | os.O_CREAT, places.PRIVATE_FILE)
    with suppress(OSError):
        fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return turn


def _wait_for_turn(turn: int) -> None:
    fcntl.flock(turn, fcntl.LOCK_EX)


def _keep(agent: str, word: str, payload: dict[str, Any], place: Place, now_ms: int) -> None:
    from zikra_client.transcripts import usage_since_last_time, usage_told

    messages = payload.pop("zikra_messages", None)
    event = read_event(agent, word, payload, now_ms=now_ms)
    if event.name in ENDS_A_TURN:
        parts = usage_since_last_time(event.agent, session_of(payload), str(payload.get("transcript_path") or ""))
        parts += usage_told(event.agent, event.session_id, messages)
        if parts:
            event.body["zikra_transcript"] = parts
    spool.keep(event, place)


def _send() -> None:
    from zikra_client.sending import send_waiting

    send_waiting()


def _is_child() -> bool:
    """Split off a process that outlives the agent; true in it. It ends itself when its work is done."""
    sys.stdout.flush()
    if os.fork():
        return False
    os.setsid()
    # The agent waits until nobody holds its pipes any more.
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    return True


def _say_context(event: Event, payload: dict[str, Any], place: Place) -> None:
    """Print what the last session left, in the form that the agent hands to its model."""
    from urllib.parse import urlencode

    from zikra_client.sending import ask

    words = {
        "agent": event.agent,
        "cwd": event.directory,
        "session_id": event.session_id,
        "project": place.project,
        "repository": place.repository,
        "source": str(payload.get("source") or "startup"),
        "briefing": "true",
        "briefing_budget": str(BRIEFING_TOKENS),
    }
    seconds = places.settings().get("context_seconds")
    timeout = float(seconds) if isinstance(seconds, (int, float)) and 0 < seconds <= 9 else CONTEXT_SECONDS
    answer = ask("GET", f"/handoff?{urlencode(words, errors='replace')}", timeout=timeout)
    text = answer.body.strip()[:CONTEXT_CHARACTERS] if answer.status == 200 else ""
    if not text:
        return
    if event.agent == "cursor":
        print(json.dumps({"additional_context": text}))  # noqa: T201
        return
    told = {"hookEventName": "SessionStart", "additionalContext": text}
    print(json.dumps({"hookSpecificOutput": told}))  # noqa: T201


def _file_of(payload: dict[str, Any]) -> str:
    """The file that a tool worked on, where the event tells one."""
    tool_input = payload.get("tool_input")
    if not isinstance(tool_input, dict):
        return ""
    return str(tool_input.get("file_path") or tool_input.get("path") or tool_input.get("notebook_path") or "")


def _note_seen(agent: str) -> None:
    """For `doctor`: that this agent runs our hooks, and when it last did."""
    path = places.path_of(
        "seen", "".join(letter for letter in agent if letter.isalnum() or letter == "-")[:40] or "other"
    )
    places.make_private(os.path.dirname(path))
    with open(path, "a", encoding="utf-8"):
        os.utime(path)


def _note_failure(error: Exception) -> None:
    """For `doctor`: what went wrong last. A disk that is full tells nobody."""
    try:
        spool.note(hook_problem=f"{type(error).__name__}: {error}"[:500])
    except Exception:
        return
