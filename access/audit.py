"""The audit trail: one row for every write and every refused call, in the write's own transaction."""

from dataclasses import dataclass

from access.callers import Caller
from access.masking import mask
from access.models import AuditEntry, AuditOutcome

DETAIL_LENGTH = 500
TITLE_LENGTH = 200
COMMAND_LENGTH = 80
KIND_LENGTH = 40
ID_LENGTH = 64


@dataclass(frozen=True)
class AuditSubject:
    """What a call touched: its kind ("memory", "token" …), id and title."""

    kind: str = ""
    id: str = ""
    title: str = ""
    project_id: int | None = None


def record(
    caller: Caller,
    command: str,
    outcome: AuditOutcome,
    status: int,
    *,
    subject: AuditSubject = AuditSubject(),
    detail: str = "",
) -> None:
    """Write one audit row. Secrets in titles and details are masked; what is too long or cannot be stored is cut."""
    AuditEntry.objects.create(
        caller=_storable(caller.name, TITLE_LENGTH),
        role=caller.role,
        token_id=caller.token_id,
        member_id=caller.member_id,
        door=caller.door,
        command=_storable(command, COMMAND_LENGTH),
        project_id=subject.project_id,
        object_type=_storable(subject.kind, KIND_LENGTH),
        object_id=_storable(subject.id, ID_LENGTH),
        object_title=_storable(mask(subject.title).text, TITLE_LENGTH),
        outcome=outcome,
        status=status,
        detail=_storable(mask(detail).text, DETAIL_LENGTH),
        request_id=_storable(caller.request_id, ID_LENGTH),
        address=caller.address,
    )


def _storable(text: str, length: int) -> str:
    """So much of a text, without what PostgreSQL refuses: NUL bytes and halves of characters."""
    return text[:length].replace("\x00", "").encode(errors="replace").decode()


def record_done(caller: Caller, command: str, *, subject: AuditSubject = AuditSubject(), detail: str = "") -> None:
    """The row of a write that was done."""
    record(caller, command, AuditOutcome.DONE, 200, subject=subject, detail=detail)
