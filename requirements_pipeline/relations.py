"""What a requirement hangs together with: who is to do it, what it waits for, which memories belong to it."""

import uuid
from collections.abc import Iterable
from typing import NoReturn

from access.callers import Caller
from access.errors import Invalid
from access.models import Member, MemberQuerySet, Project
from access.roles import Role
from memories.models import Memory
from requirements_pipeline.models import Requirement

# More would be a list that nobody reads.
RELATIONS_AT_MOST = 100
# A refusal names so much of a chain.
CHAIN_SHOWN = 10


def people_for(project: Project) -> MemberQuerySet:
    """Members whom a project's requirements may be given to: they see it and may work in it. By username."""
    return Member.objects.seeing(project).exclude(role=Role.GUEST).order_by("username")


def assignee_named(project: Project, username: str) -> Member | None:
    """The member of this username who sees the project and may work in it; None for an empty name.

    Raises Invalid when there is none; whether such a member exists elsewhere is not told.
    """
    name = username.strip().removeprefix("@")
    if not name:
        return None
    found = people_for(project).called([name.replace("\x00", "")]).first()
    if found is None:
        raise _problem("assignee", f"Nobody called '{name[:60]}' works in {project.name}.")
    return found


def named_dependencies(project: Project, names: Iterable[str]) -> list[Requirement]:
    """Requirements of a project by their ids or titles, once each. Raises Invalid for one that is not there."""
    found: dict[uuid.UUID, Requirement] = {}
    for name in names:
        row = _dependency(project, name)
        found[row.pk] = row
    _bound("depends_on", len(found))
    return list(found.values())


def named_memories(caller: Caller, ids: Iterable[uuid.UUID | str]) -> list[Memory]:
    """Memories in sight by their ids, once each. Raises Invalid for one that is not there."""
    wanted = dict.fromkeys(_identifier(name) or _unknown_memory(name) for name in ids)
    _bound("memories", len(wanted))
    found = {memory.pk: memory for memory in Memory.objects.visible_to(caller).filter(pk__in=wanted)}
    return [found[pk] if pk in found else _unknown_memory(pk) for pk in wanted]


def lock_project(project_id: int) -> None:
    """Let nobody else change titles or dependencies of a project's requirements until this transaction ends.

    To be called before a requirement's own row is locked: two who did it the other way round would wait for each other.
    """
    Project.objects.select_for_update(no_key=True).get(pk=project_id)


def set_dependencies(requirement: Requirement, others: list[Requirement]) -> bool:
    """Let a requirement wait for exactly these; answers whether that changed anything.

    Raises Invalid when one of them waits for it already, itself or through others. Call lock_project first: two saves
    at once could otherwise close a circle that neither of them sees.
    """
    if others:
        _refuse_circle(requirement, others)
    wanted = {other.pk for other in others}
    if wanted == set(requirement.depends_on.values_list("pk", flat=True)):
        return False
    requirement.depends_on.set(others)
    return True


def set_memories(caller: Caller, requirement: Requirement, memories: list[Memory]) -> bool:
    """Link exactly these memories, beside those out of the caller's sight; answers whether that changed anything."""
    linked = Memory.objects.visible_to(caller).filter(requirements=requirement)
    before, wanted = set(linked), set(memories)
    requirement.memories.remove(*(before - wanted))
    requirement.memories.add(*(wanted - before))
    return before != wanted


def circle_through(start: uuid.UUID, waits_for: dict[uuid.UUID, list[uuid.UUID]]) -> list[uuid.UUID]:
    """A way from a requirement back to itself along what waits for what, both ends named; empty when there is none.

    waits_for: by requirement, what it depends on. The way is a shortest one.
    """
    came_from: dict[uuid.UUID, uuid.UUID] = {}
    waiting = [start]
    for here in waiting:
        for there in waits_for.get(here, ()):
            if there == start:
                return _way(start, here, came_from)
            if there not in came_from:
                came_from[there] = here
                waiting.append(there)
    return []


def _way(start: uuid.UUID, last: uuid.UUID, came_from: dict[uuid.UUID, uuid.UUID]) -> list[uuid.UUID]:
    back = [start, last]
    while back[-1] != start:
        back.append(came_from[back[-1]])
    return list(reversed(back))


def _refuse_circle(requirement: Requirement, others: list[Requirement]) -> None:
    waits_for: dict[uuid.UUID, list[uuid.UUID]] = {}
    through = Requirement.depends_on.through.objects.filter(from_requirement__project_id=requirement.project_id)
    for waiter, awaited in through.values_list("from_requirement_id", "to_requirement_id"):
        waits_for.setdefault(waiter, []).append(awaited)
    waits_for[requirement.pk] = [other.pk for other in others]
    circle = circle_through(requirement.pk, waits_for)
    if circle:
        titles = dict(Requirement.objects.filter(pk__in=circle).values_list("pk", "title"))
        shown = [f"'{titles[pk]}'" for pk in circle]
        if len(shown) > CHAIN_SHOWN:
            shown[CHAIN_SHOWN - 1 : -1] = ["…"]
        raise _problem("depends_on", f"'{requirement.title}' would wait for itself: {' waits for '.join(shown)}.")


def _dependency(project: Project, name: str) -> Requirement:
    wanted = " ".join(str(name).split()).replace("\x00", "")
    known = Requirement.objects.filter(project=project)
    found = known.titled(wanted).first()
    identifier = _identifier(wanted)
    if found is None and identifier is not None:
        found = known.filter(pk=identifier).first()
    if found is None:
        raise _problem("depends_on", f"{project.name} has no requirement '{wanted[:60]}' to wait for.")
    return found


def _identifier(name: uuid.UUID | str) -> uuid.UUID | None:
    try:
        return name if isinstance(name, uuid.UUID) else uuid.UUID(name.strip())
    except ValueError:
        return None


def _unknown_memory(name: uuid.UUID | str) -> NoReturn:
    raise _problem("memories", f"There is no memory '{str(name)[:60]}' in sight.")


def _bound(field: str, count: int) -> None:
    if count > RELATIONS_AT_MOST:
        raise _problem(field, f"There are {count} entries; {RELATIONS_AT_MOST} is the limit.")


def _problem(field: str, problem: str) -> Invalid:
    return Invalid(problem, fields={field: [problem]})
