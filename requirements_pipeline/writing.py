"""Writing requirements: the one way in for their text, from every door."""

import uuid
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone

from access.callers import Caller
from access.errors import Conflict, Invalid, NotFound, OutOfScope
from access.masking import mask
from access.models import Project
from access.roles import Role
from memories.models import CONTENT_BYTES, TAG_LENGTH, TAGS_AT_MOST, Memory
from memories.saving import UNSET, Unset
from requirements_pipeline.criteria import forget_dropped_criteria
from requirements_pipeline.models import (
    NAME_LENGTH,
    TITLE_LENGTH,
    UNRANKED,
    Requirement,
    RequirementState,
    RequirementTemplate,
)
from requirements_pipeline.moves import locked_requirement, move_locked
from requirements_pipeline.relations import (
    assignee_named,
    lock_project,
    named_dependencies,
    named_memories,
    set_dependencies,
    set_memories,
)
from requirements_pipeline.versions import VERSIONED, require_version, write_version
from requirements_pipeline.watching import tell

CRITERION_LENGTH = 1000
CRITERIA_AT_MOST = 100
# Days outside these years are slips of the pen.
FIRST_YEAR, LAST_YEAR = 2000, 2200
MOST_URGENT, LEAST_URGENT = 1, 5
WRITABLE_STATES = (RequirementState.DRAFT, RequirementState.SUBMITTED)


def save_requirement(
    caller: Caller,
    project: Project,
    title: str,
    *,
    content_md: str | Unset = UNSET,
    acceptance: Iterable[str] | Unset = UNSET,
    priority: int | Unset = UNSET,
    module: str | Unset = UNSET,
    tags: Iterable[str] | Unset = UNSET,
    due_on: date | Unset | None = UNSET,
    assignee: str | Unset = UNSET,
    depends_on: Iterable[str] | Unset = UNSET,
    memories: Iterable[uuid.UUID | str] | Unset = UNSET,
    created_by: str | Unset = UNSET,
    state: str | Unset = UNSET,
    expected_version: int | None = None,
) -> Requirement:
    """Save a requirement under (project, title): made when new, else rewritten; fields left UNSET keep their value.

    acceptance: criteria, one text each. priority: 1, the most urgent, to 5. state: draft or submitted; a new one is
    submitted unless told otherwise, and one that is further on keeps its state whoever edits it. assignee: username of
    a member who works in the project; empty for nobody. depends_on: ids or titles of requirements of the project.
    memories: ids of memories in sight; links to others stay. Secrets are masked. Criteria that stay in the list stay
    met. expected_version: the version that the writer has read, 0 for none yet. Raises Conflict when somebody else has
    written another since, Invalid for an empty or over-long field, a value out of range, a name that is not there or requirements
    that would wait for each other, Forbidden for guests, OutOfScope for a project out of the caller's scope.
    """
    caller.require(Role.COLLABORATOR)
    if not caller.sees_project(project.pk):
        raise OutOfScope(list(caller.project_names), project.name)
    given = _cleaned(
        content_md=content_md, acceptance=acceptance, priority=priority, module=module, tags=tags, due_on=due_on
    )
    if not isinstance(assignee, Unset):
        given["assignee"] = assignee_named(project, assignee)
    others = None if isinstance(depends_on, Unset) else named_dependencies(project, depends_on)
    linked = None if isinstance(memories, Unset) else named_memories(caller, memories)
    wanted = None if isinstance(state, Unset) else _checked_state(state)
    author = caller.name if isinstance(created_by, Unset) or not created_by else created_by
    fresh = Requirement(
        project=project,
        title=_checked_title(title),
        created_by=_bounded("created_by", author[:NAME_LENGTH], NAME_LENGTH),
        author_id=caller.member_id,
        state=wanted or RequirementState.SUBMITTED,
        **given,
    )
    with transaction.atomic():
        if others:
            lock_project(project.pk)
        Requirement.objects.bulk_create([fresh], ignore_conflicts=True)
        requirement = Requirement.objects.select_for_update().get(project=project, title=fresh.title)
        requirement.project = project
        is_new = requirement.pk == fresh.pk
        require_version(requirement, expected_version, is_new=is_new)
        assigned_before = None if is_new else requirement.assignee_id
        if is_new:
            write_version(caller, requirement)
        else:
            _rewrite(caller, requirement, given)
        _tell_assignee(caller, requirement, assigned_before)
        _relate(caller, requirement, others, linked)
        _place(caller, requirement, wanted)
    return requirement


