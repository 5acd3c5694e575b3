"""The command `rotate_token`."""

from datetime import timedelta

from access.roles import Role
from access.tokens import rotate_token
from api.answers import new_token_row, token_subject
from api.arguments import WholeNumber
from api.commands.revoke_token import TokenReference, referenced_token
from api.registry import Call, CommandResult, ProjectUse, command

# A month: long enough to reach every machine, short enough that an old secret ends.
MOST_GRACE_HOURS = 720


class RotateTokenArguments(TokenReference):
    """Which token, and how long the old secret still works."""

    grace_hours = WholeNumber(
        default=0, min_value=0, max_value=MOST_GRACE_HOURS, help_text="Hours that the old secret still works."
    )


@command(
    "rotate_token",
    arguments=RotateTokenArguments,
    role=Role.OWNER,
    writes=True,
    project=ProjectUse.NONE,
    example={"label": "ana, laptop", "grace_hours": 24},
    destructive=True,
)
def rotate(call: Call) -> CommandResult:
    """Replace a token by a new one of the same label, role and scope; its text is shown this once.

    Answers `status`, `token`, `id`, `label`, `person_name`, `role`, `project_scope`, `expires_at` and `replaces`, the
    old token's id.
    """
    old = referenced_token(call)
    new = rotate_token(call.caller, old, grace=timedelta(hours=call.arguments["grace_hours"]))
    answer = {"status": "rotated", **new_token_row(new), "replaces": str(old.pk)}
    return CommandResult(answer, token_subject(new.row), f"replaces {old.pk}", once=("token",))
