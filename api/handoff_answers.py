"""Handoffs as the commands answer them."""

from typing import Any

from access.audit import AuditSubject
from api.answers import in_utc
from runs.models import Handoff


def handoff_row(handoff: Handoff) -> dict[str, Any]:
    """A handoff with all that is known of it."""
    return {
        "id": str(handoff.pk),
        "project": handoff.project.name,
        "state": handoff.state,
        "automatic": handoff.is_automatic,
        "from_session": handoff.from_session,
        "from_agent": handoff.from_agent,
        "from_person": handoff.from_person,
        "cwd": handoff.cwd,
        "summary": handoff.summary,
        "open_questions": handoff.open_questions,
        "next_steps": handoff.next_steps,
        "files_touched": handoff.files_touched,
        "assigned_to": handoff.assigned_to.username if handoff.assigned_to is not None else None,
        "created_at": in_utc(handoff.created_at),
        "accepted_at": None if handoff.accepted_at is None else in_utc(handoff.accepted_at),
        "accepted_session": handoff.accepted_session,
        "accepted_agent": handoff.accepted_agent,
        "accepted_person": handoff.accepted_person,
        "ended_reason": handoff.ended_reason,
    }


def handoff_subject(handoff: Handoff) -> AuditSubject:
    """How a handoff stands in the audit trail."""
    return AuditSubject("handoff", str(handoff.pk), handoff.summary[:200], handoff.project_id)
