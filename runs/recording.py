"""Recording what agents did: a run finished or updated, and the prompt that it was started from."""

import math
import uuid
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from django.db import transaction
from django.utils import timezone

from access.callers import Caller
from access.errors import Conflict, Invalid, NotFound, OutOfScope
from access.masking import mask
from access.models import Project
from access.roles import Role
from runs.models import NAME_LENGTH, PromptPickup, Run

STATUS_LENGTH = 40
PROMPT_NAME_LENGTH = 500
PATH_LENGTH = 1000
FILES_AT_MOST = 10_000
SUMMARY_BYTES = 1024 * 1024
MOST_TOKENS = 2**63 - 1  # PostgreSQL's bigint
COST_STEP = Decimal("0.000001")
COST_LIMIT = Decimal(10) ** 8  # what 14 digits with 6 decimals hold
# A prompt fetched longer ago was read, not run.
PICKUP_LIFE = timedelta(hours=24)


def log_run(
    caller: Caller,
    project: Project,
    *,
    runner: str = "",
    session_id: str = "",
    run_id: uuid.UUID | None = None,
    prompt_id: uuid.UUID | None = None,
    prompt_name: str = "",
    status: str = "success",
    output_summary: str = "",
    model: str = "",
    tokens_input: int | None = None,
    tokens_output: int | None = None,
    tokens_cache_read: int | None = None,
    tokens_cache_creation: int | None = None,
    cost_usd: Decimal | None = None,
    files_modified: Iterable[str] = (),
    duration_s: float | None = None,
) -> Run:
    """Record a finished run, or finish the one of this run_id or session_id; the same session reported twice is one run.

    What is left out keeps its value, and stays unknown (None, never 0) where nobody told it. cost_usd: US dollars,
    rounded to a millionth. duration_s: seconds. files_modified: paths. Secrets in the summary and the paths are masked.
    Where no prompt is named, the prompt that this runner picked up last in this project is linked, once.
    Raises Invalid for numbers out of range and over-long texts, NotFound for a run that is not in this project and in
    sight, Conflict for a session or run of another person.
    """
    caller.require(Role.COLLABORATOR)
    _require_sight(caller, project)
    told: dict[str, object] = {
        "runner": _bounded("runner", runner, NAME_LENGTH),
        "status": _bounded("status", status.strip() or "success", STATUS_LENGTH),
        "prompt_id": prompt_id,
        "prompt_name": _bounded("prompt_name", prompt_name, PROMPT_NAME_LENGTH),
        "output_summary": mask(_bounded("output_summary", output_summary, SUMMARY_BYTES)).text,
        "model": _bounded("model", model, NAME_LENGTH),
        "tokens_input": _tokens("tokens_input", tokens_input),
        "tokens_output": _tokens("tokens_output", tokens_output),
        "tokens_cache_read": _tokens("tokens_cache_read", tokens_cache_read),
        "tokens_cache_creation": _tokens("tokens_cache_creation", tokens_cache_creation),
        "cost_usd": _cost(cost_usd),
        "files_modified": _paths(files_modified),
        "duration_s": _seconds(duration_s),
    }
    session = _bounded("session_id", session_id, NAME_LENGTH)
    with transaction.atomic():
        run = _opened(caller, project, run_id, session)
        for name, value in told.items():
            if value not in (None, "", []):
                setattr(run, name, value)
        if session and not run.session_id:
            _take_session(run, session)
        run.finished_at = timezone.now()
        if run.prompt_id is None and not run.prompt_name:
            _link_picked_up_prompt(run)
        run.save()
    return run


def pick_up_prompt(caller: Caller, project: Project, runner: str, prompt_id: uuid.UUID, prompt_name: str) -> None:
    """Remember that a runner fetched a prompt, so that its next run in this project is linked to it.

    Does nothing without a runner's name, and for a caller whose role cannot record a run.
    """
    if not runner.strip() or not caller.may(Role.COLLABORATOR):
        return
    _require_sight(caller, project)
    PromptPickup.objects.create(
        project=project,
        runner=_bounded("runner", runner, NAME_LENGTH),
        prompt_id=prompt_id,
        prompt_name=_bounded("prompt_name", prompt_name, PROMPT_NAME_LENGTH),
    )