def edit_requirement(
    caller: Caller,
    requirement: Requirement,
    *,
    title: str | Unset = UNSET,
    content_md: str | Unset = UNSET,
    acceptance: Iterable[str] | Unset = UNSET,
    priority: int | Unset = UNSET,
    module: str | Unset = UNSET,
    tags: Iterable[str] | Unset = UNSET,
    due_on: date | Unset | None = UNSET,
    assignee: str | Unset = UNSET,
    depends_on: Iterable[str] | Unset = UNSET,
    memories: Iterable[uuid.UUID | str] | Unset = UNSET,
    state: str | Unset = UNSET,
    expected_version: int | None = None,
) -> Requirement:
    """Rewrite a requirement that is known by its id, its title too; fields left UNSET keep their value.

    As save_requirement; raises Conflict also for a title that another requirement of the project has, NotFound when it
    is out of sight.
    """
    caller.require(Role.COLLABORATOR)
    given = _cleaned(
        title=title,
        content_md=content_md,
        acceptance=acceptance,
        priority=priority,
        module=module,
        tags=tags,
        due_on=due_on,
    )
    wanted = None if isinstance(state, Unset) else _checked_state(state)
    with transaction.atomic():
        lock_project(requirement.project_id)
        locked = locked_requirement(caller, requirement.pk)
        require_version(locked, expected_version)
        assigned_before = locked.assignee_id
        if not isinstance(assignee, Unset):
            given["assignee"] = assignee_named(locked.project, assignee)
        _rewrite(caller, locked, given)
        _tell_assignee(caller, locked, assigned_before)
        others = None if isinstance(depends_on, Unset) else named_dependencies(locked.project, depends_on)
        linked = None if isinstance(memories, Unset) else named_memories(caller, memories)
        _relate(caller, locked, others, linked)
        _place(caller, locked, wanted)
    return locked


def restore_version(
    caller: Caller, requirement: Requirement, number: int, *, expected_version: int | None = None
) -> Requirement:
    """Write again what a requirement said in an earlier version, as its newest. Needs a collaborator.

    Raises NotFound when there is no such version, else as edit_requirement.
    """
    caller.require(Role.COLLABORATOR)
    with transaction.atomic():
        lock_project(requirement.project_id)
        locked = locked_requirement(caller, requirement.pk)
        require_version(locked, expected_version)
        earlier = locked.versions.filter(number=number).first() if 0 < number <= locked.version else None
        if earlier is None:
            raise NotFound(f"'{locked.title}' has no version {number}")
        _rewrite(caller, locked, {name: getattr(earlier, name) for name in VERSIONED})
    return locked


def _tell_assignee(caller: Caller, requirement: Requirement, before: int | None) -> None:
    if requirement.assignee_id and requirement.assignee_id != before:
        words = f"{caller.name} gave “{requirement.title}” to you."
        tell(caller, requirement, [requirement.assignee_id], kind="assigned", words=words)


def _place(caller: Caller, requirement: Requirement, wanted: RequirementState | None) -> None:
    """Move between draft and submitted as its writer says; one that is further on keeps its state."""
    if wanted and wanted != requirement.state and requirement.state in WRITABLE_STATES:
        move_locked(caller, requirement, wanted)


def _rewrite(caller: Caller, requirement: Requirement, given: dict[str, Any]) -> None:
    changed = [name for name, value in given.items() if getattr(requirement, name) != value]
    if "title" in changed:
        _refuse_taken_title(requirement, given["title"])
    for name in changed:
        setattr(requirement, name, given[name])
    if not changed:
        return
    requirement.updated_at = timezone.now()
    if "priority" in changed:
        # A place among those of the old priority means nothing among the new.
        requirement.rank = UNRANKED
    if any(name in VERSIONED for name in changed):
        requirement.version += 1
        write_version(caller, requirement)
    requirement.save(update_fields=[*changed, "rank", "version", "updated_at"])
    if "acceptance" in changed:
        forget_dropped_criteria(requirement)


def _refuse_taken_title(requirement: Requirement, title: str) -> None:
    if Requirement.objects.filter(project_id=requirement.project_id).titled(title).exists():
        raise Conflict(f"{requirement.project.name} has a requirement '{title}' already.")


def _relate(
    caller: Caller, requirement: Requirement, others: list[Requirement] | None, linked: list[Memory] | None
) -> None:
    waits_differently = others is not None and set_dependencies(requirement, others)
    links_differently = linked is not None and set_memories(caller, requirement, linked)
    if waits_differently or links_differently:
        requirement.updated_at = timezone.now()
        requirement.save(update_fields=["updated_at"])


