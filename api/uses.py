"""Keeping what a run was given: for commands that answer memories and may be told which run asks."""

import uuid
from collections.abc import Iterable

from api.registry import Call
from memories.models import UseKind
from memories.uses import note_uses
from runs.reading import own_run


def run_that_asks(call: Call) -> uuid.UUID | None:
    """The caller's run that a call names by `run_id` or `session_id`; None for none. Raises NotFound for a wrong id.

    A call that names neither costs no query.
    """
    run_id, session_id = call.arguments.get("run_id"), call.arguments.get("session_id") or ""
    run = own_run(call.caller, run_id, session_id) if run_id or session_id else None
    return run.pk if run else None


def run_learnt_in(call: Call) -> uuid.UUID | None:
    """The run that a call says something was learnt in: its `run_id`, else the caller's run of its `session_id`."""
    named: uuid.UUID | None = call.arguments.get("run_id")
    return named or run_that_asks(call)


def note_given(run_id: uuid.UUID | None, memory_ids: Iterable[uuid.UUID], how: UseKind) -> None:
    """Keep that these memories were given to the run that asked, if one did."""
    if run_id is not None:
        note_uses(run_id, memory_ids, how)
