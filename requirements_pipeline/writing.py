"""Writing requirements: the one way in for their text, from every door."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from access.callers import Caller
from access.errors import Invalid, OutOfScope
from access.masking import mask
from access.models import Project
from access.roles import Role
from memories.models import CONTENT_BYTES, TAG_LENGTH, TAGS_AT_MOST
from memories.saving import UNSET, Unset
from requirements_pipeline.models import NAME_LENGTH, TITLE_LENGTH, Requirement, RequirementState
from requirements_pipeline.moves import move_locked

CRITERION_LENGTH = 1000
CRITERIA_AT_MOST = 100
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
    created_by: str | Unset = UNSET,
    state: str | Unset = UNSET,
) -> Requirement:
    """Save a requirement under (project, title): made when new, else rewritten; fields left UNSET keep their value.

    acceptance: criteria, one text each. priority: 1, the most urgent, to 5. state: draft or submitted; a new one is
    submitted unless told otherwise, and one that is further on keeps its state whoever edits it. Secrets are masked.
    Raises Invalid for an empty or over-long field or a priority or state out of range, Forbidden for guests,
    OutOfScope for a project out of the caller's scope.
    """
    caller.require(Role.COLLABORATOR)
    if not caller.sees_project(project.pk):
        raise OutOfScope(list(caller.project_names), project.name)
    given = _cleaned(content_md=content_md, acceptance=acceptance, priority=priority, module=module, tags=tags)
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
        Requirement.objects.bulk_create([fresh], ignore_conflicts=True)
        requirement = Requirement.objects.select_for_update().get(project=project, title=fresh.title)
        requirement.project = project
        if requirement.pk != fresh.pk:
            _rewrite(caller, requirement, given, wanted)
    return requirement


def _rewrite(caller: Caller, requirement: Requirement, given: dict[str, Any], wanted: RequirementState | None) -> None:
    changed = [name for name, value in given.items() if getattr(requirement, name) != value]
    for name in changed:
        setattr(requirement, name, given[name])
    if changed:
        requirement.updated_at = timezone.now()
        requirement.save(update_fields=[*changed, "updated_at"])
    if wanted and wanted != requirement.state and requirement.state in WRITABLE_STATES:
        move_locked(caller, requirement, wanted)


def _cleaned(**given: Any) -> dict[str, Any]:
    """The given fields, masked and checked, by their names on the model."""
    checks: dict[str, Callable[[Any], Any]] = {
        "content_md": _checked_content,
        "acceptance": lambda value: _checked_list("acceptance", value, CRITERIA_AT_MOST, CRITERION_LENGTH),
        "priority": _checked_priority,
        "module": lambda value: _bounded("module", value, NAME_LENGTH),
        "tags": lambda value: _checked_list("tags", value, TAGS_AT_MOST, TAG_LENGTH),
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
