"""What the events of a session add up to: what was asked, what was used and changed, what failed, what is left.

A digest is a JSON object that grows with each event, whatever order they come in, so that a page, a handoff or a
checkpoint is written without reading a long session again.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Self

from runs.capture import hooks
from runs.models import CapturedEvent, CapturedKind
from runs.transcripts import inside, opening

TITLE_LENGTH = 80
PROMPTS_KEPT = 20
PROMPT_LENGTH = 1000
FAILURES_KEPT = 20
FAILURE_LENGTH = 400
FILES_KEPT = 200
TOOLS_KEPT = 100
LAST_WORDS_LENGTH = 4000
ENTRY_LENGTH = 300
QUESTIONS_AT_MOST = 10
STEPS_AT_MOST = 20

# Marks of an open task in what an agent says, and headings under which it says what comes next.
OPEN_TASK = re.compile(r"^\s*[-*] \[ \] +(.+)$", re.MULTILINE)
NEXT_HEADING = re.compile(
    r"^\W*(?:next steps?|next|to ?do|remaining(?: work)?|still open|follow-?ups?)\b[^\n]{0,40}$", re.IGNORECASE
)
LIST_ENTRY = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+(.+)$")
SENTENCE = re.compile(r"[^.!?\n]{3,400}\?(?=\s|$|[*_\"'`)])")
DECIDED = re.compile(
    r"[^.!?\n]*\b(?:decided|we will use|we use|chose|agreed|settled on|going with|switched to)\b[^.!?\n]*[.!]?",
    re.IGNORECASE,
)


@dataclass
class Digest:
    """What is known of a session's work.

    prompts: [time, text] of the newest ones; first_prompt: the earliest of all. tools: how often each was used.
    failures: [time, what, problem]. last_words: [time, text] of the agent's last answer. todo: [time, entries].
    ended: [time of the last stop or end] to tell whether a prompt was answered.
    """

    prompt_count: int = 0
    tool_count: int = 0
    first_prompt: list[str] = field(default_factory=list)
    prompts: list[list[str]] = field(default_factory=list)
    tools: dict[str, int] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    failures: list[list[str]] = field(default_factory=list)
    last_words: list[str] = field(default_factory=list)
    todo: list[Any] = field(default_factory=list)
    answered: str = ""

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Self:
        """A digest as it was kept; fields that are not known any more are left out."""
        return cls(**{name: kept[name] for name in (part.name for part in fields(cls)) if name in kept})

    @property
    def kept(self) -> dict[str, Any]:
        """As it is kept: JSON values only."""
        return {part.name: getattr(self, part.name) for part in fields(self)}

    @property
    def has_work(self) -> bool:
        """Whether anything was asked or used."""
        return self.prompt_count + self.tool_count > 0

    @property
    def title(self) -> str:
        """What the session was about: the first prompt's beginning, at most 80 characters, "" without one."""
        words = " ".join(self.first_prompt[1].split()) if self.first_prompt else ""
        return words if len(words) <= TITLE_LENGTH else words[: TITLE_LENGTH - 1].rstrip() + "…"

    @property
    def last_state(self) -> str:
        """The agent's last answer, "" where its hooks tell none."""
        return self.last_words[1] if self.last_words else ""

    def take(self, event: CapturedEvent) -> None:
        """Take one event in."""
        at = event.at.isoformat()
        kind, body = event.kind, event.body if isinstance(event.body, dict) else {}
        if kind == CapturedKind.USER_PROMPT:
            self._take_prompt(at, hooks.prompt_of(body))
        elif kind == CapturedKind.POST_TOOL_USE:
            self._take_tool(at, hooks.tool_use_of(body, event.name), event.cwd)
        elif kind in (CapturedKind.STOP, CapturedKind.SESSION_END):
            self.answered = max(self.answered, at)
        said = hooks.last_words_of(body) or _said_in(event.transcript)
        if said and kind != CapturedKind.USER_PROMPT:
            self.last_words = max(self.last_words, [at, said[:LAST_WORDS_LENGTH]])

    def take_files(self, paths: Iterable[str]) -> None:
        """Take in files that were changed, as the transcript tells them."""
        self.files = list(dict.fromkeys([*self.files, *(path[:1000] for path in paths)]))[:FILES_KEPT]

    def open_questions(self) -> list[str]:
        """Questions in the agent's last answer, and a last prompt that nothing answered."""
        asked = [" ".join(found.split()).lstrip("-*#> ") for found in SENTENCE.findall(self.last_state)]
        newest = self.prompts[-1] if self.prompts else []
        if newest and newest[0] > self.answered:
            asked.append(f"Not answered: {newest[1]}")
        return list(dict.fromkeys(_short(question) for question in asked if question))[-QUESTIONS_AT_MOST:]

    def next_steps(self) -> list[str]:
        """What the agent's list of tasks still holds, and what its last answer names as next."""
        listed = [*(self.todo[1] if self.todo else []), *OPEN_TASK.findall(self.last_state), *self._named_as_next()]
        return list(dict.fromkeys(_short(step) for step in listed if step.strip()))[:STEPS_AT_MOST]

    def decisions(self) -> list[str]:
        """Sentences of the last answer that tell of a decision."""
        found = (" ".join(sentence.split()) for sentence in DECIDED.findall(self.last_state))
        return list(dict.fromkeys(_short(sentence.lstrip("-*#> ")) for sentence in found if sentence))[:STEPS_AT_MOST]

    def _named_as_next(self) -> Iterable[str]:
        named, is_next = [], False
        for line in self.last_state.splitlines():
            if NEXT_HEADING.match(line):
                is_next = True
            elif entry := LIST_ENTRY.match(line):
                if is_next and not OPEN_TASK.match(line):
                    named.append(entry[1])
            elif line.strip():
                is_next = False
        return named

    def _take_prompt(self, at: str, text: str) -> None:
        if not text:
            return
        self.prompt_count += 1
        told = [at, text[:PROMPT_LENGTH]]
        self.first_prompt = min(self.first_prompt or told, told)
        self.prompts = sorted([*self.prompts, told])[-PROMPTS_KEPT:]

    def _take_tool(self, at: str, use: hooks.ToolUse, cwd: str) -> None:
        self.tool_count += 1
        name = use.name[:60]
        if name in self.tools or len(self.tools) < TOOLS_KEPT:
            self.tools[name] = self.tools.get(name, 0) + 1
        if use.problem:
            what = f"{name}: {use.target}" if use.target else name
            told = [at, _short(what), " ".join(use.problem.split())[-FAILURE_LENGTH:]]
            self.failures = sorted([*self.failures, told])[-FAILURES_KEPT:]
        seen = [inside(path, cwd)[:1000] for path in use.files]
        self.files = list(dict.fromkeys([*self.files, *seen]))[:FILES_KEPT]
        if use.todo:
            self.todo = max(
                self.todo, [at, [_short(entry) for entry in use.todo[:STEPS_AT_MOST]]], key=lambda told: told[:1]
            )


