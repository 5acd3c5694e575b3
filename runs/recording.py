"""Recording what agents do: a run starts, gives signs of life, ends; each time with what is known by then.

Words may come late, twice and in any order, because agents spool them: the same session is one run, a late word fills
what is unknown and takes nothing back.
"""

import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TypedDict, Unpack

from django.db import transaction
from django.utils import timezone

from access.callers import Caller
from access.errors import Conflict, Invalid, NotFound, OutOfScope
from access.masking import mask
from access.models import Project
from access.roles import Role
from runs import budgets, rollups
from runs.days import day_of
from runs.models import (
    CHANGE_LENGTH,
    NAME_LENGTH,
    RUNNING,
    STATUS_LENGTH,
    STEP_LENGTH,
    TOKEN_KINDS,
    EventKind,
    PromptPickup,
    Run,
    RunEvent,
)
from runs.settling import settle_costs
from runs.tokens import TokenCounts

TITLE_LENGTH = 500
PATH_LENGTH = 1000
FILES_AT_MOST = 10_000
# A run that made more tells of the last ones in its summary.
CHANGES_AT_MOST = 200
SUMMARY_BYTES = 1024 * 1024
MODELS_AT_MOST = 50
MOST_TOKENS = 2**53  # more than any reader's number keeps exactly
COST_STEP = Decimal("0.000001")
COST_LIMIT = Decimal(10) ** 8  # what 14 digits with 6 decimals hold
# A prompt fetched longer ago was read, not run.
PICKUP_LIFE = timedelta(hours=24)
# Clocks of machines differ; what lies further ahead is a mistake.
CLOCK_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True)
class ModelTokens:
    """Tokens that one model of a run took, as totals so far."""

    model: str
    tokens: TokenCounts


class Told(TypedDict, total=False):
    """What a report may tell of a run; everything may be left out, and then keeps its value.

    at: when it happened, for reports that come late; now when left out. tokens_*: totals of the run so far, of the
    named model. usage: the same for several models; it replaces tokens_*. cost_usd: US dollars, in all, as the agent
    reckons it. duration_s: seconds. files_modified: paths. commits, pull_requests: hashes, numbers or addresses.
    """

    runner: str
    session_id: str
    run_id: uuid.UUID | None
    agent: str
    model: str
    machine: str
    cwd: str
    branch: str
    prompt_id: uuid.UUID | None
    prompt_name: str
    requirement_id: uuid.UUID | None
    requirement_title: str
    step: str
    status: str
    output_summary: str
    files_modified: Iterable[str]
    commits: Iterable[str]
    pull_requests: Iterable[str]
    duration_s: float | None
    tokens_input: int | None
    tokens_output: int | None
    tokens_cache_read: int | None
    tokens_cache_write_5m: int | None
    tokens_cache_write_1h: int | None
    usage: Iterable[ModelTokens]
    cost_usd: Decimal | None
    at: datetime | None


def start_run(caller: Caller, project: Project, **told: Unpack[Told]) -> Run:
    """Open a run, or go on with the one of this session: one that had ended or gone stale comes back.

    A start that comes after its run's end was told only moves the beginning to where it belongs. The prompt that this
    runner picked up last in this project is linked, once, where none is named.
    Raises Invalid, Conflict and OutOfScope as log_run does, and BudgetSpent where a budget stops new runs.
    """
    report = _Report.of(caller, project, told)
    with transaction.atomic():
        run, is_new = _opened(caller, project, report)
        at = report.moment
        if is_new or (run.finished_at is not None and at > run.finished_at):
            budgets.require_budget(project, at)
        step = report.texts.pop("step", "")
        if is_new:
            _note(run, EventKind.STARTED, step, at)
        elif at < run.started_at:
            run.events.filter(kind=EventKind.STARTED).update(at=at, text=step)
        elif run.finished_at is not None and at > run.finished_at:
            run.finished_at, run.duration_s, run.status = None, None, RUNNING
            _note(run, EventKind.RESUMED, "", at)
        elif run.is_stale(at):
            _note(run, EventKind.RESUMED, "", at)
        _begin_at(run, at)
        _take(run, report)
        _set_step(run, step)
        return _kept(run, report)


