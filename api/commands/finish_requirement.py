"""The command `finish_requirement`."""

from access.roles import Role
from api.arguments import Identifier, Places, Word, optional_text
from api.commands.promote_requirement import RequirementReference, referenced_requirement
from api.commands.save_requirement import requirement_subject
from api.registry import Call, CommandResult, ProjectUse, command
from api.run_arguments import commits_made, pull_requests_made
from requirements_pipeline.moves import REASON_LENGTH
from requirements_pipeline.pulling import finish_requirement
from requirements_pipeline.writing import CRITERION_LENGTH

TOLD = ("outcome", "output_summary", "criteria_met", "run_id", "commits", "pull_requests")


class FinishRequirementArguments(RequirementReference):
    """Which requirement, and what came of it."""

    synonyms = {**RequirementReference.synonyms, "output_summary": ("summary",), "outcome": ("status",)}

    outcome = Word(
        required=False,
        allow_blank=True,
        max_length=40,
        help_text="success when left out; or failed, blocked, abandoned.",
    )
    output_summary = optional_text(REASON_LENGTH, help_text="What came of it, or why it is given back.")
    criteria_met = Places(
        entry_length=CRITERION_LENGTH,
        allow_null=True,
        help_text="Acceptance criteria that are met now, by number from 1 or by text.",
    )
    run_id = Identifier(required=False, help_text="The run that worked on it.")
    commits = commits_made()
    pull_requests = pull_requests_made()


@command(
    "finish_requirement",
    aliases=["complete_requirement"],
    arguments=FinishRequirementArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.READ,
    example={
        "title": "Export invoices as CSV",
        "project": "app",
        "outcome": "success",
        "output_summary": "Done, with tests.",
        "criteria_met": ["One row an invoice"],
    },
)
def finish(call: Call) -> CommandResult:
    """Hand in a requirement that you pulled, for review; or give it back.

    `commits` and `pull_requests` go to the run that worked on it. Answers `id`, `title`, `status` and `state`:
    `in_review`, or `promoted` after it was given back.
    """
    found = finish_requirement(call.caller, referenced_requirement(call), **call.given(*TOLD))
    answer = {"id": str(found.pk), "title": found.title, "status": "finished", "state": found.state}
    return CommandResult(answer, requirement_subject(found), call.arguments.get("outcome", ""))
