"""Putting memories in order, one press at a time: confirm, archive, merge, link, mend a dead link. Each can be undone.

Every repair is kept with what it changed. Undoing puts back what still is as the repair left it; what somebody changed
since stays as they left it.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from access.callers import Caller
from access.errors import Conflict, Invalid, NotFound
from access.roles import Role
from memories.curating import confirm_memory
from memories.deleting import delete_memory
from memories.links import can_be_linked, linked_titles, replace_links, title_key
from memories.models import NAME_LENGTH, Memory, MemoryLink, Repair, RepairKind
from memories.saving import restore_version, save_memory

# As many as a page shows, twice over; whoever wants more repeats it.
ARCHIVED_AT_ONCE = 100
WORDS_LENGTH = NAME_LENGTH * 5
TITLE_SHOWN = 120
# What a repair may change of a memory beside its text.
STATE_FIELDS = ("archived_at", "confirmed_at", "confirmed_by")


@dataclass(frozen=True)
class Undone:
    """A repair that was taken back: the memories that are as they were, and those that somebody changed since."""

    repair: Repair
    restored: list[Memory] = field(default_factory=list)
    changed_since: list[Memory] = field(default_factory=list)


# --- repairs ---------------------------------------------------------------------------------------------------------


def confirm(caller: Caller, memory_id: uuid.UUID) -> Repair:
    """Say that a stale memory is still true. Needs a collaborator. Raises NotFound out of sight."""
    caller.require(Role.COLLABORATOR)
    with transaction.atomic():
        memory = _locked_one(caller, memory_id)
        before = _state_of(memory)
        confirmed = confirm_memory(caller, memory)
        steps = [_step(memory, before=before, after=_state_of(confirmed))]
        return _kept(caller, RepairKind.CONFIRMED, f"Confirmed {_named(memory)}.", steps)


def archive(caller: Caller, memory_ids: Iterable[uuid.UUID]) -> Repair:
    """Archive live memories, at most a hundred at once; those that are archived already stay. Needs an admin.

    Raises NotFound when none of them is live and in sight, Invalid for none or more than a hundred.
    """
    caller.require(Role.ADMIN)
    wanted = set(memory_ids)
    if not wanted:
        problem = "Choose the memories that shall be archived."
        raise Invalid(problem, fields={"memory": [problem]})
    if len(wanted) > ARCHIVED_AT_ONCE:
        problem = f"{len(wanted)} memories; at most {ARCHIVED_AT_ONCE} are archived at once."
        raise Invalid(problem, fields={"memory": [problem]})
    with transaction.atomic():
        memories = _locked(caller, wanted)
        if not memories:
            raise NotFound("Memory not found")
        steps = _archived(memories)
        words = f"Archived {_named(memories[0])}." if len(memories) == 1 else f"Archived {len(memories)} memories."
        return _kept(caller, RepairKind.ARCHIVED, words, steps)


def merge_into(caller: Caller, memory_id: uuid.UUID) -> Repair:
    """Keep this memory, archive the project's others of its title, and lead links to them to it. Needs an admin.

    Raises NotFound out of sight, Conflict when no other has its title any more.
    """
    caller.require(Role.ADMIN)
    with transaction.atomic():
        kept = _locked_one(caller, memory_id)
        same = Memory.objects.visible_to(caller).live().filter(project_id=kept.project_id, title_key=kept.title_key)
        others = _locked(caller, set(same.exclude(pk=kept.pk).values_list("pk", flat=True)))
        if not others:
            raise Conflict(f"No other memory is titled '{kept.title[:TITLE_SHOWN]}' any more.")
        links = MemoryLink.objects.filter(target__in=others).exclude(source=kept)
        moved = {str(link.pk): str(link.target_id) for link in links}
        links.update(target=kept)
        steps = [*_archived(others), {"memory": str(kept.pk), "links": moved}]
        count = f"{len(others)} other{'s' if len(others) > 1 else ''}"
        return _kept(caller, RepairKind.MERGED, f"Kept {_named(kept)} and archived {count}.", steps)


def link_to(caller: Caller, memory_id: uuid.UUID, target_id: uuid.UUID) -> Repair:
    """Add a link to another memory of the project at the end of a memory's text. Needs a collaborator.

    Raises NotFound when one of them is out of sight, Invalid for a target of another project, of a title that no link
    can hold, or that is linked to already.
    """
    with transaction.atomic():
        memory, target = _locked_one(caller, memory_id), _target(caller, target_id)
        _require_linkable(memory, target)
        if target.title_key in map(title_key, linked_titles(memory.content_md)):
            raise _invalid_target(f"{_named(memory)} links to {_named(target)} already.")
        words = f"Linked {_named(memory)} to {_named(target)}."
        text = f"{memory.content_md.rstrip()}\n\nSee also [[{target.title}]].".lstrip()
        return _rewritten(caller, memory, text, RepairKind.LINKED, words, links_to=target.title_key)


def repoint_link(caller: Caller, link_id: int, target_id: uuid.UUID) -> Repair:
    """Lead a dead link to a memory that exists; its words stay. Needs a collaborator. Raises as link_to does."""
    with transaction.atomic():
        link, memory = _dead_link(caller, link_id)
        target = _target(caller, target_id)
        _require_linkable(memory, target)

        def repointed(words: str) -> str:
            return f"[[{target.title}]]" if title_key(words) == target.title_key else f"[[{target.title}|{words}]]"

        text = replace_links(memory.content_md, link.target_key, repointed)
        words = f"“{link.target_title[:TITLE_SHOWN]}” in {_named(memory)} now leads to {_named(target)}."
        return _rewritten(caller, memory, text, RepairKind.REPOINTED, words, links_to=target.title_key)


def remove_brackets(caller: Caller, link_id: int) -> Repair:
    """Make a dead link plain words again. Needs a collaborator. Raises NotFound for one that is not dead or in sight."""
    with transaction.atomic():
        link, memory = _dead_link(caller, link_id)
        text = replace_links(memory.content_md, link.target_key, lambda words: words)
        words = f"“{link.target_title[:TITLE_SHOWN]}” in {_named(memory)} is plain words now."
        return _rewritten(caller, memory, text, RepairKind.UNBRACKETED, words)


def make_missing(caller: Caller, link_id: int, memory_type: str, content_md: str) -> Repair:
    """Save the memory that a dead link waits for, in its project and under its title. Needs a collaborator.

    Raises Invalid for an empty text or an unknown type, NotFound for a link that is not dead or in sight.
    """
    with transaction.atomic():
        link, source = _dead_link(caller, link_id)
        if not content_md.strip():
            problem = "Say what the memory holds."
            raise Invalid(problem, fields={"content_md": [problem]})
        saved = save_memory(caller, source.project, memory_type, link.target_title, content_md=content_md)
        made = saved.memory
        if saved.action != "created":
            raise Conflict(f"{_named(made)} was made by somebody else just now.")
        steps = [{"memory": str(made.pk), "made": made.version}]
        return _kept(caller, RepairKind.MADE, f"Made {_named(made)}, which links waited for.", steps)


# --- undoing ---------------------------------------------------------------------------------------------------------


def may_undo(caller: Caller, repair: Repair) -> bool:
    """Whether a caller's role allows to take a repair back; the memories must lie in their sight, too."""
    return caller.may(Role.COLLABORATOR if _is_of_text(repair) else Role.ADMIN)


