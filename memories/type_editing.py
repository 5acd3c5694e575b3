"""Memory types as owners edit them."""

from typing import Any

from django.db import transaction

from access.callers import Caller
from access.errors import Conflict, Invalid
from access.roles import Role
from memories.models import Memory, MemoryType


def save_type(caller: Caller, kind: MemoryType) -> MemoryType:
    """Make a type or change how it looks and fades. Needs an owner. Raises Invalid for a taken name of a new one."""
    caller.require(Role.OWNER)
    kind.name = kind.name.casefold()
    if kind._state.adding and MemoryType.objects.filter(pk=kind.name).exists():
        problem = f"A type named {kind.name} exists already."
        raise Invalid(problem, fields={"name": [problem]})
    kind.save()
    return kind


def delete_type(caller: Caller, kind: MemoryType) -> None:
    """Delete a type that no memory has. Needs an owner. Raises Conflict, with the count, while memories have it."""
    caller.require(Role.OWNER)
    with transaction.atomic():
        locked: Any = MemoryType.objects.select_for_update().filter(pk=kind.pk).first()
        held = Memory.objects.filter(memory_type_id=kind.pk).count()
        if held:
            raise Conflict(
                f"{held} memories have the type {kind}, deleted ones included.",
                hint="Purge them, or save them under another type.",
            )
        if locked is not None:
            locked.delete()
