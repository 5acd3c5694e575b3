"""The command `log_run`."""

from decimal import Decimal
from typing import Any

from access.audit import AuditSubject
from access.roles import Role
from api.arguments import LARGEST_INTEGER, Identifier, Number, ProjectArguments, WholeNumber, Words, optional_text
from api.registry import Call, CommandResult, ProjectUse, command
from runs.models import NAME_LENGTH
from runs.recording import FILES_AT_MOST, PATH_LENGTH, PROMPT_NAME_LENGTH, STATUS_LENGTH, log_run


def token_count(words: str) -> WholeNumber:
    """A count of tokens, also when a shell sends it as a string of digits."""
    return WholeNumber(required=False, lenient=True, min_value=0, max_value=LARGEST_INTEGER, help_text=words)


class LogRunArguments(ProjectArguments):
    """What an agent's run was; whatever is unknown is left out or null."""

    nulls_mean_absent = True
    synonyms = {"output_summary": ("summary",), "duration_s": ("duration_seconds",)}

    runner = optional_text(NAME_LENGTH, help_text="Which agent ran, and where.")
    run_id = Identifier(required=False, help_text="The run that this finishes.")
    session_id = optional_text(NAME_LENGTH, help_text="The agent's session; sent twice, it updates one run.")
    prompt_id = Identifier(required=False, help_text="The prompt that it ran.")
    prompt_name = optional_text(PROMPT_NAME_LENGTH, help_text="Its name.")
    status = optional_text(STATUS_LENGTH, help_text="How it ended; success when left out.")
    output_summary = optional_text(trim=False, help_text="What came of it.")
    model = optional_text(NAME_LENGTH, help_text="The model's name.")
    tokens_input = token_count("Tokens read.")
    tokens_output = token_count("Tokens written.")
    tokens_cache_read = token_count("Tokens read from the cache.")
    tokens_cache_creation = token_count("Tokens written to the cache.")
    cost_usd = Number(required=False, lenient=True, min_value=0, help_text="Cost in US dollars.")
    files_modified = Words(entry_length=PATH_LENGTH, max_length=FILES_AT_MOST, help_text="Paths that were changed.")
    duration_s = Number(required=False, lenient=True, min_value=0, help_text="Seconds that it took.")


REPORTED = tuple(str(name) for name in LogRunArguments().fields if name not in ("project", "cost_usd"))


@command(
    "log_run",
    aliases=["log_session", "end_session", "finish_run", "log_completion"],
    arguments=LogRunArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.WRITE,
    example={
        "project": "app",
        "runner": "claude-code",
        "session_id": "0b5e6f0c",
        "status": "success",
        "output_summary": "Wrote the CSV export.",
        "tokens_input": 12000,
        "tokens_output": 3400,
    },
    idempotent=True,
)
def log(call: Call) -> CommandResult:
    """Record a finished run, or finish the run of this `run_id` or `session_id`.

    Answers `id` and `status`.
    """
    run = log_run(call.caller, call.project, **call.given(*REPORTED), **_cost(call))
    subject = AuditSubject("run", str(run.pk), run.runner or run.session_id, run.project_id)
    return CommandResult({"id": str(run.pk), "status": "logged"}, subject)


def _cost(call: Call) -> dict[str, Any]:
    """The cost as the decimal number that was sent."""
    cost = call.arguments.get("cost_usd")
    return {} if cost is None else {"cost_usd": Decimal(str(cost))}
