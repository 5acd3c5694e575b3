"""The command `anchor`."""

from access.audit import AuditSubject
from access.roles import Role
from api.arguments import Flag, ProjectArguments, Text, optional_text
from api.registry import Call, CommandResult, ProjectUse, command
from api.run_arguments import project_of_run
from runs import checkpoints
from runs.models import NAME_LENGTH


class AnchorArguments(ProjectArguments):
    """What must survive, and why."""

    fact = Text(max_length=checkpoints.FACT_LENGTH, help_text="One fact, at most 1,000 characters.")
    reason = optional_text(checkpoints.REASON_LENGTH, help_text="Why it matters.")
    session_id = optional_text(NAME_LENGTH, help_text="Holds in this session only; left out, in the whole project.")
    release = Flag(required=False, help_text="true lets go of the fact again.")


@command(
    "anchor",
    aliases=["pin_fact"],
    arguments=AnchorArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.READ,
    example={"project": "app", "fact": "Never run migrations against production.", "reason": "There is no way back."},
)
def anchor(call: Call) -> CommandResult:
    """Pin a fact that survives every compaction: it comes back whole each time a session's context is restored.

    The same fact again stays one. Answers `id`, `fact`, `reason` and `pinned`.
    """
    asked, project = call.arguments, project_of_run(call)
    session = asked.get("session_id") or ""
    if asked.get("release"):
        fact = checkpoints.release_fact(call.caller, project, asked["fact"], session_id=session)
    else:
        reason = asked.get("reason") or ""
        fact = checkpoints.pin_fact(call.caller, project, asked["fact"], reason=reason, session_id=session)
    pinned = fact.released_at is None
    answer = {"id": str(fact.pk), "fact": fact.fact, "reason": fact.reason, "pinned": pinned}
    return CommandResult(answer, AuditSubject("pinned fact", str(fact.pk), fact.fact[:200], project.pk))