def heartbeat_run(caller: Caller, project: Project, **told: Unpack[Told]) -> Run:
    """A sign of life: the run is seen now, does this step, has taken so many tokens so far.

    A session that nobody started is opened by it. It never reopens a run that has ended: what comes after the end was
    late on its way. Raises Invalid without run_id and session_id, else as log_run does.
    """
    report = _Report.of(caller, project, told)
    if report.run_id is None and not report.session_id:
        raise _problem("session_id", "run_id or session_id says which run is meant.")
    with transaction.atomic():
        run, is_new = _opened(caller, project, report)
        at = report.moment
        if is_new:
            _begin_at(run, at)
            _note(run, EventKind.STARTED, "", at)
        elif run.is_stale(at):
            _note(run, EventKind.RESUMED, "", at)
        step = report.texts.pop("step", "")
        if step and step != run.step:
            _note(run, EventKind.STEP, step, at)
        _take(run, report)
        _set_step(run, step)
        return _kept(run, report)


def log_run(caller: Caller, project: Project, **told: Unpack[Told]) -> Run:
    """Record a finished run, or finish the one of this run_id or session_id; the same session reported twice is one run.

    What is left out keeps its value, and stays unknown (None, never 0) where nobody told it. Secrets in the texts and
    the paths are masked. Where no prompt is named, the prompt that this runner picked up last in this project is
    linked, once. The cost is the reported one, else computed with the prices of the day that the run started on.
    Raises Invalid for numbers out of range and over-long texts, NotFound for a run that is not in this project and in
    sight, Conflict for a session or run of another person.
    """
    report = _Report.of(caller, project, told)
    with transaction.atomic():
        run, is_new = _opened(caller, project, report)
        at = report.moment
        if is_new:
            _begin_at(run, at - timedelta(seconds=min(report.duration_s or 0.0, 1e9)))
            _note(run, EventKind.STARTED, "", run.started_at)
        if is_new or run.status == RUNNING:
            run.status = "success"
        _note(
            run,
            EventKind.FINISHED if run.finished_at is None else EventKind.REPORTED,
            report.texts.get("status", ""),
            at,
        )
        run.finished_at = max(at, run.finished_at or at, run.started_at)
        _take(run, report)
        return _kept(run, report)


def add_changes(caller: Caller, run: Run, *, commits: Iterable[str] = (), pull_requests: Iterable[str] = ()) -> Run:
    """Add commits and pull requests to those that a run told of. Raises Invalid, NotFound, Conflict as log_run does."""
    caller.require(Role.COLLABORATOR)
    with transaction.atomic():
        locked = Run.objects.visible_to(caller).select_for_update(of=("self",)).filter(pk=run.pk).first()
        if locked is None:
            raise NotFound("Run not found")
        _own(caller, locked)
        locked.commits = _changes("commits", [*locked.commits, *commits])
        locked.pull_requests = _changes("pull_requests", [*locked.pull_requests, *pull_requests])
        locked.save(update_fields=["commits", "pull_requests"])
    return locked


def note_happenings(run: Run, happenings: Iterable[tuple[EventKind, str, datetime]], *, step: str = "") -> None:
    """Write lines of a run's timeline that hooks told: kind, words (masked already), time. Each is told once.

    step: what it is doing now, in a few words; kept unless blank.
    """
    RunEvent.objects.bulk_create(
        [RunEvent(run=run, kind=kind, text=text[:STEP_LENGTH], at=at) for kind, text, at in happenings]
    )
    if step:
        run.step = step[:STEP_LENGTH]
        run.save(update_fields=["step"])


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
        prompt_name=_bounded("prompt_name", prompt_name, TITLE_LENGTH),
    )


# --- what was told, checked ------------------------------------------------------------------------------------------

TEXT_LENGTHS = {
    **dict.fromkeys(("runner", "agent", "model", "machine", "branch"), NAME_LENGTH),
    "cwd": PATH_LENGTH,
    "prompt_name": TITLE_LENGTH,
    "requirement_title": TITLE_LENGTH,
    "step": STEP_LENGTH,
    "status": STATUS_LENGTH,
    "output_summary": SUMMARY_BYTES,
}
MASKED = frozenset({"cwd", "step", "output_summary"})


