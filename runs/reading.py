"""Finding runs."""

import uuid
from contextlib import suppress

from django.db.models import Q

from access.callers import Caller
from access.errors import Invalid, NotFound
from access.models import Project
from runs.models import Run, RunQuerySet
from runs.visibility import is_own

# Far more than one person has at once in a project.
ACTIVE_LOOKED_AT = 500


def find_run(caller: Caller, run_id: uuid.UUID) -> Run:
    """The run of this id. Raises NotFound when there is none in the caller's sight."""
    run = Run.objects.visible_to(caller).select_related("project").filter(pk=run_id).first()
    if run is None:
        raise NotFound("Run not found")
    return run


def runs_called(caller: Caller, name: str, project_ids: list[int] | None = None) -> RunQuerySet:
    """Runs in sight of exactly this id or session. project_ids: None for no bound."""
    wanted = name.strip()
    called = Q(session_id=wanted) & ~Q(session_id="")
    with suppress(ValueError):
        called |= Q(pk=uuid.UUID(wanted))
    runs = Run.objects.visible_to(caller).filter(called)
    return runs if project_ids is None else runs.filter(project_id__in=project_ids)


def own_run(caller: Caller, run_id: uuid.UUID | None, session_id: str = "") -> Run | None:
    """The caller's own run of this id, else the newest of its session; None where neither names one.

    Raises NotFound for an id that is no run of the caller's in sight. A session that nobody reported yet is no mistake:
    agents name their session before they report it.
    """
    if run_id is None and not session_id.strip():
        return None
    run = run_meant(caller, run_id, session_id)
    if run is not None and is_own(caller, run):
        return run
    if run_id is not None:
        raise NotFound("Run not found")
    return None


def newest_own_run_on(caller: Caller, requirement_id: uuid.UUID) -> Run | None:
    """The newest of the caller's own runs that work on a requirement; None where there is none in sight."""
    newest = Run.objects.visible_to(caller).on_requirement(requirement_id).order_by("-started_at")
    return next((run for run in newest if is_own(caller, run)), None)


def run_meant(caller: Caller, run_id: uuid.UUID | None, session_id: str) -> Run | None:
    """The run in the caller's sight that a call names by its id, else the newest of its session; None for none."""
    visible = Run.objects.visible_to(caller).select_related("project")
    if run_id is not None:
        return visible.filter(pk=run_id).first()
    return visible.filter(session_id=session_id.strip()).order_by("-started_at").first() if session_id.strip() else None


def session_meant(caller: Caller, project: Project | None, session_id: str) -> str:
    """The session that a call names, else the caller's only active one in the project. Raises Invalid where that is open."""
    if session_id.strip():
        return session_id.strip()
    active = Run.objects.visible_to(caller).active().filter(project=project).exclude(session_id="")
    own = [run.session_id for run in active.order_by("-last_seen_at")[:ACTIVE_LOOKED_AT] if _is_awake(caller, run)]
    if len(own) == 1:
        return own[0]
    problem = f"is required: {len(own) or 'none'} of your sessions are active here."
    raise Invalid(f"session_id: {problem}", fields={"session_id": [problem]})


def _is_awake(caller: Caller, run: Run) -> bool:
    return is_own(caller, run) and not run.is_stale()
