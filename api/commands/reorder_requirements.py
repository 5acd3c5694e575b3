"""The command `reorder_requirements`."""

import uuid

from access.audit import AuditSubject
from access.errors import Invalid
from access.roles import Role
from api.arguments import Names, ProjectArguments
from api.registry import Call, CommandResult, ProjectUse, command
from requirements_pipeline.models import TITLE_LENGTH, Requirement
from requirements_pipeline.ordering import PLACED_AT_MOST, reorder
from requirements_pipeline.reading import find_requirement


class ReorderRequirementsArguments(ProjectArguments):
    """Which requirements, in which order."""

    synonyms = {"requirements": ("ids", "order")}

    requirements = Names(
        entry_length=TITLE_LENGTH,
        max_length=PLACED_AT_MOST,
        help_text="Ids or titles of requirements of one project and one priority, the first one first; `ids` is "
        "understood too.",
    )


@command(
    "reorder_requirements",
    aliases=["place_requirements"],
    arguments=ReorderRequirementsArguments,
    role=Role.OWNER,
    writes=True,
    project=ProjectUse.READ,
    example={"requirements": ["Export invoices as CSV"], "project": "app"},
    idempotent=True,
)
def reorder_them(call: Call) -> CommandResult:
    """Place requirements of one priority in the order in which they are to be pulled.

    Those of the same project and priority that are not named come after them. Answers `status`, `count`, and
    `requirements` in their order (`id`, `title`, `rank` from 1).
    """
    names = call.arguments.get("requirements") or []
    if not names:
        problem = "requirements is required: ids or titles, the first one first."
        raise Invalid(problem, fields={"requirements": [problem]})
    placed = reorder(call.caller, [_named(call, name).pk for name in names])
    rows = [{"id": str(row.pk), "title": row.title, "rank": row.rank} for row in placed]
    subject = AuditSubject("requirement", str(placed[0].pk), placed[0].title, placed[0].project_id)
    return CommandResult({"status": "saved", "count": len(rows), "requirements": rows}, subject, f"{len(rows)} placed")


def _named(call: Call, name: str) -> Requirement:
    """The requirement of this id, else of this title in the call's project. Raises NotFound."""
    try:
        return find_requirement(call.caller, requirement_id=uuid.UUID(name))
    except ValueError:
        return find_requirement(call.caller, title=name, project_ids=call.project_ids)
