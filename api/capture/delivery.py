"""What a session is told at its start: a handoff, or what its compaction left out, and the team's memory beside it.

All of it was written by others or by agents, so it stands inside the fence that says so, and no line of it can close
that fence or pass for a heading of ours.
"""

from collections.abc import Iterable
from uuid import UUID

from access.callers import Caller
from access.errors import OutOfScope
from access.models import GLOBAL_PROJECT, Project
from access.roles import Role
from api.uses import note_given
from memories.models import UseKind
from requirements_pipeline.context import CHARACTERS_PER_TOKEN, CLOSING, DEFAULT_TOKENS, OPENING, context_for, harmless
from runs import checkpoints, handoffs
from runs.capture.keeping import project_meant
from runs.checkpoints import Restored
from runs.models import Checkpoint, Handoff, PinnedFact
from runs.reading import own_run

MOST_TOKENS = 100_000
DEFAULT_BRIEFING = 2 * DEFAULT_TOKENS
# Starts of a session whose context the agent has just cut or loaded again.
RETURNING = frozenset({"compact", "resume"})
FILES_SHOWN = 50


def text_for_start(caller: Caller, words: dict[str, str]) -> str:
    """The text for a session's start, "" where there is nothing to tell.

    words: agent, cwd, session_id, project, repository, source (compact or resume), briefing ("true"), briefing_budget
    (tokens, characters ÷ 4, over the whole text). Claims the handoff that it tells of. Raises Forbidden for guests,
    OutOfScope for a project that is not the caller's.
    """
    caller.require(Role.COLLABORATOR)
    cwd, session_id = words.get("cwd", "").strip(), words.get("session_id", "").strip()
    project = _project(caller, project_meant(caller, words, cwd))
    is_briefed = words.get("briefing", "").strip().casefold() in ("true", "1", "yes")
    room = _budget(words.get("briefing_budget", "")) * CHARACTERS_PER_TOKEN
    if project is None:
        return _briefing(caller, GLOBAL_PROJECT, room, None) if is_briefed and caller.project_ids is None else ""
    told = _returning(caller, project, words.get("source", ""), session_id)
    if not told and words.get("source", "") != "compact":
        taken = handoffs.claim(caller, project, directory=cwd, session_id=session_id, agent=words.get("agent", ""))
        told = handoff_text(taken, room) if taken is not None else ""
        if is_briefed:
            told = _with_facts(told, checkpoints.facts_of(project, session_id))
    if not is_briefed:
        return told
    run = own_run(caller, None, session_id) if session_id else None
    return "\n".join(filter(None, (told, _briefing(caller, project.name, room - len(told), run.pk if run else None))))


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


def _returning(caller: Caller, project: Project, source: str, session_id: str) -> str:
    if source.strip().casefold() not in RETURNING or not session_id:
        return ""
    return restored_text(checkpoints.restore(caller, project, session_id))


def _project(caller: Caller, name: str) -> Project | None:
    """The project, None where there is none of this name yet. Raises OutOfScope where it is not the caller's."""
    project = Project.objects.named(name)
    if caller.project_ids is not None and name not in caller.project_names:
        raise OutOfScope(list(caller.project_names), name)
    return project


def _budget(told: str) -> int:
    word = told.strip()
    wanted = int(word) if word.isascii() and word.isdigit() and len(word) < 10 else DEFAULT_BRIEFING
    return max(1, min(wanted, MOST_TOKENS))


def _briefing(caller: Caller, project_name: str, room: int, run_id: UUID | None) -> str:
    context = context_for(caller, project_name, max(0, room // CHARACTERS_PER_TOKEN))
    note_given(run_id, context.memory_ids, UseKind.CONTEXT)
    return context.context_md


def _with_facts(told: str, facts: list[PinnedFact]) -> str:
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
