"""The command `check_criterion`."""

from access.roles import Role
from api.answers import in_utc
from api.arguments import Flag, WholeNumber
from api.commands.promote_requirement import RequirementReference, referenced_requirement
from api.commands.save_requirement import requirement_subject
from api.registry import Call, CommandResult, ProjectUse, command
from requirements_pipeline.criteria import check_criterion
from requirements_pipeline.writing import CRITERIA_AT_MOST


class CheckCriterionArguments(RequirementReference):
    """Which criterion of which requirement, and whether it is met."""

    number = WholeNumber(
        min_value=1, max_value=CRITERIA_AT_MOST, help_text="Its place in the list of criteria, from 1."
    )
    met = Flag(required=False, default=True, help_text="false takes it back.")


@command(
    "check_criterion",
    aliases=["meet_criterion"],
    arguments=CheckCriterionArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.READ,
    example={"title": "Export invoices as CSV", "project": "app", "number": 1, "met": True},
    idempotent=True,
)
def check(call: Call) -> CommandResult:
    """Say that an acceptance criterion of a requirement is met, or, with `met` false, that it is not after all.

    Answers `id`, `title`, `status`, `met`, `of` (how many there are) and `criteria` (`text`, `met`, `met_by`, `met_at`).
    """
    found = referenced_requirement(call)
    criteria = check_criterion(call.caller, found, call.arguments["number"], call.arguments["met"])
    answer = {
        "id": str(found.pk),
        "title": found.title,
        "status": "saved",
        "met": sum(row.is_met for row in criteria),
        "of": len(criteria),
        "criteria": [
            {"text": row.text, "met": row.is_met, "met_by": row.met_by, "met_at": in_utc(row.met_at)}
            for row in criteria
        ],
    }
    return CommandResult(answer, requirement_subject(found))