@dataclass(frozen=True)
class _Report:
    """A report whose every value fits. texts: those that were told and are not blank. moment: `at`, or now."""

    run_id: uuid.UUID | None
    session_id: str
    moment: datetime
    texts: dict[str, str] = field(default_factory=dict)
    prompt_id: uuid.UUID | None = None
    requirement_id: uuid.UUID | None = None
    files_modified: list[str] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)
    pull_requests: list[str] = field(default_factory=list)
    duration_s: float | None = None
    usage: tuple[ModelTokens, ...] = ()
    cost_usd: Decimal | None = None

    @classmethod
    def of(cls, caller: Caller, project: Project, told: Told) -> "_Report":
        """Check who reports and what; raises Forbidden, OutOfScope or Invalid."""
        caller.require(Role.COLLABORATOR)
        _require_sight(caller, project)
        texts = {name: _text(name, str(told.get(name) or "")) for name in TEXT_LENGTHS}
        return cls(
            run_id=told.get("run_id"),
            session_id=_bounded("session_id", told.get("session_id") or "", NAME_LENGTH),
            moment=_moment(told.get("at")),
            texts={name: text for name, text in texts.items() if text},
            prompt_id=told.get("prompt_id"),
            requirement_id=told.get("requirement_id"),
            files_modified=_paths(told.get("files_modified") or ()),
            commits=_changes("commits", told.get("commits") or ()),
            pull_requests=_changes("pull_requests", told.get("pull_requests") or ()),
            duration_s=_seconds(told.get("duration_s")),
            usage=_usage(told, texts["model"]),
            cost_usd=_cost(told.get("cost_usd")),
        )


def _text(name: str, text: str) -> str:
    bounded = _bounded(name, text, TEXT_LENGTHS[name])
    return mask(bounded).text[: TEXT_LENGTHS[name]] if name in MASKED else bounded


def _usage(told: Told, model: str) -> tuple[ModelTokens, ...]:
    several = tuple(told.get("usage") or ())
    if len(several) > MODELS_AT_MOST:
        raise _problem("usage", f"names {len(several)} models; {MODELS_AT_MOST} is the limit.")
    if several:
        return tuple(
            ModelTokens(_bounded("usage", entry.model, NAME_LENGTH), _counts(entry.tokens)) for entry in several
        )
    counts = _counts(TokenCounts(**{kind: told.get(kind) for kind in TOKEN_KINDS}))  # type: ignore[arg-type]
    return (ModelTokens(model, counts),) if counts.is_known else ()


def _counts(counts: TokenCounts) -> TokenCounts:
    for kind, count in zip(TOKEN_KINDS, counts.known(), strict=True):
        if count is not None and not 0 <= count <= MOST_TOKENS:
            raise _problem(kind, f"a count of tokens lies between 0 and {MOST_TOKENS}, not at {count}.")
    return counts


def _moment(at: datetime | None) -> datetime:
    now = timezone.now()
    if at is None:
        return now
    if timezone.is_naive(at):
        raise _problem("at", "a time needs its zone, such as 2026-11-21T14:05:00Z.")
    if at > now + CLOCK_AHEAD:
        raise _problem("at", f"{at.isoformat()} lies in the future; this portal's clock says {now.isoformat()}.")
    return min(at, now)


def _require_sight(caller: Caller, project: Project) -> None:
    if not caller.sees_project(project.pk):
        raise OutOfScope(list(caller.project_names), project.name)


# --- the run that is meant -------------------------------------------------------------------------------------------


def _opened(caller: Caller, project: Project, report: _Report) -> tuple[Run, bool]:
    """The run that is meant, locked, and whether it is new: found by its id, by its session, or made."""
    if report.run_id is not None:
        run = Run.objects.visible_to(caller).filter(pk=report.run_id, project=project).select_for_update().first()
        if run is None:
            raise NotFound("Run not found")
        _take_session(_own(caller, run), report.session_id)
        return run, False
    runs = Run.objects.filter(project=project).select_for_update()
    # Of a session nearly every report but the first one finds its run.
    known = runs.filter(session_id=report.session_id).first() if report.session_id else None
    if known is not None:
        return _own(caller, known), False
    fresh = Run(
        project=project,
        session_id=report.session_id,
        token_id=caller.token_id,
        member_id=caller.member_id,
        reported_by=caller.name[:NAME_LENGTH],
        person=_person(caller),
        started_at=report.moment,
        last_seen_at=report.moment,
        day=day_of(report.moment),
    )
    # Of two reports of one new session at once, the second waits here for the first and then finds its row.
    Run.objects.bulk_create([fresh], ignore_conflicts=True)
    run = runs.get(session_id=report.session_id) if report.session_id else runs.get(pk=fresh.pk)
    return _own(caller, run), run.pk == fresh.pk


