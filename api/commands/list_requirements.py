"""The command `list_requirements`."""

from typing import Any

from access.roles import Role
from api.answers import in_utc
from api.arguments import ClampedNumber, ProjectArguments, optional_text
from api.registry import Call, CommandResult, ProjectUse, command
from memories.snippets import snippet
from requirements_pipeline.models import Requirement
from requirements_pipeline.reading import MOST_LISTED, list_requirements

DEFAULT_LIMIT = 20


class ListRequirementsArguments(ProjectArguments):
    """Which requirements."""

    synonyms = {"status": ("state",)}

    status = optional_text(40, help_text="A state, or pending (not yet promoted), or resolved (done or rejected).")
    limit = ClampedNumber(1, MOST_LISTED, default=DEFAULT_LIMIT, help_text="Requirements at most, 1 to 100.")


@command(
    "list_requirements",
    aliases=["list_reqs", "get_requirements"],
    arguments=ListRequirementsArguments,
    role=Role.GUEST,
    writes=False,
    project=ProjectUse.READ,
    example={"project": "app", "status": "pending"},
    idempotent=True,
)
def requirements(call: Call) -> CommandResult:
    """List requirements, the most urgent first.

    Answers `count`, `total`, `status` and `requirements`, each with `id`, `title`, `snippet`, `project`, `state`,
    `priority`, `created_by`, `created_at`, `updated_at`, `module`, `tags`, `acceptance`.
    """
    asked = call.arguments
    found = list_requirements(call.caller, call.project_ids, status=asked.get("status", ""), limit=asked["limit"])
    rows = [_row(requirement) for requirement in found.requirements]
    return CommandResult({"count": len(rows), "total": found.total, "requirements": rows, "status": "success"})


def _row(requirement: Requirement) -> dict[str, Any]:
    return {
        "id": str(requirement.pk),
        "title": requirement.title,
        "snippet": snippet(requirement.content_md, ()),
        "project": requirement.project.name,
        "state": requirement.state,
        "priority": requirement.priority,
        "module": requirement.module,
        "tags": requirement.tags,
        "acceptance": requirement.acceptance,
        "created_by": requirement.created_by,
        "created_at": in_utc(requirement.created_at),
        "updated_at": in_utc(requirement.updated_at),
    }
