"""What the commands about runs have in common: which run, in which project, and what is told of it."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from access.audit import AuditSubject
from access.errors import Invalid
from access.models import Project
from access.scope import project_to_write
from api.arguments import (
    LARGEST_INTEGER,
    Arguments,
    Identifier,
    Moment,
    Number,
    ProjectArguments,
    WholeNumber,
    Words,
    optional_text,
)
from api.registry import Call
from requirements_pipeline.reading import find_requirement
from runs.models import CHANGE_LENGTH, NAME_LENGTH, STATUS_LENGTH, STEP_LENGTH, TOKEN_KINDS, Run
from runs.reading import run_meant
from runs.recording import CHANGES_AT_MOST, FILES_AT_MOST, MODELS_AT_MOST, PATH_LENGTH, TITLE_LENGTH, ModelTokens, Told
from runs.tokens import TokenCounts


def token_count(words: str) -> WholeNumber:
    """A count of tokens, also when a shell sends it as a string of digits."""
    return WholeNumber(required=False, lenient=True, min_value=0, max_value=LARGEST_INTEGER, help_text=words)


class TokenArguments(Arguments):
    """Totals of the run so far; the kinds do not overlap."""

    nulls_mean_absent = True

    tokens_input = token_count("Tokens read, without those from the cache.")
    tokens_output = token_count("Tokens written, thinking included.")
    tokens_cache_read = token_count("Tokens read from the cache.")
    tokens_cache_creation = token_count(
        "Tokens written to the cache, in all; what `tokens_cache_write_1h` does not tell apart counts as kept for 5 minutes."
    )
    tokens_cache_write_5m = token_count("Of these, kept for 5 minutes.")
    tokens_cache_write_1h = token_count("Of these, kept for an hour.")


class UsageArguments(TokenArguments):
    """Tokens of one model."""

    model = optional_text(NAME_LENGTH, help_text="The model's name.")


class UsageByModel(serializers.ListField):
    """A list of objects, each the tokens of one model. Its schema stays flat, for clients that follow no references."""

    child = serializers.DictField()
    entry = UsageArguments()

    def to_internal_value(self, data: Any) -> list[dict[str, Any]]:
        """The validated objects."""
        return [self._checked(place, found) for place, found in enumerate(super().to_internal_value(data))]

    def _checked(self, place: int, found: dict[str, Any]) -> dict[str, Any]:
        try:
            return self.entry.run_validation(found)
        except serializers.ValidationError as error:
            told = dict(error.detail)  # type: ignore[arg-type]
            raise serializers.ValidationError(
                [f"entry {place}: {name} {' '.join(map(str, problems))}" for name, problems in told.items()]
            ) from None


class RunArguments(TokenArguments, ProjectArguments):
    """What may be told of a run at any time; whatever is unknown is left out or null."""

    synonyms = {"output_summary": ("summary",), "duration_s": ("duration_seconds",)}

    runner = optional_text(NAME_LENGTH, help_text="Who runs: the agent and where, in its own words.")
    session_id = optional_text(NAME_LENGTH, help_text="The agent's session; one run for each.")
    agent = optional_text(NAME_LENGTH, help_text="The tool, such as claude-code.")
    model = optional_text(NAME_LENGTH, help_text="The model's name.")
    machine = optional_text(NAME_LENGTH, help_text="The machine's name.")
    cwd = optional_text(PATH_LENGTH, help_text="The directory.")
    branch = optional_text(NAME_LENGTH, help_text="The branch of its repository.")
    prompt_id = Identifier(required=False, help_text="The prompt that it runs.")
    prompt_name = optional_text(TITLE_LENGTH, help_text="Its name.")
    requirement_id = Identifier(required=False, help_text="The requirement that it works on.")
    step = optional_text(STEP_LENGTH, help_text="What it is doing now, in a few words.")
    usage = UsageByModel(
        required=False,
        max_length=MODELS_AT_MOST,
        help_text="Instead of the `tokens_` fields: an object with `model` and these fields for each model.",
    )
    cost_usd = Number(
        required=False, lenient=True, min_value=0, help_text="Cost so far in US dollars, as the agent reckons it."
    )
    at = Moment(required=False, help_text="When it happened, for a report that comes late.")


def commits_made() -> Words:
    """Commits of a run."""
    return Words(entry_length=CHANGE_LENGTH, max_length=CHANGES_AT_MOST, help_text="Commits made: hashes or addresses.")


def pull_requests_made() -> Words:
    """Pull requests of a run."""
    return Words(
        entry_length=CHANGE_LENGTH,
        max_length=CHANGES_AT_MOST,
        help_text="Pull requests opened or added to: numbers or addresses.",
    )


class EndedRunArguments(RunArguments):
    """What is told of a run that has ended."""

    run_id = Identifier(required=False, help_text="The run that this finishes.")
    status = optional_text(STATUS_LENGTH, help_text="How it ended; success when left out.")
    output_summary = optional_text(trim=False, help_text="What came of it.")
    files_modified = Words(entry_length=PATH_LENGTH, max_length=FILES_AT_MOST, help_text="Paths that were changed.")
    commits = commits_made()
    pull_requests = pull_requests_made()
    duration_s = Number(required=False, lenient=True, min_value=0, help_text="Seconds that it took.")


PLAIN = (
    *("runner", "session_id", "agent", "model", "machine", "cwd", "branch", "prompt_id", "prompt_name"),
    *(
        "requirement_id",
        "step",
        "at",
        "run_id",
        "status",
        "output_summary",
        "files_modified",
        "commits",
        "pull_requests",
        "duration_s",
    ),
)


def told_of_run(call: Call) -> Told:
    """What a call tells, as the verbs take it. Raises NotFound for a requirement out of sight."""
    told: dict[str, Any] = call.given(*PLAIN)
    told.update(zip(TOKEN_KINDS, _counts(call.arguments).known(), strict=True))
    told["usage"] = [ModelTokens(entry.get("model", ""), _counts(entry)) for entry in call.arguments.get("usage") or ()]
    cost = call.arguments.get("cost_usd")
    # The decimal number that was sent, not the nearest binary one.
    told["cost_usd"] = None if cost is None else Decimal(str(cost))
    if "requirement_id" in told:
        told["requirement_title"] = find_requirement(call.caller, requirement_id=told["requirement_id"]).title
    return told  # type: ignore[return-value]


def project_of_run(call: Call) -> Project:
    """The named project; with none, that of the run that is named, else the caller's own."""
    if not call.arguments.get("project"):
        run = run_meant(call.caller, call.arguments.get("run_id"), call.arguments.get("session_id") or "")
        if run is not None:
            return run.project
    return project_to_write(call.caller, call.arguments.get("project"))


def run_subject(run: Run) -> AuditSubject:
    """How a run stands in the audit trail."""
    return AuditSubject("run", str(run.pk), run.runner or run.agent or run.session_id, run.project_id)


def _counts(told: dict[str, Any]) -> TokenCounts:
    """The five kinds. A total of cache writes is told apart as far as it was."""
    hour, short, all_writes = (
        told.get(name) for name in ("tokens_cache_write_1h", "tokens_cache_write_5m", "tokens_cache_creation")
    )
    if all_writes is not None:
        rest = all_writes - (hour or 0)
        if rest < 0 or (short is not None and short != rest):
            problem = f"{all_writes} is not the sum of tokens_cache_write_5m and tokens_cache_write_1h."
            raise Invalid(f"tokens_cache_creation: {problem}", fields={"tokens_cache_creation": [problem]})
        short = rest
    return TokenCounts(
        tokens_input=told.get("tokens_input"),
        tokens_output=told.get("tokens_output"),
        tokens_cache_read=told.get("tokens_cache_read"),
        tokens_cache_write_5m=short,
        tokens_cache_write_1h=hour,
    )
