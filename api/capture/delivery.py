"""What a session is told at its start: a handoff, or what its compaction left out, and the team's memory beside it."""

from uuid import UUID

from access.callers import Caller
from access.errors import OutOfScope
from access.models import GLOBAL_PROJECT, Project
from access.roles import Role
from api.session_texts import MOST_TOKENS, handoff_text, restored_text, with_facts
from api.uses import note_given
from memories.models import UseKind
from requirements_pipeline.context import CHARACTERS_PER_TOKEN, DEFAULT_TOKENS, context_for
from runs import checkpoints, handoffs
from runs.capture.keeping import project_meant
from runs.reading import own_run

DEFAULT_BRIEFING = 2 * DEFAULT_TOKENS
# Starts of a session whose context the agent has just cut or loaded again.
RETURNING = frozenset({"compact", "resume"})


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
            told = with_facts(told, checkpoints.facts_of(project, session_id))
    if not is_briefed:
        return told
    run = own_run(caller, None, session_id) if session_id else None
    return "\n".join(filter(None, (told, _briefing(caller, project.name, room - len(told), run.pk if run else None))))


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