def line_of(event: CapturedEvent) -> tuple[str, str]:
    """An event in a word and a line, for a run's timeline: ("prompt", its beginning) and so on; ("", "") for the rest."""
    body = event.body if isinstance(event.body, dict) else {}
    if event.kind == CapturedKind.USER_PROMPT:
        prompt = hooks.prompt_of(body)
        return ("prompt", opening(prompt)) if prompt else ("", "")
    if event.kind == CapturedKind.POST_TOOL_USE:
        use = hooks.tool_use_of(body, event.name)
        what = f"{use.name}: {use.target}" if use.target else use.name
        return ("error" if use.problem else "tool", opening(what))
    if event.kind == CapturedKind.POST_COMPACTION or (
        event.kind == CapturedKind.SESSION_START and body.get("source") == "compact"
    ):
        return "compacted", ""
    return "", ""


def moment_of_digest(told: list[str]) -> datetime | None:
    """The time of an entry that begins with one."""
    return datetime.fromisoformat(told[0]) if told else None


def _said_in(transcript: Any) -> str:
    parts = transcript if isinstance(transcript, list) else []
    said = [part.get("last_words", "") for part in parts if isinstance(part, dict)]
    return next((text for text in said if text), "")


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= ENTRY_LENGTH else words[: ENTRY_LENGTH - 1].rstrip() + "…"
