"""Checkpoints and pinned facts: what a session must still know after its context was compacted."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from access.callers import Caller
from access.errors import Conflict, NotFound
from access.masking import mask
from access.models import Project
from runs.capture.digest import Digest
from runs.models import NAME_LENGTH, SUMMARY_LENGTH, Checkpoint, PinnedFact, Run
from runs.texts import bounded, entries, person_of, problem_with, require_write
from runs.visibility import is_own

FILES_AT_MOST = 200
PATH_LENGTH = 1000
REASON_LENGTH = 500
FACT_LENGTH = 1000
# They come back whole, into a context that was compacted because it was full.
FACTS_AT_MOST = 50


@dataclass(frozen=True)
class Restored:
    """What a session gets back: its newest checkpoint, None without one, and the facts that hold for it."""

    checkpoint: Checkpoint | None
    facts: list[PinnedFact] = field(default_factory=list)


def keep_checkpoint(
    caller: Caller,
    project: Project,
    session_id: str,
    *,
    task: str = "",
    files: Iterable[str] = (),
    decisions: Iterable[str] = (),
    errors: Iterable[str] = (),
    next_steps: Iterable[str] = (),
    agent: str = "",
) -> Checkpoint:
    """Keep what a session knows now. Secrets are masked.

    Raises Invalid without a session, for a checkpoint that says nothing and for over-long texts, Conflict for another
    person's session, OutOfScope.
    """
    session = _own_session(caller, project, session_id)
    told = {
        "task": bounded("task", task, SUMMARY_LENGTH),
        "files": entries("files", files, most=FILES_AT_MOST, length=PATH_LENGTH),
        "decisions": entries("decisions", decisions),
        "errors": entries("errors", errors),
        "next_steps": entries("next_steps", next_steps),
    }
    if not any(told.values()):
        raise problem_with("task", "a checkpoint tells at least the task, a file, a decision, an error or a next step.")
    return Checkpoint.objects.create(
        project=project,
        session_id=session,
        agent=bounded("agent", agent, NAME_LENGTH),
        member_id=caller.member_id,
        person=person_of(caller),
        **told,
    )


def keep_automatic(run: Run, digest: Digest) -> Checkpoint:
    """Keep what the captured events of a session tell, before its context is compacted; the former one is replaced."""
    task = "\n".join(text for _, text in digest.prompts[-3:])
    told = {
        "task": mask(task).text[:SUMMARY_LENGTH],
        "files": digest.files[:FILES_AT_MOST],
        "decisions": digest.decisions(),
        "errors": [f"{what}: {problem}"[:SUMMARY_LENGTH] for _, what, problem in digest.failures[-10:]],
        "next_steps": digest.next_steps(),
        "agent": run.agent,
        "member_id": run.member_id,
        "person": run.person,
        "created_at": timezone.now(),
    }
    kept, _made = Checkpoint.objects.update_or_create(
        project_id=run.project_id, session_id=run.session_id, is_automatic=True, defaults=told
    )
    return kept


def restore(caller: Caller, project: Project, session_id: str) -> Restored:
    """What a session gets back after a compaction. Empty where nothing was kept. Raises as keep_checkpoint does."""
    session = _own_session(caller, project, session_id)
    kept = Checkpoint.objects.filter(project=project, session_id=session).order_by("-created_at").first()
    return Restored(kept, facts_of(project, session))


def facts_of(project: Project, session_id: str = "") -> list[PinnedFact]:
    """Facts that hold in a session of a project, the oldest first; without a session, those of the whole project."""
    return list(PinnedFact.objects.holding(project.pk, session_id))


def pin_fact(caller: Caller, project: Project, fact: str, *, reason: str = "", session_id: str = "") -> PinnedFact:
    """Pin a fact, with the reason why it matters: it survives every compaction whole.

    session_id: holds in that session only; without it, in every session of the project. The same fact pinned again
    stays one, with the newer reason. Raises Invalid for a blank or over-long fact, Conflict for more than 50 of them.
    """
    require_write(caller, project)
    words = bounded("fact", fact, FACT_LENGTH)
    if not words:
        raise problem_with("fact", "must not be blank.")
    session = _own_session(caller, project, session_id) if session_id.strip() else ""
    why = bounded("reason", reason, REASON_LENGTH)
    with transaction.atomic():
        # Two that pin the same fact at once would make two of it.
        Project.objects.select_for_update(no_key=True).filter(pk=project.pk).first()
        holding = PinnedFact.objects.filter(project=project, session_id=session, released_at=None)
        known = holding.filter(fact=words).first()
        if known is not None:
            known.reason = why or known.reason
            known.save(update_fields=["reason"])
            return known
        if holding.count() >= FACTS_AT_MOST:
            raise Conflict(f"{FACTS_AT_MOST} facts are pinned here already.", hint="Release one first.")
        return PinnedFact.objects.create(
            project=project,
            session_id=session,
            fact=words,
            reason=why,
            member_id=caller.member_id,
            person=person_of(caller),
        )


def release_fact(caller: Caller, project: Project, fact: str, *, session_id: str = "") -> PinnedFact:
    """Unpin a fact, named by its text. Raises NotFound when it is not pinned there."""
    require_write(caller, project)
    holding = PinnedFact.objects.filter(project=project, session_id=session_id.strip(), released_at=None)
    with transaction.atomic():
        known = holding.filter(fact=bounded("fact", fact, FACT_LENGTH)).select_for_update().first()
        if known is None:
            raise NotFound("Pinned fact not found")
        known.released_at = timezone.now()
        known.save(update_fields=["released_at"])
        return known


# --- parts -----------------------------------------------------------------------------------------------------------


def _own_session(caller: Caller, project: Project, session_id: str) -> str:
    """The session's id, when it is the caller's or nobody's yet."""
    require_write(caller, project)
    session = session_id.strip()
    if not session or len(session) > NAME_LENGTH:
        raise problem_with("session_id", f"is required, with at most {NAME_LENGTH} characters.")
    run = Run.objects.filter(project=project, session_id=session).first()
    if run is not None and not is_own(caller, run):
        raise Conflict(f"The session '{session}' is somebody else's.", hint="Use your own session's id.")
    newest = Checkpoint.objects.filter(project=project, session_id=session).order_by("-created_at").first()
    if (
        run is None
        and newest is not None
        and (newest.member_id, newest.person) != (caller.member_id, person_of(caller))
    ):
        raise Conflict(f"The session '{session}' is somebody else's.", hint="Use your own session's id.")
    return session