def _require_sight(caller: Caller, project: Project) -> None:
    if not caller.sees_project(project.pk):
        raise OutOfScope(list(caller.project_names), project.name)


def _opened(caller: Caller, project: Project, run_id: uuid.UUID | None, session: str) -> Run:
    """The run that is meant, locked: by its id, by its session, or a new one."""
    if run_id is not None:
        run = Run.objects.visible_to(caller).filter(pk=run_id, project=project).select_for_update().first()
        if run is None:
            raise NotFound("Run not found")
        return _own(caller, run)
    fresh = Run(
        project=project,
        session_id=session,
        token_id=caller.token_id,
        member_id=caller.member_id,
        reported_by=caller.name[:NAME_LENGTH],
    )
    # Of two reports of one new session at once, the second waits here for the first and then finds its row.
    Run.objects.bulk_create([fresh], ignore_conflicts=True)
    runs = Run.objects.filter(project=project).select_for_update()
    return _own(caller, runs.get(session_id=session) if session else runs.get(pk=fresh.pk))


def _own(caller: Caller, run: Run) -> Run:
    """The run, when it is the caller's: of the same member, or, where tokens belong to nobody, of the same label."""
    mine = (
        (run.member_id == caller.member_id)
        if run.member_id or caller.member_id
        else (run.reported_by == caller.name[:NAME_LENGTH])
    )
    if not mine:
        what = f"The session '{run.session_id}'" if run.session_id else "This run"
        raise Conflict(f"{what} was reported by somebody else.", hint="Report your own session under an id of its own.")
    return run


def _take_session(run: Run, session: str) -> None:
    """Give a run that had none its session's id, unless another run of the project has it."""
    if Run.objects.filter(project_id=run.project_id, session_id=session).exclude(pk=run.pk).exists():
        raise Conflict(f"The session '{session}' belongs to another run.", hint="Send run_id or session_id, not both.")
    run.session_id = session


def _link_picked_up_prompt(run: Run) -> None:
    """Take the newest open pickup of the run's runner. Locked ones are being taken by others at this moment."""
    if not run.runner:
        return
    pickup = (
        PromptPickup.objects.open_for(run.project_id, run.runner, since=timezone.now() - PICKUP_LIFE)
        .select_for_update(skip_locked=True)
        .first()
    )
    if pickup is None:
        return
    run.prompt_id, run.prompt_name = pickup.prompt_id, pickup.prompt_name
    pickup.run = run
    pickup.save(update_fields=["run"])


def _problem(field: str, problem: str) -> Invalid:
    return Invalid(f"{field}: {problem}", fields={field: [problem]})


def _bounded(field: str, text: str, limit: int) -> str:
    if "\x00" in text:
        raise _problem(field, "NUL bytes cannot be stored.")
    trimmed = text.strip()
    if len(trimmed) > limit:
        raise _problem(field, f"is {len(trimmed)} characters long; {limit} is the limit.")
    return trimmed


def _tokens(field: str, count: int | None) -> int | None:
    if count is not None and not 0 <= count <= MOST_TOKENS:
        raise _problem(field, f"a count of tokens lies between 0 and {MOST_TOKENS}, not at {count}.")
    return count


def _cost(cost: Decimal | None) -> Decimal | None:
    if cost is None:
        return None
    try:
        rounded = Decimal(cost).quantize(COST_STEP)
    except (InvalidOperation, ValueError, TypeError):
        rounded = Decimal("NaN")
    if not (rounded.is_finite() and 0 <= rounded < COST_LIMIT):
        raise _problem("cost_usd", f"a cost lies between 0 and {COST_LIMIT:,} US dollars, not at {cost}.")
    return rounded


def _seconds(duration: float | None) -> float | None:
    if duration is not None and not (math.isfinite(duration) and duration >= 0):
        raise _problem("duration_s", f"a duration is 0 or more seconds, not {duration}.")
    return duration


def _paths(paths: Iterable[str]) -> list[str]:
    kept = [mask(_bounded("files_modified", path, PATH_LENGTH)).text[:PATH_LENGTH] for path in dict.fromkeys(paths)]
    if len(kept) > FILES_AT_MOST:
        raise _problem("files_modified", f"names {len(kept)} files; {FILES_AT_MOST} is the limit.")
    return [path for path in kept if path]
