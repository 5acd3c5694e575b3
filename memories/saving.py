"""Saving a memory: the one way in for its text, from every door.

One transaction masks secrets, writes the row and its version, its links and its keyword postings, and queues the
embedding; what is acknowledged is therefore whole, and found by keyword at once.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from access.callers import Caller
from access.errors import Conflict, Invalid, NotFound, OutOfScope
from access.masking import mask
from access.models import Project
from access.roles import Role
from memories.embedding.queue import queue_embedding
from memories.links import relink, resolve_links_to, title_key
from memories.models import (
    CONTENT_BYTES,
    NAME_LENGTH,
    TAG_LENGTH,
    TAGS_AT_MOST,
    TITLE_LENGTH,
    Memory,
    MemoryType,
    MemoryVersion,
)
from memories.postings import count_terms, index_terms, post_terms
from memories.types import type_named


class Unset(Enum):
    """The type of UNSET."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
"""A field that was left out: the memory keeps its value."""

# What a memory is found by within its project; a version keeps it beside the text.
ADDRESS_FIELDS = ("title", "memory_type")
VERSIONED_FIELDS = ("content_md", "module", "resolution", "tags", "source_file", "stated_confidence")
CONFIDENCE_DIGITS = 6  # finer shares mean nothing, and PostgreSQL refuses products of the tiniest ones
# Losing the race for a title that is deleted and made again at the same moment can repeat, but not for ever.
ATTEMPTS = 5


@dataclass(frozen=True)
class SavedMemory:
    """A memory as it now stands, and what saving did: "created", "updated" or "unchanged".

    note: a sentence for the reader about what could not be done with it.
    """

    memory: Memory
    action: str
    note: str = ""


def save_memory(
    caller: Caller,
    project: Project,
    memory_type: str,
    title: str,
    *,
    content_md: str | Unset = UNSET,
    module: str | Unset = UNSET,
    resolution: str | Unset = UNSET,
    tags: Iterable[str] | Unset = UNSET,
    source_file: str | Unset = UNSET,
    created_by: str | Unset = UNSET,
    confidence: float | Unset = UNSET,
    occurred_at: datetime | None = None,
    run_id: uuid.UUID | None = None,
) -> SavedMemory:
    """Save a memory under (project, type, title): made when new, else given its next version.

    Fields left UNSET keep their value. Saving always confirms: the decay clock starts again and an archived memory
    returns. confidence: 0…1. occurred_at: when it happened, for what is imported; it must lie in the past and counts
    only for a new memory. Raises Invalid for an empty or over-long field, an unknown type or a date to come.
    """
    caller.require(Role.COLLABORATOR)
    if not caller.sees_project(project.pk):
        raise OutOfScope(list(caller.project_names), project.name)
    kind = type_named(memory_type)
    given, masked = _cleaned(
        content_md=content_md,
        module=module,
        resolution=resolution,
        tags=tags,
        source_file=source_file,
        confidence=confidence,
    )
    title, masked_in_title = _checked_title(title)
    author = caller.name if created_by is UNSET or not created_by else created_by
    fresh = Memory(
        project=project,
        memory_type=kind,
        title=title,
        title_key=title_key(title),
        created_by=_bounded("created_by", author, NAME_LENGTH),
        confirmed_by=caller.name[:NAME_LENGTH],
        run_id=run_id,
        masked_count=masked + masked_in_title,
        **given,
    )
    _date(fresh, occurred_at)
    with transaction.atomic():
        for _ in range(ATTEMPTS):
            memory = Memory.objects.locked_at(fresh)
            if memory is not None:
                return _edit(caller, memory, None, given, masked)
            if _insert(caller, fresh):
                return SavedMemory(fresh, "created")
    raise Conflict(f"'{title}' was deleted and saved by others at the same moment.", hint="Send it again.")


def edit_memory(
    caller: Caller,
    memory: Memory,
    *,
    expected_version: int,
    title: str | Unset = UNSET,
    memory_type: str | Unset = UNSET,
    content_md: str | Unset = UNSET,
    module: str | Unset = UNSET,
    resolution: str | Unset = UNSET,
    tags: Iterable[str] | Unset = UNSET,
    source_file: str | Unset = UNSET,
    confidence: float | Unset = UNSET,
) -> SavedMemory:
    """Change one memory by its id, its title and type too; it keeps its history and the links that lead to it.

    Fields left UNSET keep their value; saving confirms, as `save_memory` does. expected_version: the one that the
    changes were made to. Raises Conflict when there is a newer one, Invalid for what cannot be kept and for a title that
    another memory of the project and type has, NotFound for a memory out of sight or deleted.
    """
    caller.require(Role.COLLABORATOR)
    kind = None if memory_type is UNSET else type_named(memory_type)
    given, masked = _cleaned(
        content_md=content_md,
        module=module,
        resolution=resolution,
        tags=tags,
        source_file=source_file,
        confidence=confidence,
    )
    if title is not UNSET:
        given["title"], masked_in_title = _checked_title(title)
        masked += masked_in_title
    try:
        with transaction.atomic():
            return _edit(caller, _locked_at_version(caller, memory, expected_version), kind, given, masked)
    except IntegrityError as error:
        raise Conflict("Another memory was given this title at the same moment.", hint="Choose another one.") from error


