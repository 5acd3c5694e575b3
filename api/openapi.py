"""The OpenAPI description of the webhook, derived from the commands' declarations: one component for each command."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema_field,
    inline_serializer,
)
from rest_framework import serializers

from api.models import KEY_LENGTH
from api.registry import Command, registry

DESCRIPTION = """Every command is one POST of a JSON object that names the `command`; its other members are the
command's arguments. Nothing has changed when the status is not 200."""
REFUSALS = {
    400: "The call is malformed: an unknown command, or an argument that breaks a rule.",
    403: "The token's role is too weak, the project lies outside its scope, or the machine that the client names is refused.",
    404: "There is no such thing in the token's sight.",
    409: "The thing's state does not allow it, or the idempotency key was used for another call.",
    413: "The body is too large.",
    429: "The token's calls of this minute are used up; `Retry-After` says for how many seconds.",
    500: "A fault of the portal.",
    503: "The database does not answer; `Retry-After` says when to try again.",
}


class RoleTokenScheme(OpenApiAuthenticationExtension):
    """How a role token is sent."""

    target_class = "api.authentication.RoleTokenAuthentication"
    name = "RoleToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """A bearer token in the Authorization header."""
        return {"type": "http", "scheme": "bearer", "description": "A role token, as `create_token` answers it."}


def webhook_description() -> dict[str, Any]:
    """Keyword arguments for `extend_schema` on the webhook's method."""
    refusal = _refusal_body()
    return {
        "operation_id": "run_command",
        "summary": "Run a command",
        "description": DESCRIPTION,
        "tags": ["commands"],
        "parameters": [
            OpenApiParameter(
                "Idempotency-Key",
                {"type": "string", "maxLength": KEY_LENGTH},
                OpenApiParameter.HEADER,
                description="For commands that write: the same key answers the first result again, for seven days.",
            )
        ],
        "request": PolymorphicProxySerializer(
            component_name="Command",
            serializers=_request_serializers,
            resource_type_field_name="command",
        ),
        "responses": {
            200: _answer(),
            401: _unauthorized(),
            **{status: _refusal(status, refusal) for status in REFUSALS},
        },
        "examples": [
            OpenApiExample(
                command.name,
                {"command": command.name, **command.example},
                summary=f"{command.name}: {command.summary}",
                request_only=True,
            )
            for command in registry.all()
        ],
    }


def _request_serializers() -> dict[str, serializers.Serializer[Any] | type[serializers.Serializer[Any]]]:
    return {command.name: request_serializer(command) for command in registry.all()}


def request_serializer(command: Command) -> type[serializers.Serializer[Any]]:
    """A command's arguments with all that a request holds beside them."""
    fields: dict[str, Any] = {"command": _name_field(command)}
    if command.writes:
        fields["idempotency_key"] = serializers.CharField(
            required=False,
            max_length=KEY_LENGTH,
            allow_blank=True,
            allow_null=True,
            help_text="As the header of that name.",
        )
    title = "".join(word.capitalize() for word in command.name.split("_"))
    return type(title, (command.arguments,), {**fields, "__doc__": command.documentation})


def _name_field(command: Command) -> serializers.Field:
    @extend_schema_field({"type": "string", "enum": [command.name]})
    class CommandName(serializers.CharField):
        """The command's own name."""

    return CommandName(help_text=f"Also: {', '.join(command.aliases)}." if command.aliases else "")


def _answer() -> OpenApiResponse:
    schema = {
        "type": "object",
        "properties": {
            "_use_command": {"type": "string", "enum": registry.names(), "description": "The command's own name."},
            "_was_alias": {"type": "boolean", "enum": [True]},
            "_raw_command": {"type": "string", "description": "The alias that was sent."},
        },
        "required": ["_use_command"],
    }
    return OpenApiResponse(schema, "The command's result; each command's description names its fields.")


def _unauthorized() -> OpenApiResponse:
    body = inline_serializer("Unauthorized", {"detail": serializers.CharField()})
    return OpenApiResponse(body, "No token, or one that is unknown, expired or revoked.")


def _refusal(status: int, body: serializers.Serializer[Any]) -> OpenApiResponse:
    return OpenApiResponse(body, REFUSALS[status])


def _refusal_body() -> serializers.Serializer[Any]:
    return inline_serializer(
        "Refusal",
        {
            "error": serializers.CharField(help_text="What was wrong."),
            "hint": serializers.CharField(required=False, help_text="What to do."),
            "fields": serializers.DictField(
                child=serializers.ListField(child=serializers.CharField()),
                required=False,
                help_text="Problems by argument.",
            ),
        },
    )
