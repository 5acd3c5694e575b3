"""The command `pull_requirement`."""

from access.roles import Role
from api.arguments import Identifier, ProjectArguments, optional_text
from api.commands.save_requirement import requirement_subject
from api.registry import Call, CommandResult, ProjectUse, command
from api.requirement_answers import requirement_row
from requirements_pipeline.pulling import pull_requirement
from runs.models import NAME_LENGTH


class PullRequirementArguments(ProjectArguments):
    """Where to look, and who pulls."""

    runner = optional_text(NAME_LENGTH, help_text="Who will work on it; left out, the token's label.")
    run_id = Identifier(required=False, help_text="The run that pulls it.")


@command(
    "pull_requirement",
    aliases=["next_requirement", "claim_requirement"],
    arguments=PullRequirementArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.READ,
    example={"project": "app", "runner": "codex on anvil"},
)
def pull(call: Call) -> CommandResult:
    """Claim the most urgent requirement that is ready; nobody else gets it.

    Answers `requirement`: its whole text, `acceptance` and linked `memories`; null when nothing waits. Name its id as
    `requirement_id` in start_run and heartbeat_run: when its runs fall silent it goes back to those that wait. Hand it
    in with finish_requirement.
    """
    found = pull_requirement(call.caller, call.project_ids, **call.given("runner", "run_id"))
    if found is None:
        return CommandResult({"requirement": None})
    return CommandResult({"requirement": requirement_row(call.caller, found)}, requirement_subject(found))
