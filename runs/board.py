"""What runs now, and what ran."""

from access.callers import Caller
from runs.models import Run, RunQuerySet


def active_runs(caller: Caller, project_ids: list[int] | None = None) -> RunQuerySet:
    """Runs in sight that have not ended, the one last heard of first. project_ids: None for no bound."""
    runs = Run.objects.visible_to(caller).active().select_related("project").defer("output_summary", "files_modified")
    if project_ids is not None:
        runs = runs.filter(project_id__in=project_ids)
    return runs.order_by("-last_seen_at", "pk")