def _edit(caller: Caller, locked: Memory, kind: MemoryType | None, given: dict[str, Any], masked: int) -> SavedMemory:
    if kind is not None and kind.pk != locked.memory_type_id:
        given["memory_type"] = kind
    changed = [name for name, value in given.items() if getattr(locked, name) != value]
    _confirm(locked, caller)
    if not changed:
        locked.save(update_fields=["confirmed_at", "confirmed_by", "archived_at"])
        return SavedMemory(locked, "unchanged")
    for name in changed:
        setattr(locked, name, given[name])
    if not {"title", "memory_type"}.isdisjoint(changed):
        _refuse_taken_address(locked)
    locked.version += 1
    locked.masked_count += masked
    locked.updated_at = timezone.now()
    locked.title_key = title_key(locked.title)
    saved = _rewrite(locked, caller)
    if "title" in changed:
        resolve_links_to(locked)
    return saved


def _locked_at_version(caller: Caller, memory: Memory, expected_version: int) -> Memory:
    rows = Memory.objects.visible_to(caller).select_related("project", "memory_type").select_for_update(of=("self",))
    locked = rows.filter(pk=memory.pk).first()
    if locked is None:
        raise NotFound("Memory not found")
    if locked.version != expected_version:
        newest = MemoryVersion.objects.filter(memory=locked, number=locked.version).first()
        who = f" by {newest.saved_by}" if newest is not None and newest.saved_by else ""
        raise Conflict(
            f"Version {locked.version} was saved{who} while you were editing version {expected_version}.",
            hint="Compare the two, then save again to put your text on top.",
            version=locked.version,
        )
    return locked


def _refuse_taken_address(memory: Memory) -> None:
    """Say so in words before PostgreSQL does; whoever wins a race for a title is still held by its constraint."""
    if _is_taken(memory, memory.title, memory.memory_type_id):
        problem = f"Another {memory.memory_type_id} of {memory.project.name} has this title."
        raise Invalid(problem, hint="Edit that one, or choose another title.", fields={"title": [problem]})


def _is_taken(memory: Memory, title: str, type_name: str) -> bool:
    """Whether another memory of the project has this title and type."""
    same = Memory.objects.filter(project_id=memory.project_id, memory_type_id=type_name, title=title, deleted_at=None)
    return same.exclude(pk=memory.pk).exists()


def restore_version(caller: Caller, memory: Memory, number: int) -> SavedMemory:
    """Make an old version the newest one, with its title and type; what stood between stays in the history.

    Title and type stay as they are where the version does not know them, or where another memory has them now: then the
    answer's note says so. Raises NotFound.
    """
    caller.require(Role.COLLABORATOR)
    try:
        with transaction.atomic():
            rows = Memory.objects.visible_to(caller).select_related("project", "memory_type")
            locked = rows.select_for_update(of=("self",)).filter(pk=memory.pk).first()
            old = MemoryVersion.objects.select_related("memory_type").filter(memory=memory, number=number).first()
            if locked is None or old is None:
                raise NotFound(f"The memory has no version {number}.")
            given = {name: getattr(old, name) for name in VERSIONED_FIELDS}
            address, note = _address_to_restore(locked, old)
            given |= address
            if all(getattr(locked, name) == value for name, value in given.items()):
                return SavedMemory(locked, "unchanged", note)
            return replace(_edit(caller, locked, None, given, 0), note=note)
    except IntegrityError as error:
        raise Conflict(
            "Another memory was given this title at the same moment.", hint="Restore it once more."
        ) from error


def _address_to_restore(locked: Memory, old: MemoryVersion) -> tuple[dict[str, Any], str]:
    """Title and type of an old version, where they are known and free; else nothing, and why."""
    if not old.title or old.memory_type is None:
        return {}, ""
    if _is_taken(locked, old.title, old.memory_type.pk):
        taken = f"another {old.memory_type.pk} of {locked.project.name} is titled “{old.title}” now"
        return {}, f"Its title and type stay as they are: {taken}."
    return {"title": old.title, "memory_type": old.memory_type}, ""


def _insert(caller: Caller, fresh: Memory) -> bool:
    """Store a new memory with all that follows from its text, unless another one was saved at its address first."""
    _take_position(fresh)
    terms = count_terms(fresh)
    Memory.objects.bulk_create([fresh], ignore_conflicts=True)
    if not Memory.objects.has(fresh.pk):
        return False
    post_terms(fresh, terms)
    _keep_version(fresh, caller)
    relink(fresh, had_links=False)
    resolve_links_to(fresh)
    queue_embedding(fresh, had_vectors=False)
    return True


