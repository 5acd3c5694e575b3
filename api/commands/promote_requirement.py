"""The command `promote_requirement`."""

from access.roles import Role
from api.arguments import Identifier, ProjectArguments, Word, optional_text
from api.commands.save_requirement import requirement_subject
from api.registry import Call, CommandResult, ProjectUse, command
from requirements_pipeline.models import TITLE_LENGTH, Requirement
from requirements_pipeline.moves import promote_requirement
from requirements_pipeline.reading import find_requirement


class RequirementReference(ProjectArguments):
    """One existing requirement, by its id or by its title."""

    synonyms = {"id": ("requirement_id",)}

    id = Identifier(required=False, help_text="Id of the requirement; `requirement_id` is understood too.")
    title = optional_text(TITLE_LENGTH, help_text="Its exact title, instead of the id.")


class PromoteRequirementArguments(RequirementReference):
    """Which requirement, and what it becomes."""

    promote_to = Word(
        required=False, allow_blank=True, max_length=40, help_text="prompt or decision: also write that memory."
    )


def referenced_requirement(call: Call) -> Requirement:
    """The requirement that a call names by id or title. Raises NotFound, or Invalid when it names none."""
    requirement_id = call.arguments.get("id")
    return find_requirement(
        call.caller,
        requirement_id=requirement_id,
        title=call.arguments.get("title"),
        project_ids=None if requirement_id else call.project_ids,
    )


@command(
    "promote_requirement",
    aliases=["promote"],
    arguments=PromoteRequirementArguments,
    role=Role.OWNER,
    writes=True,
    project=ProjectUse.READ,
    example={"title": "Export invoices as CSV", "project": "app", "promote_to": "prompt"},
)
def promote(call: Call) -> CommandResult:
    """Let work on a requirement begin.

    With `promote_to` its text also becomes a memory of that type. Answers `status`, `id`, `title`, `state`, `project`.
    """
    found = referenced_requirement(call)
    requirement = promote_requirement(call.caller, found, call.arguments.get("promote_to", ""))
    answer = {
        "status": "promoted",
        "id": str(requirement.pk),
        "title": requirement.title,
        "state": requirement.state,
        "project": requirement.project.name,
    }
    return CommandResult(answer, requirement_subject(requirement), call.arguments.get("promote_to", ""))
