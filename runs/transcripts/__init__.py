"""Local transcripts of agents, read without Django and without files: lines go in, facts of a session come out.

A transcript is JSON lines, written while the session runs. What cannot be read (half a line, another program's words,
a field that became something else) is counted and left out; it is never an error.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from access.masking import mask
from runs.tokens import TokenCounts

# No agent wrote transcripts before; an earlier time is a broken clock, a later one than this a broken line.
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
# More than a reader of JSON keeps exactly; what is larger is no count.
LARGEST_COUNT = 2**53
# The beginning of a prompt tells what a session was about; the rest is text that nobody asked to be kept.
PROMPT_LENGTH = 300
# So much of it is looked at.
PROMPT_READ = 20_000


@dataclass(frozen=True)
class Session:
    """What transcripts tell of one session.

    usage: totals by model, "" where no model was named. files_modified: paths, those inside `cwd` relative to it.
    keys: marks of everything that was counted, by which a copy of it in another transcript is known.
    lines, broken_lines: how many were read, and how many of them were not JSON objects.
    """

    agent: str
    session_id: str = ""
    started_at: datetime | None = None
    last_at: datetime | None = None
    cwd: str = ""
    branch: str = ""
    repository: str = ""
    first_prompt: str = ""
    files_modified: tuple[str, ...] = ()
    usage: dict[str, TokenCounts] = field(default_factory=dict)
    keys: frozenset[int] = frozenset()
    lines: int = 0
    broken_lines: int = 0

    @property
    def tokens(self) -> TokenCounts:
        """The sum over its models."""
        return sum(self.usage.values(), TokenCounts())

    def joined(self, other: "Session") -> "Session":
        """Both as one session, such as a thread and one that it started: counts add up, this one's words go first."""
        usage = dict(self.usage)
        for model, counts in other.usage.items():
            usage[model] = usage.get(model, TokenCounts()) + counts
        return replace(
            self,
            session_id=self.session_id or other.session_id,
            started_at=min(filter(None, (self.started_at, other.started_at)), default=None),
            last_at=max(filter(None, (self.last_at, other.last_at)), default=None),
            cwd=self.cwd or other.cwd,
            branch=self.branch or other.branch,
            repository=self.repository or other.repository,
            first_prompt=self.first_prompt or other.first_prompt,
            files_modified=tuple(dict.fromkeys((*self.files_modified, *other.files_modified))),
            usage=usage,
            keys=self.keys | other.keys,
            lines=self.lines + other.lines,
            broken_lines=self.broken_lines + other.broken_lines,
        )


@dataclass
class Lines:
    """The JSON objects of lines, with a tally of what was read."""

    source: Iterable[str | bytes]
    read: int = 0
    broken: int = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Each line's object; blank lines do not count, other lines that hold none count as broken."""
        for line in self.source:
            if not line.strip():
                continue
            self.read += 1
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                record = None
            if isinstance(record, dict):
                yield record
            else:
                self.broken += 1


def text_of(value: Any) -> str:
    """A text that a database takes (no NUL, no half of a pair of surrogates), or "" for anything that is no text."""
    if not isinstance(value, str):
        return ""
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8").strip()


def part_of(record: Any, name: str) -> dict[str, Any]:
    """The object under this name, or an empty one where there is none."""
    part = record.get(name) if isinstance(record, dict) else None
    return part if isinstance(part, dict) else {}


def count_of(value: Any) -> int | None:
    """A count of tokens, or None for anything that is none."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_COUNT:
        return None
    return value


def moment_of(value: Any) -> datetime | None:
    """A time in ISO 8601, in UTC where it names no zone; None for anything else and for times out of all reason."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if EARLIEST <= moment < LATEST else None


def key_of(*parts: str) -> int:
    """A number of 64 bits that stands for these texts: a million of them fit in little memory."""
    joined = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(joined, digest_size=8).digest())


def inside(path: str, directory: str) -> str:
    """The path as seen from the directory when it lies in it, else as it is."""
    base = directory.rstrip("/\\")
    if base and path[: len(base)] == base and path[len(base) : len(base) + 1] in ("/", "\\"):
        return path[len(base) + 1 :] or path
    return path


def opening(text: str) -> str:
    """The beginning of a prompt on one line, its secrets masked before it is cut: half a secret looks like none."""
    words = " ".join(mask(text).text.split())
    return words if len(words) <= PROMPT_LENGTH else words[: PROMPT_LENGTH - 1].rstrip() + "…"


# A message as it is counted: its total and its counts, by which two reports of one message are compared, its model, and
# the counts themselves.
CountedMessage = tuple[int, tuple[int, ...], str, TokenCounts]


def usage_by_model(messages: Iterable[CountedMessage]) -> dict[str, TokenCounts]:
    """What messages come to, by model."""
    usage: dict[str, TokenCounts] = {}
    for _, _, model, counts in messages:
        usage[model] = usage.get(model, TokenCounts()) + counts
    return usage


@dataclass
class MessageTally:
    """The usage of messages that may be told several times: of two reports of one message the larger total holds."""

    session_id: str = ""
    messages: dict[int, CountedMessage] = field(default_factory=dict)
    times: list[datetime] = field(default_factory=list)

    def note_time(self, moment: datetime) -> None:
        """Widen the session's span to a moment."""
        self.times = [min([*self.times, moment]), max([*self.times, moment])]

    def count(self, name: str, model: str, counts: TokenCounts) -> None:
        """Count a message by its own name; one without a name or without counts is none."""
        if not counts.is_known or not name:
            return
        weighed = (counts.total, tuple(-1 if count is None else count for count in counts.known()), model)
        key = key_of("message", name)
        if key not in self.messages or weighed > self.messages[key][:3]:
            self.messages[key] = (*weighed, counts)

    def session(self, agent: str, source: Lines) -> Session:
        """What it comes to."""
        return Session(
            agent=agent,
            session_id=self.session_id,
            started_at=self.times[0] if self.times else None,
            last_at=self.times[1] if self.times else None,
            usage=usage_by_model(self.messages.values()),
            keys=frozenset(self.messages),
            lines=source.read,
            broken_lines=source.broken,
        )
