"""Finding and listing requirements."""

import uuid
from dataclasses import dataclass

from access.callers import Caller
from access.errors import Invalid, NotFound
from requirements_pipeline.models import STATE_GROUPS, Requirement, RequirementState

MOST_LISTED = 100


@dataclass(frozen=True)
class RequirementList:
    """The most urgent requirements that were asked for, and how many there are in all."""

    requirements: list[Requirement]
    total: int


def find_requirement(
    caller: Caller,
    *,
    requirement_id: uuid.UUID | None = None,
    title: str | None = None,
    project_ids: list[int] | None = None,
) -> Requirement:
    """The requirement of this id, or the newest of this title. project_ids: None for no bound.

    Raises NotFound when none is in the caller's sight, Invalid when neither id nor title is given.
    """
    visible = Requirement.objects.visible_to(caller).within(project_ids).select_related("project")
    if requirement_id is not None:
        found = visible.filter(pk=requirement_id).first()
    elif title and title.strip():
        found = visible.titled(" ".join(title.split()).replace("\x00", "")).order_by("-created_at").first()
    else:
        raise Invalid("Give the requirement's id, or its title.", fields={"id": ["This or `title` is required."]})
    if found is None:
        raise NotFound("Requirement not found")
    return found


def list_requirements(
    caller: Caller, project_ids: list[int] | None, *, status: str = "", limit: int = 20
) -> RequirementList:
    """Requirements in sight, the most urgent first, as owners placed them, newest first among equals.

    status: a state, "pending" (not yet promoted) or "resolved" (done or rejected); empty for all. limit: clamped to
    1…100. Raises Invalid for an unknown status.
    """
    wanted = status.strip().casefold().replace(" ", "_").replace("-", "_")
    known = [*RequirementState.values, *STATE_GROUPS]
    if wanted and wanted not in known:
        problem = f"There is no status '{status[:40]}'."
        raise Invalid(problem, fields={"status": [problem]}, hint=f"Choose one of {', '.join(known)}.")
    rows = Requirement.objects.visible_to(caller).within(project_ids)
    if wanted:
        rows = rows.with_status(wanted)
    shown = rows.select_related("project").order_by("priority", "rank", "-created_at", "pk")[
        : min(max(limit, 1), MOST_LISTED)
    ]
    return RequirementList(list(shown), rows.count())