def undo(caller: Caller, repair_id: uuid.UUID) -> Undone:
    """Take a repair back. Needs the role that the repair needed; an admin for deleting what one made.

    Raises NotFound when any of its memories is out of sight, Conflict when it is undone already or when all of them
    were changed since.
    """
    with transaction.atomic():
        repair = Repair.objects.select_for_update().filter(pk=repair_id).first()
        if repair is None:
            raise NotFound("Repair not found")
        memories = _all_in_sight(caller, repair)
        if not may_undo(caller, repair):
            caller.require(Role.COLLABORATOR)
            caller.require(Role.ADMIN)
        if repair.undone_at is not None:
            raise Conflict("That was undone already.")
        undone = Undone(repair)
        for step in repair.steps:
            memory = memories.get(uuid.UUID(step["memory"]))
            if memory is None:
                continue  # purged since
            (undone.restored if _put_back(caller, memory, step) else undone.changed_since).append(memory)
        if not undone.restored:
            raise Conflict("It was changed since, so it stays as it is.", hint="Its history shows every version.")
        repair.undone_at, repair.undone_by = timezone.now(), caller.name[:NAME_LENGTH]
        repair.save(update_fields=["undone_at", "undone_by"])
    return undone


def _all_in_sight(caller: Caller, repair: Repair) -> dict[uuid.UUID, Memory]:
    """The memories that a repair changed, locked, deleted ones too. Raises NotFound when one is out of sight."""
    ids = {uuid.UUID(step["memory"]) for step in repair.steps}
    rows = Memory.objects.select_for_update(of=("self",)).select_related("project", "memory_type")
    found = {memory.pk: memory for memory in rows.filter(pk__in=ids).order_by("pk")}
    if not all(caller.sees_project(memory.project_id) for memory in found.values()):
        raise NotFound("Repair not found")
    return found


def _put_back(caller: Caller, memory: Memory, step: dict[str, Any]) -> bool:
    """Undo one step; answers whether the memory still was as the step left it."""
    if memory.deleted_at is not None:
        return False
    if "made" in step:
        return memory.version == step["made"] and _deleted(caller, memory)
    if "links" in step:
        for link_id, target_id in step["links"].items():
            MemoryLink.objects.filter(pk=int(link_id), target=memory).update(target_id=target_id)
        return True
    if "version" in step:
        if memory.version != step["version"]["after"]:
            return False
        memory = restore_version(caller, memory, step["version"]["before"]).memory
    elif _state_of(memory) != step["after"]:
        return False
    _set_state(memory, step["before"])
    return True


