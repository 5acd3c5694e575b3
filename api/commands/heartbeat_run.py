"""The command `heartbeat_run`."""

from access.roles import Role
from api.arguments import Identifier
from api.registry import Call, CommandResult, ProjectUse, command
from api.run_arguments import RunArguments, project_of_run, run_subject, told_of_run
from runs.recording import heartbeat_run


class HeartbeatRunArguments(RunArguments):
    """Which run gives a sign of life, and what is known by now."""

    run_id = Identifier(required=False, help_text="The run; or send its `session_id`.")


@command(
    "heartbeat_run",
    aliases=["touch_run"],
    arguments=HeartbeatRunArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.READ,
    example={"project": "app", "session_id": "0b5e6f0c", "step": "Running the tests", "tokens_output": 1200},
)
def heartbeat(call: Call) -> CommandResult:
    """Say that a run goes on, what it is doing and how many tokens it has taken so far.

    Answers `id` and `status`: `running`, or how it ended. Counts are totals of the run so far, not additions. After ten
    silent minutes (a setting) a run is shown as stale; its next heartbeat brings it back. A run that has ended stays so.
    """
    run = heartbeat_run(call.caller, project_of_run(call), **told_of_run(call))
    return CommandResult({"id": str(run.pk), "status": run.status}, run_subject(run))
