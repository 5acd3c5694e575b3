"""The command `log_run`."""

from access.roles import Role
from api.registry import Call, CommandResult, ProjectUse, command
from api.run_arguments import EndedRunArguments, project_of_run, run_subject, told_of_run
from runs.recording import log_run


class LogRunArguments(EndedRunArguments):
    """What an agent's run was; whatever is unknown is left out or null."""


@command(
    "log_run",
    aliases=["log_session", "end_session", "finish_run", "log_completion"],
    arguments=LogRunArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.READ,
    example={
        "project": "app",
        "runner": "claude-code",
        "session_id": "0b5e6f0c",
        "status": "success",
        "output_summary": "Wrote the CSV export.",
        "model": "claude-sonnet-4-5",
        "tokens_input": 12000,
        "tokens_output": 3400,
    },
    idempotent=True,
)
def log(call: Call) -> CommandResult:
    """Record a finished run, or finish the run of this `run_id` or `session_id`.

    Answers `id` and `status`. Left out, `cost_usd` is computed with the prices of the day that the run started on; a
    model without a price leaves it unknown.
    """
    run = log_run(call.caller, project_of_run(call), **told_of_run(call))
    return CommandResult({"id": str(run.pk), "status": "logged"}, run_subject(run))