def _rewrite(memory: Memory, caller: Caller) -> SavedMemory:
    """Write a changed text and what follows from it: terms, a version, links, and the place in the embedding queue."""
    _take_position(memory)
    index_terms(memory)
    memory.save(force_update=True)
    _keep_version(memory, caller)
    relink(memory)
    queue_embedding(memory)
    return SavedMemory(memory, "updated")


def _keep_version(memory: Memory, caller: Caller) -> None:
    MemoryVersion.objects.create(
        memory=memory,
        number=memory.version,
        saved_by=caller.name[:NAME_LENGTH],
        **{name: getattr(memory, name) for name in (*ADDRESS_FIELDS, *VERSIONED_FIELDS)},
    )


def _confirm(memory: Memory, caller: Caller) -> None:
    memory.confirmed_at = timezone.now()
    memory.confirmed_by = caller.name[:NAME_LENGTH]
    memory.archived_at = None


def _take_position(memory: Memory) -> None:
    """Number a memory within its source, in the order of saving, so that neighbours can support each other in search."""
    if not memory.source_file:
        memory.source_position = None
    elif memory.source_position is None:
        siblings = Memory.objects.filter(project_id=memory.project_id, source_file=memory.source_file)
        last = siblings.aggregate(last=Max("source_position"))["last"]
        memory.source_position = 0 if last is None else last + 1


def _date(memory: Memory, occurred_at: datetime | None) -> None:
    if occurred_at is None:
        return
    if occurred_at > timezone.now():
        problem = f"occurred_at lies in the future: {occurred_at.isoformat()}."
        raise Invalid(problem, fields={"occurred_at": [problem]})
    memory.occurred_at = memory.created_at = occurred_at


def _checked_title(title: str) -> tuple[str, int]:
    hidden = mask(" ".join(title.split()))
    if not hidden.text:
        raise Invalid("title is required", fields={"title": ["must not be blank"]})
    return _bounded("title", hidden.text, TITLE_LENGTH), hidden.count


def _cleaned(**given: Any) -> tuple[dict[str, Any], int]:
    """The given fields, masked and checked, by their names on the model; and how many secrets were masked."""
    cleaned: dict[str, Any] = {}
    masked = 0
    for name, limit in (
        ("content_md", None),
        ("resolution", None),
        ("module", NAME_LENGTH),
        ("source_file", NAME_LENGTH * 5),
    ):
        if given[name] is not UNSET:
            hidden = mask(given[name] or "")
            masked += hidden.count
            cleaned[name] = _bounded(name, hidden.text, limit) if limit else _within_bytes(name, hidden.text)
    if given["tags"] is not UNSET:
        cleaned["tags"] = _checked_tags(given["tags"] or ())
    if given["confidence"] is not UNSET:
        cleaned["stated_confidence"] = _share(given["confidence"])
    return cleaned, masked


def _bounded(name: str, value: str, limit: int) -> str:
    if len(value) > limit:
        problem = f"{name} has {len(value)} characters; at most {limit} are kept."
        raise Invalid(problem, fields={name: [problem]})
    return _storable(name, value)


def _within_bytes(name: str, value: str) -> str:
    size = len(value.encode("utf-8", "surrogatepass"))
    if size > CONTENT_BYTES:
        problem = f"{name} has {size} bytes; at most {CONTENT_BYTES} (1 MiB) are kept."
        raise Invalid(problem, hint="Split it into several memories.", fields={name: [problem]})
    return _storable(name, value)


def _storable(name: str, value: str) -> str:
    """PostgreSQL keeps neither NUL characters nor halves of surrogate pairs."""
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value if character > "\ud7ff"):
        problem = f"{name} holds a NUL character or half a surrogate pair, which cannot be stored."
        raise Invalid(problem, fields={name: [problem]})
    return value


def _checked_tags(tags: Iterable[str]) -> list[str]:
    """Tags without blanks around them, empties and repeats, in the order given."""
    wanted = list(dict.fromkeys(mask(" ".join(tag.split())).text for tag in tags if tag.strip()))
    if len(wanted) > TAGS_AT_MOST:
        problem = f"{len(wanted)} tags; at most {TAGS_AT_MOST} are kept."
        raise Invalid(problem, fields={"tags": [problem]})
    return [_bounded("tags", tag, TAG_LENGTH) for tag in wanted]


def _share(value: float) -> float:
    if not 0.0 <= value <= 1.0:
        problem = f"confidence is a share between 0 and 1, not {value}."
        raise Invalid(problem, fields={"confidence": [problem]})
    return round(float(value), CONFIDENCE_DIGITS)
