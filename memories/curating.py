"""What people do to keep memories true: confirm, pin, archive."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from django.db import transaction
from django.utils import timezone

from access.callers import Caller
from access.errors import Conflict, NotFound
from access.roles import Role
from memories.models import NAME_LENGTH, Memory


@dataclass(frozen=True)
class Curation:
    """What curating changes of a memory, as it stands at one moment: what undoing goes back to."""

    confirmed_at: datetime
    confirmed_by: str
    pinned_at: datetime | None
    pinned_by: str
    pin_reason: str
    archived_at: datetime | None

    @classmethod
    def of(cls, memory: Memory) -> Self:
        """The memory's present one."""
        return cls(**{name: getattr(memory, name) for name in cls.__dataclass_fields__})


def put_back(caller: Caller, memory: Memory, *, before: Curation, after: Curation) -> Memory:
    """Take back what one deed of this file did: `after` is how it left the memory, `before` how it found it.

    Needs an admin where a pin goes or comes, or a memory is archived that no confirmation had brought back. Raises
    Conflict when somebody has confirmed, pinned or archived it since.
    """
    is_confirmation = (before.pinned_at, after.archived_at) == (after.pinned_at, None)
    caller.require(Role.COLLABORATOR if is_confirmation else Role.ADMIN)
    with transaction.atomic():
        locked = _locked(caller, memory)
        if Curation.of(locked) != after:
            raise Conflict(f"“{locked.title}” was changed by somebody else since; that stands.")
        return _write(locked, asdict(before))


def confirm_memory(caller: Caller, memory: Memory) -> Memory:
    """Say that a memory is still true: its decay clock starts again, and an archived one returns."""
    caller.require(Role.COLLABORATOR)
    return _change(
        caller, memory, confirmed_at=timezone.now(), confirmed_by=caller.name[:NAME_LENGTH], archived_at=None
    )


def pin_memory(caller: Caller, memory: Memory, reason: str) -> Memory:
    """Exempt a memory from decay and put it first in every session's context. Needs an admin."""
    caller.require(Role.ADMIN)
    return _change(
        caller,
        memory,
        pinned_at=timezone.now(),
        pinned_by=caller.name[:NAME_LENGTH],
        pin_reason=reason.strip()[: NAME_LENGTH * 2],
        archived_at=None,
    )


def unpin_memory(caller: Caller, memory: Memory) -> Memory:
    """Let a pinned memory fade again, from now on. Needs an admin."""
    caller.require(Role.ADMIN)
    if memory.pinned_at is None:
        return memory
    return _change(caller, memory, pinned_at=None, pinned_by="", pin_reason="", confirmed_at=timezone.now())


def archive_memory(caller: Caller, memory: Memory) -> Memory:
    """Hide a memory from search unless archived ones are asked for. Needs an admin."""
    caller.require(Role.ADMIN)
    return _change(caller, memory, archived_at=timezone.now())


def unarchive_memory(caller: Caller, memory: Memory) -> Memory:
    """Let search find an archived memory again; its decay clock starts again, or the next night would archive it anew."""
    caller.require(Role.ADMIN)
    return _change(
        caller, memory, archived_at=None, confirmed_at=timezone.now(), confirmed_by=caller.name[:NAME_LENGTH]
    )


def _change(caller: Caller, memory: Memory, **values: Any) -> Memory:
    with transaction.atomic():
        return _write(_locked(caller, memory), values)


def _locked(caller: Caller, memory: Memory) -> Memory:
    visible = Memory.objects.visible_to(caller).select_for_update(of=("self",)).select_related("project", "memory_type")
    locked = visible.filter(pk=memory.pk).first()
    if locked is None:
        raise NotFound("Memory not found")
    return locked


def _write(locked: Memory, values: dict[str, Any]) -> Memory:
    for name, value in values.items():
        setattr(locked, name, value)
    locked.save(update_fields=list(values))
    return locked
