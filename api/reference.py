"""The reference of all commands, derived from their declarations: for zikra_help, errors and docs/commands.md."""

import json
from functools import cache
from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from api.arguments import Day, Flag, Identifier, Moment, Number, WholeNumber, Words
from api.registry import Command, ProjectUse, registry

WORDS_FOR_KINDS: list[tuple[type[serializers.Field], str]] = [
    (Words, "list of strings"),
    (Flag, "true or false"),
    (Identifier, "id"),
    (Moment, "time"),
    (Day, "day"),
    (WholeNumber, "whole number"),
    (Number, "number"),
]
TIP = "POST a JSON object with `command` and its arguments. Aliases work; `_use_command` tells the real name."
INTRODUCTION = """# Commands

Written by `manage.py write_commands_reference` from the commands' own declarations; edit those.

Every command is one request: `POST /webhook/zikra` with `Authorization: Bearer TOKEN` and a JSON object that names the
`command` and its arguments. The answer is a JSON object: the result and `_use_command`, the command's real name. Errors
answer with a status of 400 or above and `error` in words, often with `fields` and `hint`, and have changed nothing.
Roles, weakest first: guest, collaborator, admin, owner; each may do all that a weaker one may.

Commands that write take an `Idempotency-Key` header (or an `idempotency_key` field, at most 200 characters): sent again
within seven days, the same call answers its first result and changes nothing.
"""


@cache
def command_reference() -> list[dict[str, Any]]:
    """Every command with its aliases, description, arguments, role and an example that works as it stands."""
    return [
        {
            "command": command.name,
            "aliases": list(command.aliases),
            "description": command.summary,
            "required": command.required,
            "optional": command.optional,
            "role": command.role.value,
            "example": {"command": command.name, **command.example},
        }
        for command in registry.all()
    ]


def commands_page() -> str:
    """The Markdown page docs/commands.md."""
    contents = "\n".join(f"- [`{command.name}`](#{command.name}): {command.summary}" for command in registry.all())
    sections = "\n".join(_section(command) for command in registry.all())
    return f"{INTRODUCTION}\n{contents}\n\n{sections}"


def _section(command: Command) -> str:
    facts = [f"Role: {command.role.value}"]
    if command.aliases:
        facts.append("aliases: " + ", ".join(f"`{alias}`" for alias in command.aliases))
    if command.writes:
        facts.append("takes an idempotency key")
    if command.project is ProjectUse.READ:
        facts.append("reading `global` means every project in the token's scope")
    example = json.dumps({"command": command.name, **command.example}, indent=2, ensure_ascii=False)
    return f"""## {command.name}

{command.documentation}

{"; ".join(facts)}.

{_arguments_table(command)}
```json
{example}
```
"""


def _arguments_table(command: Command) -> str:
    fields = command.serializer.fields
    if not fields:
        return "No arguments.\n"
    rows = [f"| `{name}` | {_kind(row)} | {_need(row)} | {row.help_text or ''} |" for name, row in fields.items()]
    return "\n".join(["| argument | kind | needed | |", "|---|---|---|---|", *rows, ""])


def _kind(found: serializers.Field) -> str:
    return next((words for kind, words in WORDS_FOR_KINDS if isinstance(found, kind)), "string")


def _need(found: serializers.Field) -> str:
    if found.required:
        return "yes"
    if found.default is empty or found.default in ("", None):
        return "no"
    return f"no, `{json.dumps(found.default)}`"
