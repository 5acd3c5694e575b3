"""Handoffs, checkpoints and pinned facts as Markdown for a model's eyes.

All of it was written by people or by agents, so it stands inside the fence that says so, and no line of it can close
that fence or pass for a heading of ours.
"""

from collections.abc import Iterable

from requirements_pipeline.context import CHARACTERS_PER_TOKEN, CLOSING, OPENING, harmless
from runs.checkpoints import Restored
from runs.models import Checkpoint, Handoff, PinnedFact

MOST_TOKENS = 100_000
FILES_SHOWN = 50


def handoff_text(handoff: Handoff, room: int = MOST_TOKENS * CHARACTERS_PER_TOKEN) -> str:
    """A handoff as Markdown inside the fence, in at most so many characters: what does not fit is left out from the end."""
    who = " · ".join(filter(None, (handoff.from_agent, handoff.from_person)))
    lines = [
        f"\n## Handoff: where the last session left off ({harmless(who)}, {handoff.created_at:%Y-%m-%d %H:%M} UTC)\n",
        *([f"Directory: {harmless(handoff.cwd)}\n"] if handoff.cwd else []),
        *_quoted(handoff.summary),
        *_listed("Next steps", handoff.next_steps),
        *_listed("Open questions", handoff.open_questions),
        *_listed("Files touched", handoff.files_touched[:FILES_SHOWN]),
    ]
    return _fenced(lines, room)


def restored_text(restored: Restored) -> str:
    """What a session gets back after its context was cut, as Markdown inside the fence; "" for nothing."""
    lines = [*_checkpoint_lines(restored.checkpoint), *_fact_lines(restored.facts)]
    return _fenced(lines, MOST_TOKENS * CHARACTERS_PER_TOKEN) if lines else ""


def with_facts(told: str, facts: list[PinnedFact]) -> str:
    """A fenced text (or "") with the facts at its end, inside the fence."""
    if not facts:
        return told
    lines = _fact_lines(facts)
    return told.removesuffix(CLOSING) + "".join(lines) + CLOSING if told else OPENING + "".join(lines) + CLOSING


def _checkpoint_lines(kept: Checkpoint | None) -> list[str]:
    if kept is None:
        return []
    return [
        f"\n## Checkpoint: where this session stood at {kept.created_at:%Y-%m-%d %H:%M} UTC\n",
        *_quoted(kept.task),
        *_listed("Decisions", kept.decisions),
        *_listed("Next steps", kept.next_steps),
        *_listed("Errors", kept.errors),
        *_listed("Files", kept.files[:FILES_SHOWN]),
    ]


def _fact_lines(facts: Iterable[PinnedFact]) -> list[str]:
    lines = [
        f"- {harmless(fact.fact)}{f' (because: {harmless(fact.reason)})' if fact.reason else ''}\n" for fact in facts
    ]
    return ["\n## Pinned facts\n", *lines] if lines else []


def _quoted(text: str) -> list[str]:
    return [f"> {line}\n" for line in map(harmless, text.splitlines()) if line]


def _listed(heading: str, entries: Iterable[str]) -> list[str]:
    lines = [f"- {line}\n" for line in map(harmless, entries) if line]
    return [f"\n### {heading}\n", *lines] if lines else []


def _fenced(lines: list[str], room: int) -> str:
    """The lines inside the fence, as many from the first on as fit."""
    left = room - len(OPENING) - len(CLOSING)
    kept: list[str] = []
    for line in lines:
        if len(line) > left:
            break
        kept.append(line)
        left -= len(line)
    return OPENING + "".join(kept) + CLOSING if kept else ""
