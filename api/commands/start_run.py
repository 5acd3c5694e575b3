"""The command `start_run`."""

from access.roles import Role
from api.registry import Call, CommandResult, ProjectUse, command
from api.run_arguments import RunArguments, run_subject, told_of_run
from runs.recording import start_run


class StartRunArguments(RunArguments):
    """What starts; everything may be left out."""


@command(
    "start_run",
    aliases=["begin_run", "log_start"],
    arguments=StartRunArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.WRITE,
    example={
        "project": "app",
        "runner": "claude-code",
        "agent": "claude-code",
        "session_id": "0b5e6f0c",
        "model": "claude-sonnet-4-5",
        "branch": "csv-export",
    },
)
def start(call: Call) -> CommandResult:
    """Say that a run begins; it is on the board until it ends.

    Answers `id` and `status`. The same `session_id` again goes on with the same run, also after it had ended. With
    `runner`, the prompt that this runner fetched last in the project is linked, once.
    """
    run = start_run(call.caller, call.project, **told_of_run(call))
    return CommandResult({"id": str(run.pk), "status": "started"}, run_subject(run))
