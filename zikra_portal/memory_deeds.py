"""The buttons of a memory's page: confirm, pin, archive, delete and their opposites, each with a way to take it back."""

import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from access.callers import Caller
from access.errors import Invalid, NotFound
from access.roles import Role
from api.answers import memory_subject
from memories.curating import (
    Curation,
    archive_memory,
    confirm_memory,
    pin_memory,
    put_back,
    unarchive_memory,
    unpin_memory,
)
from memories.deleting import delete_memory, restore_memory, take_back_deletion
from memories.models import Memory
from memories.saving import restore_version
from zikra_portal.deeds import UNDO_SECONDS, Done, answer, attempt, deed_view

# What an undo goes back to travels in its address, signed, so that nobody writes one of their own.
CURATION_SALT = "zikra_portal.memory_deeds.put_back"
DELETION_SALT = "zikra_portal.memory_deeds.undelete"


@deed_view
def confirm(request: HttpRequest, memory_id: uuid.UUID) -> HttpResponse:
    """It is still true: the decay clock starts again, and an archived one returns."""
    return _curate(request, memory_id, "confirm_memory", confirm_memory, "Confirmed “{}”: its clock starts again.")


@deed_view
def pin(request: HttpRequest, memory_id: uuid.UUID) -> HttpResponse:
    """Exempt it from decay, for the form's reason."""
    reason = request.POST.get("reason", "").replace("\x00", "").strip()

    def pinned(caller: Caller, memory: Memory) -> Memory:
        caller.require(Role.ADMIN)
        if not reason:
            raise Invalid("Say why it must not fade.", fields={"reason": ["must not be blank"]})
        return pin_memory(caller, memory, reason)

    return _curate(request, memory_id, "pin_memory", pinned, "Pinned “{}”: it does not fade.")


@deed_view
def unpin(request: HttpRequest, memory_id: uuid.UUID) -> HttpResponse:
    """Let it fade again."""
    return _curate(request, memory_id, "unpin_memory", unpin_memory, "Unpinned “{}”: it fades from now on.")


@deed_view
def archive(request: HttpRequest, memory_id: uuid.UUID) -> HttpResponse:
    """Hide it from search."""
    words = "Archived “{}”: search leaves it out unless archived ones are asked for."
    return _curate(request, memory_id, "archive_memory", archive_memory, words)


@deed_view
def unarchive(request: HttpRequest, memory_id: uuid.UUID) -> HttpResponse:
    """Let search find it again."""
    return _curate(request, memory_id, "unarchive_memory", unarchive_memory, "Search finds “{}” again.")


def _curate(
    request: HttpRequest, memory_id: uuid.UUID, command: str, verb: Callable[[Caller, Memory], Memory], words: str
) -> HttpResponse:
    """Do it, and offer to put back what it changed."""

    def act(caller: Caller) -> Done:
        memory = kept_memory(caller, memory_id)
        before = Curation.of(memory)
        after = Curation.of(verb(caller, memory))
        undo = "" if after == before else reverse("memory-put-back", args=[memory.pk, _signed(before, after)])
        return Done(words.format(memory.title), memory_subject(memory), undo)

    return answer(request, attempt(request, command, act, kind="memory"), reverse("memory", args=[memory_id]))


@deed_view
def take_back(request: HttpRequest, memory_id: uuid.UUID, kept: str) -> HttpResponse:
    """Put back what one of the buttons above changed, unless somebody has changed it since."""
    before, after = _unsigned(kept)

    def act(caller: Caller) -> Done:
        memory = put_back(caller, kept_memory(caller, memory_id), before=before, after=after)
        return Done(f"“{memory.title}” is as it was before.", memory_subject(memory))

    outcome = attempt(request, "put_back_memory", act, kind="memory")
    return answer(request, outcome, reverse("memory", args=[memory_id]))


@deed_view
def delete(request: HttpRequest, memory_id: uuid.UUID) -> HttpResponse:
    """Hide it everywhere; restorable."""

    def act(caller: Caller) -> Done:
        memory = delete_memory(caller, kept_memory(caller, memory_id))
        assert memory.deleted_at is not None
        moment = signing.dumps(memory.deleted_at.isoformat(), salt=DELETION_SALT)
        undo = reverse("memory-undelete", args=[memory.pk, moment])
        return Done(f"Deleted “{memory.title}”. It can be restored.", memory_subject(memory), undo)

    outcome = attempt(request, "delete_memory", act, kind="memory")
    return answer(request, outcome, reverse("memory", args=[memory_id]))


