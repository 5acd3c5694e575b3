"""Memories in the order that somebody who has not asked anything wants to see them: pinned first, then the newest."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, IntegerField, Q, Value, When

from access.callers import Caller
from memories.models import Memory


@dataclass(frozen=True)
class CataloguePlace:
    """Where a page of the catalogue ended."""

    pinned: bool
    updated_at: datetime
    id: uuid.UUID


def catalogue(caller: Caller, *, after: CataloguePlace | None, size: int) -> list[Memory]:
    """So many live memories in the caller's sight that come after a place, with their projects.

    A memory that changes meanwhile may move to the front and so be missed or met again; none is met twice unchanged.
    """
    loose = Case(When(pinned_at=None, then=Value(1)), default=Value(0), output_field=IntegerField())
    rows = Memory.objects.visible_to(caller).live().alias(loose=loose)
    if after is not None:
        rank = 0 if after.pinned else 1
        later = Q(updated_at__lt=after.updated_at) | Q(updated_at=after.updated_at, id__gt=after.id)
        rows = rows.filter(Q(loose__gt=rank) | (Q(loose=rank) & later))
    shown = rows.select_related("project").defer("content_md", "resolution")
    return list(shown.order_by("loose", "-updated_at", "id")[:size])


def place_of(memory: Memory) -> CataloguePlace:
    """Where a memory stands."""
    return CataloguePlace(memory.pinned_at is not None, memory.updated_at, memory.pk)
