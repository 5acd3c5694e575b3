"""What the operator's commands share: errors in words and exit code 1, never a traceback."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, ProgrammingError

from access.audit import AuditSubject, record_done
from access.callers import Caller, system_caller
from access.errors import Refusal

DOOR = "console"


class Error(CommandError):
    """Django prints the class's name before the words."""


class OperatorCommand(BaseCommand):
    """A command of the operator, who has an owner's rights everywhere."""

    # The checks of settings stand in `prepare`; here they would cost the import of every page.
    requires_system_checks = ()

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command; what was refused and what is not there is told in words."""
        if not settings.SECRET_KEY_IS_SET:
            raise Error("SECRET_KEY is not set. Start the portal with ./zikra up, which makes one, or set it.")
        try:
            return super().execute(*args, **options)
        except Refusal as refusal:
            raise Error(in_words(refusal)) from refusal
        except (OperationalError, InterfaceError) as error:
            raise Error(
                "The portal's database does not answer; start it with ./zikra up or set DATABASE_URL."
            ) from error
        except ProgrammingError as error:
            raise Error(
                "The portal's database has no tables yet; ./zikra up makes them, or run ./zikra migrate."
            ) from error

    @property
    def operator(self) -> Caller:
        """The caller that the operator is."""
        return system_caller("operator", DOOR)

    def audit(self, deed: str, subject: AuditSubject) -> None:
        """Write the audit row of something done."""
        record_done(self.operator, deed, subject=subject)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print rows under a head, in columns."""
        lines = [list(head), *[list(row) for row in rows]]
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        for line in lines:
            self.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def in_words(refusal: Refusal) -> str:
    """A refusal as one text: what was wrong, then what to do."""
    told = str(refusal.extra.get("message") or refusal.message)
    return f"{told} {refusal.hint}".strip()


def names_in(values: Iterable[str] | None) -> list[str]:
    """Project names given one by one or with commas between."""
    return [name.strip() for value in values or () for name in value.split(",") if name.strip()]


def as_id(text: str) -> str:
    """The text when it is a UUID, else ""."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return ""
