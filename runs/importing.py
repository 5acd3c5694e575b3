"""Recording past sessions from their transcripts: each once, with what it took and what that cost.

A session that is known already is brought up to date when its transcript has grown, and left alone otherwise.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, cast

from django.db import transaction
from django.utils import timezone

from access.callers import Caller
from access.errors import Conflict, OutOfScope, Refusal
from access.models import Project
from access.roles import Role
from access.scope import check_project_name, project_to_write
from runs.models import NAME_LENGTH, Run, RunUsage
from runs.prices import folded_name
from runs.recording import CLOCK_AHEAD, FILES_AT_MOST, PATH_LENGTH, ModelTokens, Told, heartbeat_run, log_run
from runs.repositories import project_name_of
from runs.tokens import TokenCounts
from runs.transcripts import Session
from runs.visibility import is_own

OF_SOMEBODY_ELSE = "recorded by somebody else already"


class Result(StrEnum):
    """What became of a session."""

    NEW = "new"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Imported:
    """One session and what became of it. cost_usd: None where no model has a price. without_price: models that lack one, and
    their tokens. reason: why it was skipped.
    """

    session: Session
    result: Result
    project: str = ""
    cost_usd: Decimal | None = None
    without_price: tuple[tuple[str, int], ...] = ()
    reason: str = ""


@dataclass
class Tally:
    """What an import comes to. tokens, cost_usd: of every session that is recorded now, changed or not."""

    results: dict[Result, int] = field(default_factory=lambda: dict.fromkeys(Result, 0))
    reasons: dict[str, int] = field(default_factory=dict)
    projects: dict[str, int] = field(default_factory=dict)
    tokens: TokenCounts = field(default_factory=TokenCounts)
    cost_usd: Decimal = Decimal(0)
    without_price: dict[str, int] = field(default_factory=dict)
    lines: int = 0
    broken_lines: int = 0

    def add(self, imported: Imported) -> None:
        """Count one session."""
        session = imported.session
        self.results[imported.result] += 1
        self.lines += session.lines
        self.broken_lines += session.broken_lines
        if imported.result is Result.SKIPPED:
            self.reasons[imported.reason] = self.reasons.get(imported.reason, 0) + 1
            return
        self.projects[imported.project] = self.projects.get(imported.project, 0) + 1
        self.tokens += session.tokens
        self.cost_usd += imported.cost_usd or 0
        for model, tokens in imported.without_price:
            self.without_price[model] = self.without_price.get(model, 0) + tokens

    @property
    def sessions(self) -> int:
        """How many were looked at."""
        return sum(self.results.values())


def import_sessions(
    caller: Caller,
    sessions: Iterable[Session],
    *,
    project_name: str = "",
    machine: str = "",
    since: datetime | None = None,
    dry_run: bool = False,
) -> Iterator[Imported]:
    """Record sessions as runs of this caller, one transaction each, and tell of each what became of it.

    project_name: where they go; without it to the project that is named after the session's repository or directory,
    made if need be. A session that is recorded already stays in its project. machine: what the machine is called.
    since: sessions that ended before are skipped. dry_run: everything is reckoned and nothing kept.
    Raises Forbidden and Invalid before the first session when the caller may record nothing or the name is impossible;
    what a single session is refused for is its reason.
    """
    caller.require(Role.COLLABORATOR)
    if project_name:
        project_name = check_project_name(project_name)
    for session in sessions:
        reason = _reason_to_skip(session, since)
        if reason:
            yield Imported(session, Result.SKIPPED, reason=reason)
            continue
        try:
            with transaction.atomic():
                imported = _import(caller, session, project_name, machine)
                transaction.set_rollback(dry_run)
        except OutOfScope as refusal:
            where = refusal.extra.get("requested_project", "its project")
            imported = Imported(session, Result.SKIPPED, reason=f"{caller.name} does not reach the project {where}")
        except Refusal as refusal:
            imported = Imported(session, Result.SKIPPED, reason=_in_words(refusal))
        yield imported


def _reason_to_skip(session: Session, since: datetime | None) -> str:
    if not session.lines or session.last_at is None:
        return "nothing in it that is known here"
    if not session.session_id:
        return "no session named"
    if session.last_at > timezone.now() + CLOCK_AHEAD:
        return "ends in the future by this portal's clock"
    if not session.tokens.total:
        return "no tokens used"
    if since is not None and session.last_at < since:
        return f"ended before {since:%Y-%m-%d}"
    return ""


def _in_words(refusal: Refusal) -> str:
    """Why a session was refused, without its own name, so that sessions of one reason count together."""
    if isinstance(refusal, Conflict):
        return OF_SOMEBODY_ELSE
    return str(refusal.extra.get("message") or refusal.message)


def _import(caller: Caller, session: Session, project_name: str, machine: str) -> Imported:
    known = _recorded(session.session_id, project_name)
    if known is None:
        name = project_name or project_name_of(session.cwd, session.repository)
        if not name:
            return Imported(session, Result.SKIPPED, reason="no directory told; name a project with --project")
        project = project_to_write(caller, name)
    elif not is_own(caller, known):
        return Imported(session, Result.SKIPPED, reason=OF_SOMEBODY_ELSE)
    else:
        project = known.project
        if not _has_news(known, session):
            return _told_of(session, Result.UNCHANGED, known)
    told = _told(session, known, machine)
    is_running = known is not None and known.is_active and not known.is_stale()
    # What still runs is not ended by a look at its transcript.
    run = (heartbeat_run if is_running else log_run)(caller, project, **told)
    return _told_of(session, Result.NEW if known is None else Result.UPDATED, run)


def _recorded(session_id: str, project_name: str) -> Run | None:
    """The run of a session, in whichever project it was recorded; that of the named project before others."""
    projects = dict(Project.objects.values_list("pk", "name"))
    # By project and session together, as the index holds them.
    runs = list(Run.objects.filter(project_id__in=projects, session_id=session_id).select_related("project"))
    return min(runs, key=lambda run: (run.project.name != project_name, run.created_at), default=None)


def _has_news(run: Run, session: Session) -> bool:
    """Whether the transcript tells more than the run knows."""
    last_at = session.last_at
    if last_at is None or (run.finished_at is not None and run.finished_at == last_at and TokenCounts.of(run).is_known):
        return False
    rows = {row.model: TokenCounts.of(row) for row in run.usage.all()}
    is_late = last_at < max(run.last_seen_at, run.finished_at or run.last_seen_at)
    for model, counts in named_alike(session.usage, rows).items():
        before = rows.get(model, TokenCounts())
        if before != (before.highest(counts) if is_late else before.updated(counts)):
            return True
    return run.is_active and run.is_stale()


def named_alike(usage: dict[str, TokenCounts], rows: Iterable[str]) -> dict[str, TokenCounts]:
    """Usage under the names that the run's models have already, where they differ only in how they are written."""
    known = {folded_name(model): model for model in rows if model}
    named: dict[str, TokenCounts] = {}
    for model, counts in usage.items():
        name = known.get(folded_name(model), model[:NAME_LENGTH].strip())
        named[name] = named.get(name, TokenCounts()) + counts
    return named


