"""Which memories a run was given, and which it made: the two ways that runs and memories are linked."""

import uuid
from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from access.callers import Caller
from memories.models import Memory, MemoryUse, UseKind
from runs.models import Run

# A page lists so many; a run that was given more has them all in the table.
SHOWN_AT_MOST = 200


def note_uses(run_id: uuid.UUID, memory_ids: Iterable[uuid.UUID], how: UseKind) -> None:
    """Remember that a run was given these memories; what is known already stays as it is."""
    rows = [MemoryUse(memory_id=memory_id, run_id=run_id, how=how) for memory_id in dict.fromkeys(memory_ids)]
    try:
        with transaction.atomic():
            MemoryUse.objects.bulk_create(rows, ignore_conflicts=True)
    except IntegrityError:
        # One of them was purged between the answer and this note; an answer is not refused for a note.
        return


def given_to_run(caller: Caller, run_id: uuid.UUID) -> QuerySet[MemoryUse]:
    """What a run was given, in the order of time, as far as the caller sees it."""
    uses = MemoryUse.objects.in_run(run_id).visible_to(caller)
    rows = uses.select_related("memory", "memory__memory_type", "memory__project")
    return rows.defer("memory__content_md", "memory__resolution").order_by("at", "pk")[:SHOWN_AT_MOST]


def made_in_run(caller: Caller, run_id: uuid.UUID) -> QuerySet[Memory]:
    """What was learnt in a run, in the order of time, as far as the caller sees it."""
    made = Memory.objects.visible_to(caller).filter(run_id=run_id).select_related("memory_type", "project")
    return made.defer("content_md", "resolution").order_by("created_at", "pk")[:SHOWN_AT_MOST]


def runs_given(caller: Caller, memory: Memory) -> QuerySet[Run]:
    """The runs in sight that a memory was given to, newest first."""
    runs = Run.objects.visible_to(caller).filter(pk__in=memory.uses.values("run_id"))
    return (
        runs.select_related("project").defer("output_summary", "files_modified").order_by("-started_at")[:SHOWN_AT_MOST]
    )


def run_learnt_in(caller: Caller, memory: Memory) -> Run | None:
    """The run that a memory was learnt in, when it is known and in sight."""
    return Run.objects.visible_to(caller).filter(pk=memory.run_id).first() if memory.run_id else None
