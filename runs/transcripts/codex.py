"""Codex's transcripts: `sessions/<year>/<month>/<day>/rollout-<time>-<thread>.jsonl`, one file for each thread.

`token_count` tells the thread's totals so far, so what was used is the difference to the one before. Its input holds
what was read from and written to the cache, its output what was thought. A fork or a subagent starts from its parent's
totals, and older versions repeat the parent's `token_count` lines first: none of that was used by the child.
"""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from runs.tokens import TokenCounts
from runs.transcripts import (
    EARLIEST,
    PROMPT_READ,
    Lines,
    Session,
    count_of,
    inside,
    key_of,
    moment_of,
    opening,
    part_of,
    text_of,
)

AGENT = "codex"
# A child repeats its parent's story at once, with the old times or those of its birth. Where the parent is known, what
# both tell is a repetition only so soon: later their totals may meet by chance. Of an unknown parent everything so soon
# is one, because no model answers within a second.
REPEATING = timedelta(seconds=10)
REPEATING_UNKNOWN = timedelta(seconds=1)
PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+)$", re.MULTILINE)
# What the program itself sends in a person's name.
NOT_TYPED = ("<", "# AGENTS.md")


class Thread(NamedTuple):
    """What the first line of a rollout tells. session_id: that of the thread it began with, for subagents too."""

    thread_id: str
    session_id: str
    parent_id: str
    born_at: datetime | None


def thread_of(record: Any) -> Thread | None:
    """The thread that a `session_meta` line tells of, or None for another line."""
    meta = part_of(record, "payload")
    name = text_of(meta.get("id"))
    if not isinstance(record, dict) or record.get("type") != "session_meta" or not name:
        return None
    spawn = part_of(part_of(part_of(meta, "source"), "subagent"), "thread_spawn")
    parents = (meta.get("forked_from_id"), meta.get("parent_thread_id"), spawn.get("parent_thread_id"))
    return Thread(
        thread_id=name,
        session_id=text_of(meta.get("session_id")) or name,
        parent_id=next((parent for parent in map(text_of, parents) if parent and parent != name), ""),
        born_at=moment_of(meta.get("timestamp")) or moment_of(record.get("timestamp")),
    )


def read(lines: Iterable[str | bytes], *, thread_id: str = "", parent: Container[int] | None = None) -> Session:
    """The facts of one thread from its lines, in any order and however often repeated.

    thread_id: which thread it is; without it, the first one that a line names. parent: `keys` of the thread that it
    goes on from, where those are known. Never raises for what the lines hold.
    """
    source = Lines(lines)
    reading = _Reading(thread_id)
    for record in source:
        reading.take(record)
    return reading.session(source, parent)


class _Totals(NamedTuple):
    """The counters as Codex tells them; they overlap. written: None where this version does not tell it."""

    given: int
    cached: int
    written: int | None
    output: int

    @classmethod
    def told(cls, usage: Any) -> "_Totals | None":
        if not isinstance(usage, dict):
            return None
        given, output = count_of(usage.get("input_tokens")), count_of(usage.get("output_tokens"))
        if given is None or output is None:
            return None
        cached = count_of(usage.get("cached_input_tokens"))
        return cls(given, cached or 0, count_of(usage.get("cache_write_input_tokens")), output)

    def since(self, before: "_Totals") -> "_Totals":
        written = None if self.written is None else self.written - (before.written or 0)
        return _Totals(self.given - before.given, self.cached - before.cached, written, self.output - before.output)

    @property
    def has_fallen(self) -> bool:
        return min(self.given, self.cached, self.written or 0, self.output) < 0

    @property
    def key(self) -> int:
        return key_of("totals", *map(str, self))

    def disjoint(self) -> TokenCounts:
        cached = min(self.cached, self.given)
        written = None if self.written is None else min(self.written, self.given - cached)
        return TokenCounts(
            tokens_input=self.given - cached - (written or 0),
            tokens_output=self.output,
            tokens_cache_read=cached,
            tokens_cache_write_5m=written,
        )


class _Step(NamedTuple):
    """A place in the thread's story; what has the same time is told apart by its number, then by its totals."""

    at: datetime
    ordinal: int
    size: int
    model: str
    totals: _Totals | None
    last: _Totals | None