def save_template(caller: Caller, template: RequirementTemplate) -> RequirementTemplate:
    """Save what new requirements of a kind start with. Needs an owner.

    Raises Invalid for a missing name or one that another template has, and as save_requirement does for its fields.
    """
    caller.require(Role.OWNER)
    template.name = _bounded("name", " ".join(template.name.split()), NAME_LENGTH)
    if not template.name:
        raise _problem("name", "A template needs a name.")
    if RequirementTemplate.objects.filter(name=template.name).exclude(pk=template.pk).exists():
        raise _problem("name", f"There is a template '{template.name}' already.")
    # A blank at its end stays: what is written after it follows there.
    template.title_pattern = _masked("title_pattern", template.title_pattern)
    if len(template.title_pattern) > TITLE_LENGTH:
        raise _problem("title_pattern", f"A title has at most {TITLE_LENGTH} characters.")
    given = _cleaned(
        content_md=template.content_md,
        acceptance=template.acceptance,
        priority=template.priority,
        module=template.module,
    )
    for name, value in given.items():
        setattr(template, name, value)
    template.save()
    return template


def delete_template(caller: Caller, template: RequirementTemplate) -> None:
    """Offer a template no more; requirements that began with it stay as they are. Needs an owner."""
    caller.require(Role.OWNER)
    template.delete()


def _cleaned(**given: Any) -> dict[str, Any]:
    """The given fields, masked and checked, by their names on the model."""
    checks: dict[str, Callable[[Any], Any]] = {
        "title": _checked_title,
        "content_md": _checked_content,
        "acceptance": lambda value: _checked_list("acceptance", value, CRITERIA_AT_MOST, CRITERION_LENGTH),
        "priority": _checked_priority,
        "module": lambda value: _bounded("module", value, NAME_LENGTH),
        "tags": lambda value: _checked_list("tags", value, TAGS_AT_MOST, TAG_LENGTH),
        "due_on": _checked_day,
    }
    return {name: checks[name](value) for name, value in given.items() if value is not UNSET}


def _checked_title(title: str) -> str:
    trimmed = _bounded("title", " ".join(title.split()), TITLE_LENGTH)
    if not trimmed:
        raise _problem("title", "A requirement needs a title.")
    return trimmed


def _checked_content(content: str) -> str:
    if len((content or "").encode(errors="surrogatepass")) > CONTENT_BYTES:
        raise _problem("content_md", f"The text is longer than {CONTENT_BYTES} bytes.")
    return _masked("content_md", content or "")


def _checked_priority(priority: int) -> int:
    if isinstance(priority, bool) or not isinstance(priority, int) or not MOST_URGENT <= priority <= LEAST_URGENT:
        raise _problem("priority", f"A priority is {MOST_URGENT} (most urgent) to {LEAST_URGENT}, not {priority!r}.")
    return priority


def _checked_day(day: date | None) -> date | None:
    if day is not None and not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise _problem("due_on", f"A due date lies between {FIRST_YEAR} and {LAST_YEAR}, not in {day.year}.")
    return day


def _checked_state(state: str) -> RequirementState:
    if state not in WRITABLE_STATES:
        raise _problem("state", f"A requirement is written as {' or '.join(WRITABLE_STATES)}, not {state[:40]!r}.")
    return RequirementState(state)


def _checked_list(field: str, values: Iterable[str] | None, at_most: int, length: int) -> list[str]:
    kept = list(
        dict.fromkeys(_bounded(field, " ".join(value.split()), length) for value in values or () if value.strip())
    )
    if len(kept) > at_most:
        raise _problem(field, f"There are {len(kept)} entries; {at_most} is the limit.")
    return kept


def _bounded(field: str, text: str, limit: int) -> str:
    shown = _masked(field, (text or "").strip())
    if len(shown) > limit:
        raise _problem(field, f"An entry is {len(shown)} characters long; {limit} is the limit.")
    return shown


def _masked(field: str, text: str) -> str:
    """The text without secrets. Raises Invalid for what PostgreSQL cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _problem(field, "The text holds half a character (a lone surrogate).") from None
    if "\x00" in text:
        raise _problem(field, "The text holds a NUL byte.")
    return mask(text).text


def _problem(field: str, problem: str) -> Invalid:
    return Invalid(problem, fields={field: [problem]})
