"""Deleting: hidden at once and restorable, or purged for good."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from access.callers import Caller
from access.errors import Conflict, NotFound
from access.roles import Role
from memories.embedding.queue import forget_embedding, queue_embedding
from memories.links import release_links_to, relink, resolve_links_to
from memories.models import NAME_LENGTH, Memory
from memories.postings import index_terms, remove_terms


def delete_memory(caller: Caller, memory: Memory) -> Memory:
    """Hide a memory everywhere; its text and history stay for `restore_memory`. Needs an admin."""
    caller.require(Role.ADMIN)
    with transaction.atomic():
        locked = _locked(memory, deleted=False)
        locked.deleted_at = timezone.now()
        locked.deleted_by = caller.name[:NAME_LENGTH]
        locked.save(update_fields=["deleted_at", "deleted_by"])
        remove_terms(locked)
        forget_embedding(locked)
        locked.outgoing_links.all().delete()
        release_links_to(locked)
    return locked


def restore_memory(caller: Caller, memory: Memory) -> Memory:
    """Bring a deleted memory back, found by search again. Needs an admin.

    Raises Conflict when another memory has been saved under its project, type and title since.
    """
    caller.require(Role.ADMIN)
    confirmed = {"confirmed_at": timezone.now(), "confirmed_by": caller.name[:NAME_LENGTH], "archived_at": None}
    return _bring_back(memory, confirmed)


def take_back_deletion(caller: Caller, memory: Memory, deleted_at: datetime) -> Memory:
    """Bring a memory back just as it was before the deletion at that moment: an archived one archived. Needs an admin.

    Raises NotFound when it has been restored since, Conflict when it was deleted once more, or as restore_memory.
    """
    caller.require(Role.ADMIN)
    return _bring_back(memory, {}, deleted_at)


def _bring_back(memory: Memory, more: dict[str, Any], deleted_at: datetime | None = None) -> Memory:
    try:
        with transaction.atomic():
            locked = _locked(memory, deleted=True)
            if deleted_at is not None and locked.deleted_at != deleted_at:
                raise Conflict(f"“{locked.title}” was restored and deleted again since; that stands.")
            for name, value in {"deleted_at": None, "deleted_by": "", **more}.items():
                setattr(locked, name, value)
            index_terms(locked)
            locked.save()
            relink(locked)
            resolve_links_to(locked)
            queue_embedding(locked)
    except IntegrityError as error:
        raise Conflict(
            f"Another {memory.memory_type_id} titled '{memory.title}' exists in {memory.project.name} now.",
            hint="Rename or delete that one first.",
        ) from error
    return locked


def purge_memory(caller: Caller, memory: Memory) -> None:
    """Erase a memory with its versions, vectors, postings and links, for good. Needs an owner."""
    caller.require(Role.OWNER)
    with transaction.atomic():
        locked = Memory.objects.select_for_update(of=("self",)).filter(pk=memory.pk).first()
        if locked is None:
            raise NotFound("Memory not found")
        release_links_to(locked)
        locked.delete()


def _locked(memory: Memory, *, deleted: bool) -> Memory:
    """The row, locked, if it still is in the state that the deed starts from."""
    rows = Memory.objects.select_for_update(of=("self",)).select_related("project", "memory_type")
    locked = rows.filter(pk=memory.pk, deleted_at__isnull=not deleted).first()
    if locked is None:
        raise NotFound("Memory not found")
    return locked