@deed_view
def restore(request: HttpRequest, memory_id: uuid.UUID) -> HttpResponse:
    """Bring a deleted one back."""

    def act(caller: Caller) -> Done:
        memory = restore_memory(caller, deleted_memory(caller, memory_id))
        undo = reverse("memory-delete", args=[memory.pk])
        return Done(f"Restored “{memory.title}”.", memory_subject(memory), undo)

    outcome = attempt(request, "restore_memory", act, kind="memory")
    return answer(request, outcome, reverse("memory", args=[memory_id]))


@deed_view
def undelete(request: HttpRequest, memory_id: uuid.UUID, moment: str) -> HttpResponse:
    """Take a deletion back: the memory is what it was, unless it was restored or deleted again since."""
    try:
        deleted_at = datetime.fromisoformat(signing.loads(moment, salt=DELETION_SALT, max_age=UNDO_SECONDS))
    except signing.BadSignature:
        raise Http404("This can no longer be taken back.") from None

    def act(caller: Caller) -> Done:
        memory = take_back_deletion(caller, deleted_memory(caller, memory_id), deleted_at)
        return Done(f"“{memory.title}” is as it was before.", memory_subject(memory), detail="took a deletion back")

    outcome = attempt(request, "restore_memory", act, kind="memory")
    return answer(request, outcome, reverse("memory", args=[memory_id]))


@deed_view
def bring_version_back(request: HttpRequest, memory_id: uuid.UUID, number: int) -> HttpResponse:
    """Make an old version's text the newest one."""

    def act(caller: Caller) -> Done:
        memory = kept_memory(caller, memory_id)
        saved = restore_version(caller, memory, number)
        if saved.action == "unchanged":
            words = f"Version {number} is what “{memory.title}” says already. {saved.note}"
            return Done(words.strip(), memory_subject(memory))
        words = f"Version {number} of “{saved.memory.title}” is back, as version {saved.memory.version}. {saved.note}"
        undo = reverse("memory-version-restore", args=[memory.pk, memory.version])
        renamed = f"version {number}" + (f", was “{memory.title}”" if saved.memory.title != memory.title else "")
        return Done(words.strip(), memory_subject(saved.memory), undo, renamed)

    outcome = attempt(request, "restore_version", act, kind="memory")
    return answer(request, outcome, reverse("memory-history", args=[memory_id]))


def kept_memory(caller: Caller, memory_id: uuid.UUID) -> Memory:
    """A memory in sight that is not deleted. Raises NotFound."""
    return _first(Memory.objects.visible_to(caller), memory_id)


def deleted_memory(caller: Caller, memory_id: uuid.UUID) -> Memory:
    """A deleted memory in scope. Raises NotFound, also for those who may not restore it: they do not see it."""
    if not caller.may(Role.ADMIN):
        raise NotFound("Memory not found")
    return _first(Memory.objects.deleted_visible_to(caller), memory_id)


def _first(sight: Any, memory_id: uuid.UUID) -> Memory:
    found: Memory | None = sight.select_related("project", "memory_type").filter(pk=memory_id).first()
    if found is None:
        raise NotFound("Memory not found")
    return found


def _signed(before: Curation, after: Curation) -> str:
    return signing.dumps([_plain(before), _plain(after)], salt=CURATION_SALT)


def _plain(curation: Curation) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(curation).items()
    }


def _unsigned(kept: str) -> tuple[Curation, Curation]:
    """What was signed. Raises Http404 for what the portal has not signed, or too long ago."""
    try:
        before, after = signing.loads(kept, salt=CURATION_SALT, max_age=UNDO_SECONDS)
    except signing.BadSignature:
        raise Http404("This can no longer be taken back.") from None
    return _curation(before), _curation(after)


def _curation(plain: dict[str, Any]) -> Curation:
    values: dict[str, Any] = {
        name: datetime.fromisoformat(value) if name.endswith("_at") and value else value
        for name, value in plain.items()
    }
    return Curation(**values)