def _person(caller: Caller) -> str:
    """The member's user name, or the label of a token of nobody's."""
    from access.models import Member

    if caller.member_id is None:
        return caller.name[:NAME_LENGTH]
    return str(Member.objects.values_list("username", flat=True).get(pk=caller.member_id))


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
    if not session or run.session_id:
        return
    if Run.objects.filter(project_id=run.project_id, session_id=session).exclude(pk=run.pk).exists():
        raise Conflict(f"The session '{session}' belongs to another run.", hint="Send run_id or session_id, not both.")
    run.session_id = session


# --- what the report changes -----------------------------------------------------------------------------------------


def _begin_at(run: Run, moment: datetime) -> None:
    """Move the beginning to an earlier moment, and the run to that day."""
    if moment < run.started_at:
        before = run.day
        run.started_at = moment
        run.day = day_of(moment)
        rollups.mark_changed(run.project_id, before, run.day)


def _take(run: Run, report: _Report) -> None:
    """Take what was told. A report from before what is known already only fills what is still unknown."""
    late = report.moment < run.last_seen_at
    told = {
        **report.texts,
        "prompt_id": report.prompt_id,
        "requirement_id": report.requirement_id,
        "files_modified": report.files_modified,
        "commits": report.commits,
        "pull_requests": report.pull_requests,
        "duration_s": report.duration_s,
    }
    for name, value in told.items():
        known = getattr(run, name)
        is_unknown = known in (None, "", []) or (name == "status" and known == RUNNING)
        if value not in (None, "", []) and (is_unknown or not late):
            setattr(run, name, value)
    run.last_seen_at = max(run.last_seen_at, report.moment)
    if run.prompt_id is None and not run.prompt_name:
        _link_picked_up_prompt(run)


def _kept(run: Run, report: _Report) -> Run:
    """Save the run with its costs, and let the day's sums know."""
    late = report.moment < run.last_seen_at
    cost_before = run.cost_usd
    settle_costs(
        run,
        [(entry.model, entry.tokens) for entry in report.usage],
        reported_usd=report.cost_usd,
        only_higher=late or (run.finished_at is not None and report.moment < run.finished_at),
    )
    run.save()
    rollups.mark_changed(run.project_id, run.day)
    if run.cost_usd != cost_before:
        budgets.spending_changed(run.project_id)
    return run


def _set_step(run: Run, told: str) -> None:
    """The step that was told for the latest moment, whenever it arrived."""
    if told and told != run.step:
        steps = run.events.filter(kind__in=[EventKind.STARTED, EventKind.STEP]).exclude(text="")
        run.step = steps.order_by("-at", "-pk").values_list("text", flat=True)[0]


def _note(run: Run, kind: EventKind, text: str, at: datetime) -> None:
    """Write a line of the timeline, once: a report that is sent again tells of the same moment."""
    same = [EventKind.FINISHED, EventKind.REPORTED] if kind in (EventKind.FINISHED, EventKind.REPORTED) else [kind]
    if not run.events.filter(kind__in=same, at=at, text=text[:STEP_LENGTH]).exists():
        RunEvent.objects.create(run=run, kind=kind, text=text[:STEP_LENGTH], at=at)


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


# --- checks of single values -----------------------------------------------------------------------------------------


def _problem(field_name: str, problem: str) -> Invalid:
    return Invalid(f"{field_name}: {problem}", fields={field_name: [problem]})


def _bounded(field_name: str, text: str, limit: int) -> str:
    if "\x00" in text:
        raise _problem(field_name, "NUL bytes cannot be stored.")
    trimmed = text.strip()
    if len(trimmed) > limit:
        raise _problem(field_name, f"is {len(trimmed)} characters long; {limit} is the limit.")
    return trimmed


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


def _changes(name: str, changes: Iterable[str]) -> list[str]:
    kept = [mask(_bounded(name, " ".join(change.split()), CHANGE_LENGTH)).text[:CHANGE_LENGTH] for change in changes]
    unique = [change for change in dict.fromkeys(kept) if change]
    if len(unique) > CHANGES_AT_MOST:
        raise _problem(name, f"names {len(unique)} of them; {CHANGES_AT_MOST} is the limit.")
    return unique


def _paths(paths: Iterable[str]) -> list[str]:
    kept = [mask(_bounded("files_modified", path, PATH_LENGTH)).text[:PATH_LENGTH] for path in dict.fromkeys(paths)]
    if len(kept) > FILES_AT_MOST:
        raise _problem("files_modified", f"names {len(kept)} files; {FILES_AT_MOST} is the limit.")
    return [path for path in kept if path]