def _told(session: Session, run: Run | None, machine: str) -> Told:
    """What a report of the session tells: of a run that is known, only what is still unknown, and the numbers."""
    last_at = session.last_at
    starts = [moment for moment in (session.started_at, run.started_at if run else None) if moment is not None]
    started_at = min(starts, default=last_at)
    rows = run.usage.values_list("model", flat=True) if run is not None else ()
    texts = {
        "agent": session.agent,
        "cwd": session.cwd[:PATH_LENGTH],
        "branch": session.branch[:NAME_LENGTH],
        "machine": machine[:NAME_LENGTH],
        "output_summary": session.first_prompt,
    }
    told: dict[str, Any] = {
        "session_id": session.session_id,
        "at": last_at,
        "usage": [ModelTokens(model, counts) for model, counts in named_alike(session.usage, rows).items()],
        "files_modified": _files(session, run),
    }
    if last_at is not None and started_at is not None:
        told["duration_s"] = (last_at - started_at).total_seconds()
    told |= {name: text for name, text in texts.items() if run is None or not getattr(run, name)}
    return cast(Told, told)


def _files(session: Session, run: Run | None) -> list[str]:
    known = list(run.files_modified) if run is not None else []
    paths = [path for path in session.files_modified if len(path) <= PATH_LENGTH]
    return list(dict.fromkeys([*known, *paths]))[:FILES_AT_MOST]


def _told_of(session: Session, result: Result, run: Run) -> Imported:
    rows = [(row.model, TokenCounts.of(row).total) for row in RunUsage.objects.filter(run=run, price=None)]
    return Imported(
        session,
        result,
        project=run.project.name,
        cost_usd=run.cost_usd,
        without_price=tuple(sorted(row for row in rows if row[1])),
    )
