"""The audit trail: one row for every write and every refused call, in the write's own transaction."""

from dataclasses import dataclass

from access.callers import Caller
from access.models import AuditEntry, AuditOutcome

DETAIL_LENGTH = 500
TITLE_LENGTH = 200


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
    """Write one audit row. Long details and titles are cut; nothing secret may be passed in `detail`."""
    AuditEntry.objects.create(
        caller=caller.name[:TITLE_LENGTH],
        role=caller.role,
        token_id=caller.token_id,
        member_id=caller.member_id,
        door=caller.door,
        command=command[:80],
        project_id=subject.project_id,
        object_type=subject.kind,
        object_id=subject.id,
        object_title=subject.title[:TITLE_LENGTH],
        outcome=outcome,
        status=status,
        detail=detail.replace("\x00", "")[:DETAIL_LENGTH],
        request_id=caller.request_id[:64],
        address=caller.address,
    )


def record_done(caller: Caller, command: str, *, subject: AuditSubject = AuditSubject(), detail: str = "") -> None:
    """The row of a write that was done."""
    record(caller, command, AuditOutcome.DONE, 200, subject=subject, detail=detail)
