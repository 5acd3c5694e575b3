"""Requirements as the commands answer them in full."""

from typing import Any

from access.callers import Caller
from api.answers import in_utc, linked_memories
from memories.models import Memory
from requirements_pipeline.commenting import comments_on
from requirements_pipeline.criteria import criteria_of
from requirements_pipeline.models import Requirement
from runs.models import Run
from runs.visibility import may_see_cost


def requirement_row(caller: Caller, requirement: Requirement) -> dict[str, Any]:
    """A requirement with its whole text, what it depends on, and the memories linked to it in the caller's sight."""
    return {
        "id": str(requirement.pk),
        "title": requirement.title,
        "project": requirement.project.name,
        "state": requirement.state,
        "content_md": requirement.content_md,
        "acceptance": requirement.acceptance,
        "criteria": [
            {"text": row.text, "met": row.is_met, "met_by": row.met_by, "met_at": in_utc(row.met_at)}
            for row in criteria_of(requirement)
        ],
        "priority": requirement.priority,
        "module": requirement.module,
        "tags": requirement.tags,
        "due_on": requirement.due_on.isoformat() if requirement.due_on else None,
        "assignee": requirement.assignee.get_username() if requirement.assignee else None,
        "version": requirement.version,
        "created_by": requirement.created_by,
        "created_at": in_utc(requirement.created_at),
        "updated_at": in_utc(requirement.updated_at),
        "promoted_by": requirement.promoted_by,
        "promoted_at": in_utc(requirement.promoted_at),
        "claimed_by": requirement.claimed_by,
        "claimed_at": in_utc(requirement.claimed_at),
        "depends_on": [
            {"id": str(row.pk), "title": row.title, "state": row.state}
            for row in Requirement.objects.visible_to(caller).filter(blocks=requirement).order_by("title")
        ],
        "memories": linked_memories(_linked(caller, requirement)),
    }


def requirement_chain(caller: Caller, requirement: Requirement) -> dict[str, Any]:
    """What happened to a requirement: its moves, what was said, and the runs in sight that worked on it."""
    moves = [
        {"from": move.from_state, "to": move.to_state, "by": move.by, "reason": move.reason, "at": in_utc(move.at)}
        for move in requirement.moves.all()
    ]
    runs = Run.objects.visible_to(caller).filter(requirement_id=requirement.pk).order_by("started_at")
    comments = [
        {"by": row.by, "body_md": row.body_md, "at": in_utc(row.at), "edited_at": in_utc(row.edited_at)}
        for row in comments_on(caller, requirement)
    ]
    return {"moves": moves, "comments": comments, "runs": [_run(caller, run) for run in runs]}


def _linked(caller: Caller, requirement: Requirement) -> list[Memory]:
    return list(Memory.objects.visible_to(caller).live().filter(requirements=requirement).order_by("title"))


def _run(caller: Caller, run: Run) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": str(run.pk),
        "agent": run.agent,
        "runner": run.runner,
        "person": run.person,
        "status": run.status,
        "started_at": in_utc(run.started_at),
        "finished_at": in_utc(run.finished_at),
        "files_modified": run.files_modified,
        "commits": run.commits,
        "pull_requests": run.pull_requests,
    }
    if may_see_cost(caller, run):
        row["cost_usd"] = None if run.cost_usd is None else float(run.cost_usd)
    return row