@dataclass
class _Reading:
    """What has been seen so far."""

    thread_id: str
    threads: dict[str, tuple[Thread, dict[str, Any]]] = field(default_factory=dict)
    steps: set[_Step] = field(default_factory=set)
    times: list[datetime] = field(default_factory=list)
    cwds: set[tuple[datetime, str]] = field(default_factory=set)
    prompt: tuple[int, datetime, str] | None = None
    patches: dict[str, set[str]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)

    def take(self, record: dict[str, Any]) -> None:
        """Take one line."""
        thread, payload = thread_of(record), part_of(record, "payload")
        if thread is not None:
            self.threads.setdefault(thread.thread_id, (thread, payload))
            self.thread_id = self.thread_id or thread.thread_id
        at = moment_of(record.get("timestamp"))
        if at is not None and payload:
            self.times = [min([*self.times, at]), max([*self.times, at])]
        kind = record.get("type")
        if kind == "turn_context":
            self._take_turn(record, payload, at or EARLIEST)
        elif kind == "event_msg":
            self._take_event(record, payload, at or EARLIEST)
        elif kind == "response_item":
            self._take_item(payload, at or EARLIEST)

    def _take_turn(self, record: dict[str, Any], payload: dict[str, Any], at: datetime) -> None:
        model, cwd = text_of(payload.get("model")), text_of(payload.get("cwd"))
        if model:
            self.steps.add(_Step(at, _ordinal(record), -1, model, None, None))
        if cwd:
            self.cwds.add((at, cwd))

    def _take_event(self, record: dict[str, Any], payload: dict[str, Any], at: datetime) -> None:
        kind, item = payload.get("type"), part_of(payload, "item")
        if kind == "token_count":
            info = part_of(payload, "info")
            totals, last = _Totals.told(info.get("total_token_usage")), _Totals.told(info.get("last_token_usage"))
            if totals is not None:
                self.steps.add(_Step(at, _ordinal(record), totals.given + totals.output, "", totals, last))
        elif kind == "user_message":
            self._take_prompt(0, at, [payload.get("message")])
        elif kind == "patch_apply_end" and payload.get("success") is True:
            self.files |= _paths(payload.get("changes"))
        elif kind == "item_completed" and item.get("type") == "UserMessage":
            self._take_prompt(0, at, _texts(item))
        elif kind == "item_completed" and item.get("type") == "FileChange" and item.get("status") == "completed":
            self.files |= _paths(item.get("changes"))

    def _take_item(self, payload: dict[str, Any], at: datetime) -> None:
        kind, call = payload.get("type"), text_of(payload.get("call_id"))
        if kind == "message" and payload.get("role") == "user":
            self._take_prompt(1, at, _texts(payload))
        elif kind == "custom_tool_call" and payload.get("name") == "apply_patch":
            self.patches[call] = {path.strip() for path in PATCHED.findall(text_of(payload.get("input")))}
        elif kind == "custom_tool_call_output" and "Success" in str(payload.get("output"))[:400]:
            self.done.add(call)

    def _take_prompt(self, rank: int, at: datetime, texts: Iterable[Any]) -> None:
        """rank: 0 for what the program calls a person's words, 1 for what it sent to the model as such."""
        for text in map(text_of, texts):
            if text and not (rank and text.startswith(NOT_TYPED)):
                told = (rank, at, text[:PROMPT_READ])
                self.prompt = min(self.prompt or told, told)
                break

    def session(self, source: Lines, parent: Container[int] | None) -> Session:
        """What it comes to."""
        thread, meta = self.threads.get(self.thread_id, (None, {}))
        born_at = thread.born_at if thread and thread.parent_id else None
        story = sorted(self.steps, key=lambda step: (*step[:4], str(step[4:])))
        git, cwd = part_of(meta, "git"), text_of(meta.get("cwd")) or min(self.cwds, default=(None, ""))[1]
        files = self.files | {path for call in self.done for path in self.patches.get(call, ())}
        return Session(
            agent=AGENT,
            session_id=thread.session_id if thread else "",
            started_at=born_at or min(filter(None, (thread and thread.born_at, *self.times[:1])), default=None),
            last_at=self.times[1] if self.times else None,
            cwd=cwd,
            branch=text_of(git.get("branch")),
            repository=text_of(git.get("repository_url")),
            first_prompt=opening(self.prompt[2]) if self.prompt else "",
            files_modified=tuple(sorted(inside(path, cwd) for path in files)),
            usage=_used(story, thread, parent),
            keys=frozenset(step.totals.key for step in story if step.totals),
            lines=source.read,
            broken_lines=source.broken,
        )


def _used(story: list[_Step], thread: Thread | None, parent: Container[int] | None) -> dict[str, TokenCounts]:
    """Tokens by model: each step's difference to the one before, or what it says of itself where there is none."""
    usage: dict[str, TokenCounts] = {}
    is_child = thread is not None and bool(thread.parent_id)
    repeating, model, before = is_child, "", None
    for step in story:
        model = step.model or model
        if step.totals is None:
            continue
        repeating = repeating and _is_repeated(step, thread, parent)
        if not repeating:
            used = _difference(step, before, is_child)
            usage[model] = usage.get(model, TokenCounts()) + used.disjoint()
        before = step.totals
    return {model: counts for model, counts in usage.items() if counts.total}


def _is_repeated(step: _Step, thread: Thread | None, parent: Container[int] | None) -> bool:
    """Whether a child's step is its parent's, told again."""
    born_at = thread.born_at if thread else None
    if born_at is None or step.totals is None:
        return parent is not None and step.totals is not None and step.totals.key in parent
    if parent is None:
        return step.at < born_at + REPEATING_UNKNOWN
    return step.at < born_at or (step.at < born_at + REPEATING and step.totals.key in parent)


def _difference(step: _Step, before: _Totals | None, is_child: bool) -> _Totals:
    totals = step.totals or _Totals(0, 0, None, 0)
    alone = totals if step.last is None or totals.since(step.last).has_fallen else step.last
    if before is None:
        return alone if is_child else totals
    used = totals.since(before)
    # Counters that fell were started anew.
    return alone if used.has_fallen else used


def _ordinal(record: dict[str, Any]) -> int:
    return count_of(record.get("ordinal")) or 0


def _texts(item: dict[str, Any]) -> Iterator[Any]:
    content = item.get("content")
    if isinstance(content, list):
        yield from (part.get("text") for part in content if isinstance(part, dict))


def _paths(changes: Any) -> set[str]:
    """The paths of a change: the names of an object, or the `path` of each in a list."""
    if isinstance(changes, dict):
        return {text_of(path) for path in changes} - {""}
    if isinstance(changes, list):
        return {text_of(change.get("path")) for change in changes if isinstance(change, dict)} - {""}
    return set()
