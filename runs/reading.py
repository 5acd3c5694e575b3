"""Finding runs."""

import uuid

from access.callers import Caller
from access.errors import NotFound
from runs.models import Run


def find_run(caller: Caller, run_id: uuid.UUID) -> Run:
    """The run of this id. Raises NotFound when there is none in the caller's sight."""
    run = Run.objects.visible_to(caller).select_related("project").filter(pk=run_id).first()
    if run is None:
        raise NotFound("Run not found")
    return run


def run_meant(caller: Caller, run_id: uuid.UUID | None, session_id: str) -> Run | None:
    """The run in the caller's sight that a call names by its id, else the newest of its session; None for none."""
    visible = Run.objects.visible_to(caller).select_related("project")
    if run_id is not None:
        return visible.filter(pk=run_id).first()
    return visible.filter(session_id=session_id.strip()).order_by("-started_at").first() if session_id.strip() else None