def _deleted(caller: Caller, memory: Memory) -> bool:
    delete_memory(caller, memory)
    return True


def _is_of_text(repair: Repair) -> bool:
    return repair.kind in {RepairKind.CONFIRMED, RepairKind.LINKED, RepairKind.REPOINTED, RepairKind.UNBRACKETED}


# --- what repairs have in common -------------------------------------------------------------------------------------


def _locked(caller: Caller, memory_ids: set[uuid.UUID]) -> list[Memory]:
    """Those of the memories that are live and in sight, locked in the order of their ids so that two repairs never wait
    for each other."""
    rows = Memory.objects.visible_to(caller).live().filter(pk__in=memory_ids)
    return list(rows.select_for_update(of=("self",)).select_related("project", "memory_type").order_by("pk"))


def _locked_one(caller: Caller, memory_id: uuid.UUID) -> Memory:
    found = _locked(caller, {memory_id})
    if not found:
        raise NotFound("Memory not found")
    return found[0]


def _dead_link(caller: Caller, link_id: int) -> tuple[MemoryLink, Memory]:
    """A link that leads nowhere, and the memory that it stands in, locked."""
    link = MemoryLink.objects.filter(pk=link_id, target=None).first()
    if link is None:
        raise NotFound("Link not found")
    return link, _locked_one(caller, link.source_id)


def _target(caller: Caller, target_id: uuid.UUID) -> Memory:
    found = Memory.objects.visible_to(caller).select_related("project").filter(pk=target_id).first()
    if found is None:
        raise NotFound("Memory not found")
    return found


def _require_linkable(memory: Memory, target: Memory) -> None:
    if target.project_id != memory.project_id:
        raise _invalid_target(
            f"Links stay within a project: {_named(target)} is in {target.project}, {_named(memory)} in {memory.project}."
        )
    if target.pk == memory.pk:
        raise _invalid_target(f"{_named(memory)} cannot link to itself.")
    if not can_be_linked(target.title):
        raise _invalid_target(f"No link can hold the title {_named(target)}: it has brackets or a bar.")


def _invalid_target(problem: str) -> Invalid:
    return Invalid(problem, fields={"target": [problem]})


def _rewritten(
    caller: Caller, memory: Memory, text: str, kind: RepairKind, words: str, *, links_to: str = ""
) -> Repair:
    """Save a memory's text with another link, and keep the repair. The memory is locked."""
    if text == memory.content_md or (links_to and links_to not in map(title_key, linked_titles(text))):
        raise Conflict(
            f"The link in {_named(memory)} stands in or around code.", hint="Edit the memory's text instead."
        )
    state, version = _state_of(memory), memory.version
    saved = save_memory(caller, memory.project, memory.memory_type_id, memory.title, content_md=text).memory
    step = {
        **_step(memory, before=state, after=_state_of(saved)),
        "version": {"before": version, "after": saved.version},
    }
    return _kept(caller, kind, words, [step])


def _archived(memories: Sequence[Memory]) -> list[dict[str, Any]]:
    """Archive locked memories; answers the steps."""
    now = timezone.now()
    steps = []
    for memory in memories:
        before = _state_of(memory)
        memory.archived_at = now
        steps.append(_step(memory, before=before, after=_state_of(memory)))
    Memory.objects.filter(pk__in=[memory.pk for memory in memories]).update(archived_at=now)
    return steps


def _kept(caller: Caller, kind: RepairKind, words: str, steps: list[dict[str, Any]]) -> Repair:
    return Repair.objects.create(kind=kind, words=words[:WORDS_LENGTH], steps=steps, by=caller.name[:NAME_LENGTH])


def _step(memory: Memory, *, before: dict[str, str | None], after: dict[str, str | None]) -> dict[str, Any]:
    return {"memory": str(memory.pk), "before": before, "after": after}


def _state_of(memory: Memory) -> dict[str, str | None]:
    """The fields that a repair may change, as JSON keeps them: to the microsecond."""
    values = {name: getattr(memory, name) for name in STATE_FIELDS}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def _set_state(memory: Memory, state: dict[str, str | None]) -> None:
    for name, value in state.items():
        is_moment = name.endswith("_at") and value is not None
        setattr(memory, name, datetime.fromisoformat(value) if is_moment and value else value)
    memory.save(update_fields=list(state))


def _named(memory: Memory) -> str:
    title = memory.title if len(memory.title) <= TITLE_SHOWN else f"{memory.title[: TITLE_SHOWN - 1]}…"
    return f"“{title}”"
