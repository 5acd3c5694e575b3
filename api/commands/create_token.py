"""The command `create_token`."""

from datetime import timedelta

from django.utils import timezone

from access.callers import Caller
from access.errors import Invalid
from access.models import PROJECT_NAME_LENGTH
from access.roles import ROLE_ORDER, Role, role_named
from access.scope import check_project_name
from access.tokens import LABEL_LENGTH, MAX_EXPIRY_DAYS, make_token
from api.answers import new_token_row, token_subject
from api.arguments import Arguments, Names, Text, WholeNumber
from api.registry import Call, CommandResult, ProjectUse, command

# Far above what one machine can send; a limit beyond it is none (0).
MOST_CALLS_PER_MINUTE = 1_000_000


class CreateTokenArguments(Arguments):
    """Whose token, and what it may."""

    synonyms = {"label": ("person_name", "name"), "project_scope": ("projects", "project")}

    label = Text(  # type: ignore[assignment]  # a field of that name, as the contract has it
        max_length=LABEL_LENGTH, help_text="Who or what uses it; `person_name` is understood too."
    )
    role = Text(default=Role.COLLABORATOR.value, max_length=40, help_text="guest, collaborator, admin or owner.")
    project_scope = Names(
        entry_length=PROJECT_NAME_LENGTH, help_text="A project's name or a list; left out, all that the caller reaches."
    )
    expires_in_days = WholeNumber(
        required=False, min_value=1, max_value=MAX_EXPIRY_DAYS, help_text="Left out, it does not expire."
    )
    rate_per_minute = WholeNumber(
        required=False, min_value=0, max_value=MOST_CALLS_PER_MINUTE, help_text="Calls a minute; 0 for no limit."
    )


@command(
    "create_token",
    aliases=["new_token", "token"],
    arguments=CreateTokenArguments,
    role=Role.OWNER,
    writes=True,
    project=ProjectUse.NONE,
    example={"label": "ana, laptop", "role": "collaborator", "project_scope": ["app"], "expires_in_days": 90},
)
def create_token(call: Call) -> CommandResult:
    """Make a token for an agent; its text is shown this once.

    Answers `status`, `token`, `id`, `label`, `person_name`, `role`, `project_scope` (null for all) and `expires_at`.
    """
    asked = call.arguments
    days = asked.get("expires_in_days")
    new = make_token(
        call.caller,
        asked["label"],
        _role(asked["role"]),
        project_names=_scope(call.caller, asked.get("project_scope")),
        expires_at=timezone.now() + timedelta(days=days) if days else None,
        rate_per_minute=asked.get("rate_per_minute"),
    )
    answer = {"status": "created", **new_token_row(new)}
    return CommandResult(answer, token_subject(new.row), f"role {new.row.role}", once=("token",))


def _role(word: str) -> Role:
    try:
        return role_named(word)
    except ValueError as error:
        allowed = [role.value for role in ROLE_ORDER]
        fields = {"role": [f"must be one of {', '.join(allowed)}"]}
        raise Invalid(str(error), allowed_roles=allowed, fields=fields) from None


def _scope(caller: Caller, names: list[str] | None) -> list[str] | None:
    """The asked projects; an empty list is refused, since "none" could be meant as well as "all"."""
    if names is None:
        return None if caller.project_ids is None else list(caller.project_names)
    if not names:
        problem = "names no project"
        raise Invalid(
            f"project_scope {problem}", fields={"project_scope": [problem]}, hint="Leave it out for every project."
        )
    return [check_project_name(name) for name in names]
