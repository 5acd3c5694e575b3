"""The spool: one small file an event, kept until the portal has taken it."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from zikra_client.events import Event
from zikra_client.places import make_private, path_of, read_json, write_private
from zikra_client.projects import Place

FILES_AT_MOST = 10_000
SECONDS_AT_MOST = 7 * 24 * 3600
UNQUOTED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")
_counter = itertools.count()


def directory() -> str:
    """Where events wait."""
    return path_of("spool")


def keep(event: Event, place: Place) -> str:
    """Write an event into the spool, on the disk before this returns; answers the file's path."""
    words = {
        "event": event.name,
        "agent": event.agent,
        "cwd": event.directory,
        "project": place.project,
        "repository": place.repository,
        "branch": place.branch,
        "session_id": event.session_id,
        "ingest_key": event.key,
        "at": str(event.at),
        # Two events of one millisecond: which one was kept first.
        "seq": str(time.monotonic_ns()),
    }
    url = "/hook?" + "&".join(f"{name}={_in_a_query(value)}" for name, value in words.items() if value)
    name = f"{event.at:013d}-{os.getpid()}-{next(_counter):04d}.json"
    path = os.path.join(directory(), name)
    # Half a character in an agent's text becomes \udXXX here; the portal is told what JSON can say.
    write_private(path, json.dumps({"url": url, "body": event.body}, separators=(",", ":")), durable=True)
    return path


def _in_a_query(text: str) -> str:
    """A value of a query. The standard library's way takes longer to import than all the rest of a hook's work."""
    raw = text.encode("utf-8", errors="replace")
    return "".join(chr(byte) if byte in UNQUOTED else f"%{byte:02X}" for byte in raw)


def waiting() -> list[str]:
    """Names of the events that wait, in their order."""
    try:
        names = os.listdir(directory())
    except OSError:
        return []
    return sorted(name for name in names if name.endswith(".json") and not name.startswith("."))


def backlog() -> tuple[int, int]:
    """How many events wait, and for how many seconds the oldest has."""
    names = waiting()
    age = max(0, int(time.time() - _moment(names[0]) / 1000)) if names else 0
    return len(names), age


def drop_oldest(now: float | None = None) -> int:
    """Let go what is too old or too much, oldest first; answers how many, and adds them to what `doctor` tells."""
    names = waiting()
    oldest_kept = int(((time.time() if now is None else now) - SECONDS_AT_MOST) * 1000)
    gone = [name for name in names if _moment(name) < oldest_kept]
    gone += [name for name in names if name not in set(gone)][: max(0, len(names) - len(gone) - FILES_AT_MOST)]
    for name in gone:
        remove(name)
    if gone:
        note(dropped=int(state().get("dropped", 0)) + len(gone))
    return len(gone)


def remove(name: str) -> None:
    """Take an event out of the spool; one that is gone already is no matter."""
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(directory(), name))


def state() -> dict[str, Any]:
    """What the sender last noted: `problem`, `at`, `dropped`, `sent_at`."""
    return read_json(path_of("sender.json"))


def note(**changes: Any) -> None:
    """Note something for `doctor` and `status`."""
    write_private(path_of("sender.json"), json.dumps({**state(), **changes}))


@contextmanager
def only_sender() -> Iterator[bool]:
    """Whether this process is the one that sends now; the lock goes with the process."""
    make_private(directory())
    with open(path_of("sender.lock"), "a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def _moment(name: str) -> int:
    first = name.partition("-")[0]
    return int(first) if first.isdigit() else 0
