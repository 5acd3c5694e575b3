"""The command `revoke_token`."""

from access.errors import Invalid
from access.models import RoleToken
from access.roles import Role
from access.tokens import LABEL_LENGTH, find_token, revoke_token
from api.answers import in_utc, token_subject
from api.arguments import Arguments, Identifier, optional_text
from api.registry import Call, CommandResult, ProjectUse, command


class TokenReference(Arguments):
    """One existing token, by its id or by its label."""

    synonyms = {"id": ("token_id",), "label": ("person_name", "name")}

    id = Identifier(required=False, help_text="Id of the token; `token_id` is understood too.")
    label = optional_text(  # type: ignore[assignment]  # a field of that name, as the contract has it
        LABEL_LENGTH, help_text="Its label, where only one active token has it."
    )


class RevokeTokenArguments(TokenReference):
    """Which token."""


def referenced_token(call: Call) -> RoleToken:
    """The token that a call names by id or label. Raises NotFound, Conflict, or Invalid when it names none."""
    token_id, label = call.arguments.get("id"), call.arguments.get("label", "")
    if token_id is None and not label:
        raise Invalid("id or label is required", fields={"id": ["give an id or a label"]})
    return find_token(call.caller, token_id=str(token_id) if token_id else "", label=label)


@command(
    "revoke_token",
    arguments=RevokeTokenArguments,
    role=Role.OWNER,
    writes=True,
    project=ProjectUse.NONE,
    example={"label": "ana, laptop"},
    destructive=True,
    idempotent=True,
)
def revoke(call: Call) -> CommandResult:
    """Close the door for a token, at once.

    Answers `status`, `id`, `label`, `role`, `revoked_at`.
    """
    token = revoke_token(call.caller, referenced_token(call))
    answer = {
        "status": "revoked",
        "id": str(token.pk),
        "label": token.label,
        "role": token.role,
        "revoked_at": in_utc(token.revoked_at),
    }
    return CommandResult(answer, token_subject(token))
