"""The commands: each is declared once, in api/commands/<name>.py, and everything else is derived from here.

Dispatch, `zikra_help`, the OpenAPI description, docs/commands.md and the MCP tools read this registry; no other list
of commands exists.
"""

import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from importlib import import_module
from typing import Any

from rest_framework import serializers

from access.audit import AuditSubject
from access.callers import Caller, visible_project_ids
from access.errors import Invalid
from access.models import GLOBAL_PROJECT, Project
from access.roles import Role
from api.arguments import Arguments, validated


class ProjectUse(Enum):
    """What a command's `project` argument means."""

    NONE = "none"
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a command, allowed and validated.

    arguments: validated values; what was left out and has no default is absent.
    project_name: what a reading command looks into; the global project means all in the caller's scope.
    target: the project that a writing command writes to.
    """

    caller: Caller
    arguments: dict[str, Any]
    project_name: str = GLOBAL_PROJECT
    target: Project | None = None

    @property
    def project(self) -> Project:
        """The project to write to; only commands of ProjectUse.WRITE have one."""
        assert self.target is not None, "the command is not declared with ProjectUse.WRITE"
        return self.target

    @property
    def project_ids(self) -> list[int] | None:
        """Keys of the projects to read; None for no bound. Costs a query when one of several projects is named."""
        if self.caller.project_ids is not None and self.caller.project_names == (self.project_name,):
            return list(self.caller.project_ids)
        return visible_project_ids(self.caller, self.project_name)

    def given(self, *names: str) -> dict[str, Any]:
        """Those of the named arguments that were given, for verbs that tell "left out" from "empty"."""
        return {name: self.arguments[name] for name in names if self.arguments.get(name) is not None}


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command answers, and what it touched for the audit trail.

    answer: JSON values only. once: names of answer fields that are shown this once and never stored, not even for a
    repeated call with the same idempotency key.
    """

    answer: dict[str, Any]
    subject: AuditSubject = field(default_factory=AuditSubject)
    detail: str = ""
    once: tuple[str, ...] = ()


@dataclass(frozen=True)
class Command:
    """A command as it was declared."""

    name: str
    function: Callable[[Call], CommandResult]
    arguments: type[Arguments]
    role: Role
    writes: bool
    project: ProjectUse
    example: dict[str, Any]
    aliases: tuple[str, ...] = ()
    destructive: bool = False
    idempotent: bool = False

    @cached_property
    def serializer(self) -> Arguments:
        """The one instance that validates every call; it keeps nothing of a call."""
        return self.arguments()

    @property
    def summary(self) -> str:
        """The docstring's first paragraph on one line."""
        return " ".join(self.documentation.partition("\n\n")[0].split())

    @property
    def documentation(self) -> str:
        """The whole docstring."""
        return inspect.getdoc(self.function) or ""

    @property
    def required(self) -> list[str]:
        """Names of the arguments that a call must have."""
        return [name for name, found in self.serializer.fields.items() if found.required]

    @property
    def optional(self) -> list[str]:
        """Names of the arguments that a call may have."""
        return [name for name, found in self.serializer.fields.items() if not found.required]

    def validate(self, body: dict[str, Any]) -> dict[str, Any]:
        """The arguments in a call's body. Raises Invalid."""
        return validated(self.serializer, body)


class DeclarationError(Exception):
    """A command is declared so that a reader, a client or the role check could not rely on it."""


class Registry:
    """Commands by name and by alias."""

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}
        self._words: dict[str, Command] = {}

    def add(self, command: Command) -> None:
        """Take a command in. Raises DeclarationError with the reason when it is not complete."""
        problem = _problem_of(command) or self._clash_of(command)
        if problem:
            raise DeclarationError(f"Command '{command.name}' {problem}.")
        self._commands[command.name] = command
        for word in (command.name, *command.aliases):
            self._words[word] = command

    def find(self, word: str) -> Command | None:
        """The command that a word means: its name or an alias, whatever the case and outer blanks."""
        return self._words.get(word.strip().casefold())

    def all(self) -> list[Command]:
        """Every command, sorted by name."""
        return [self._commands[name] for name in sorted(self._commands)]

    def names(self) -> list[str]:
        """Every command's name, sorted."""
        return sorted(self._commands)

    def _clash_of(self, command: Command) -> str:
        words = (command.name, *command.aliases)
        taken = [word for word in words if word in self._words] + [word for word in words if words.count(word) > 1]
        return f"uses the word '{taken[0]}', which is taken" if taken else ""


registry = Registry()


def command(
    name: str,
    *,
    arguments: type[Arguments],
    role: Role,
    writes: bool,
    project: ProjectUse,
    example: dict[str, Any],
    aliases: tuple[str, ...] | list[str] = (),
    destructive: bool = False,
    idempotent: bool = False,
    into: Registry = registry,
) -> Callable[[Callable[[Call], CommandResult]], Callable[[Call], CommandResult]]:
    """Declare a function to be a command.

    role: the weakest that may call it. writes: whether it changes anything: such calls run in one transaction, are
    audited and take idempotency keys. project: what its `project` argument means. example: arguments of a call that
    works as printed. destructive, idempotent: what MCP clients are told. Raises DeclarationError.
    """

    def declare(function: Callable[[Call], CommandResult]) -> Callable[[Call], CommandResult]:
        into.add(
            Command(name, function, arguments, role, writes, project, example, tuple(aliases), destructive, idempotent)
        )
        return function

    return declare


def load_commands() -> None:
    """Import every module of api.commands, which declares its command."""
    package = import_module("api.commands")
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")


def _problem_of(command: Command) -> str:
    """What is wrong with a declaration, or ""."""
    if not command.documentation:
        return "has no docstring"
    if not isinstance(command.role, Role):
        return "names no role"
    if not (isinstance(command.arguments, type) and issubclass(command.arguments, Arguments)):
        return "has no serializer for its arguments"
    if command.project is not ProjectUse.NONE and "project" not in command.serializer.fields:
        return "uses a project but does not accept the argument"
    if any(isinstance(found, serializers.BaseSerializer) for found in command.serializer.fields.values()):
        return "nests serializers; MCP clients need flat arguments"
    if any(word != word.strip().casefold() or not word for word in (command.name, *command.aliases)):
        return "has a name or alias that is not in lower case"
    try:
        command.validate(command.example)
    except Invalid as error:
        return f"has an example that its serializer refuses: {error.message}"
    return ""
