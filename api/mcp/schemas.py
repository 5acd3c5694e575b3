"""A command's arguments as a flat JSON Schema: one object of plain properties, with no references and no alternatives.

The schema tells a model what to send; `run_command` is what holds it. Only such `format`s are told as every vendor's
model takes; others stand in the words.
"""

from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from api.arguments import (
    ClampedNumber,
    Day,
    Flag,
    Identifier,
    Moment,
    Number,
    WholeNumber,
    Words,
)
from api.models import KEY_LENGTH
from api.registry import Command

IDEMPOTENCY_KEY = {
    "type": "string",
    "maxLength": KEY_LENGTH,
    "description": "Sent again with the same key, the call answers its first result and changes nothing.",
}
# First match wins: kinds before those that they are made of.
PLAIN_TYPES: list[tuple[type[serializers.Field], dict[str, Any], str]] = [
    (Flag, {"type": "boolean"}, ""),
    (Identifier, {"type": "string"}, "A UUID."),
    (Moment, {"type": "string", "format": "date-time"}, ""),
    (Day, {"type": "string"}, "A day such as 2026-03-31."),
    (WholeNumber, {"type": "integer"}, ""),
    (Number, {"type": "number"}, ""),
    (Words, {"type": "array", "items": {"type": "string"}}, ""),
    (serializers.ListField, {"type": "array", "items": {"type": "object"}}, ""),
    (serializers.CharField, {"type": "string"}, ""),
]


def input_schema(command: Command) -> dict[str, Any]:
    """What a tool takes."""
    properties = {name: _property(found) for name, found in command.serializer.fields.items()}
    if command.writes:
        properties["idempotency_key"] = IDEMPOTENCY_KEY
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    return {**schema, "required": command.required} if command.required else schema


def _property(found: serializers.Field) -> dict[str, Any]:
    plain, words = next((plain, words) for kind, plain, words in PLAIN_TYPES if isinstance(found, kind))
    described = " ".join(part for part in (str(found.help_text or ""), words) if part)
    told = {**plain, **_bounds(found)}
    if described:
        told["description"] = described
    if found.default is not empty and found.default not in ("", None):
        told["default"] = found.default
    return told


def _bounds(found: serializers.Field) -> dict[str, Any]:
    """The lengths and values that a field accepts."""
    if isinstance(found, ClampedNumber):
        # Values beyond are moved to the nearest bound; a model had better know them.
        return {"minimum": found.lowest, "maximum": found.highest}
    names = {"minItems": "min_length", "maxItems": "max_length"}
    if not isinstance(found, serializers.ListField):
        names = {"maxLength": "max_length", "minimum": "min_value", "maximum": "max_value"}
    told = {name: getattr(found, attribute, None) for name, attribute in names.items()}
    return {name: bound for name, bound in told.items() if bound is not None}
