"""What a requirement said before: a row per rewriting, two of them side by side, and no overwriting unseen."""

from dataclasses import dataclass
from typing import Any

from access.callers import Caller
from access.errors import Conflict
from memories.diffs import diff_lines
from memories.versions import FieldChange, TextChange
from requirements_pipeline.models import NAME_LENGTH, Requirement, RequirementVersion
from requirements_pipeline.reading import find_requirement

# What a version keeps, by the names on both models.
VERSIONED = ("title", "content_md", "acceptance", "priority", "module", "tags", "due_on")
# PostgreSQL's integer.
LARGEST_NUMBER = 2**31 - 1
TEXT_FIELDS = {"content_md": "Content", "acceptance": "Acceptance criteria"}
PLAIN_FIELDS = {"title": "Title", "priority": "Priority", "module": "Module", "tags": "Tags", "due_on": "Due"}


@dataclass(frozen=True)
class RequirementComparison:
    """What lies between two versions of a requirement."""

    old: RequirementVersion
    new: RequirementVersion
    texts: list[TextChange]
    fields: list[FieldChange]


def write_version(caller: Caller, requirement: Requirement) -> RequirementVersion:
    """Keep what a requirement says now under its number; its row is locked by this transaction."""
    return RequirementVersion.objects.create(
        requirement=requirement,
        number=requirement.version,
        saved_by=caller.name[:NAME_LENGTH],
        member_id=caller.member_id,
        saved_at=requirement.updated_at,
        **{name: getattr(requirement, name) for name in VERSIONED},
    )


def require_version(requirement: Requirement, expected: int | None, *, is_new: bool = False) -> None:
    """Raise Conflict unless a locked requirement has the version that its writer has read.

    expected: None when the writer does not ask for it; 0 when they mean to write the first. is_new: whether this
    transaction made the row.
    """
    current = 0 if is_new else requirement.version
    if expected is None or expected == current:
        return
    if is_new:
        raise Conflict(f"There is no requirement '{requirement.title}' yet, and so no version {expected} of it.")
    newest = requirement.versions.filter(number=current).first()
    who = f", which {newest.saved_by} saved" if newest is not None and newest.saved_by else ""
    raise Conflict(
        f"'{requirement.title}' is at version {current}{who}; you wrote on version {expected}.",
        hint="Read it again, put your changes into what it says now, and save with its version.",
        version=current,
    )


def versions_of(caller: Caller, requirement: Requirement) -> list[RequirementVersion]:
    """Every version of a requirement, newest first. Raises NotFound when it is out of sight."""
    return list(find_requirement(caller, requirement_id=requirement.pk).versions.all())


def compare_requirement_versions(
    caller: Caller, requirement: Requirement, old_number: int, new_number: int
) -> RequirementComparison | None:
    """What changed from one version to another; None unless both exist and differ in number."""
    if not 0 < old_number <= LARGEST_NUMBER or not 0 < new_number <= LARGEST_NUMBER:
        return None
    versions = find_requirement(caller, requirement_id=requirement.pk).versions
    found = {version.number: version for version in versions.filter(number__in=[old_number, new_number])}
    if len(found) < 2:
        return None
    old, new = found[old_number], found[new_number]
    texts = [
        TextChange(label, diff_lines(_as_lines(getattr(old, name)), _as_lines(getattr(new, name))))
        for name, label in TEXT_FIELDS.items()
        if getattr(old, name) != getattr(new, name)
    ]
    fields = [
        FieldChange(label, _in_words(getattr(old, name)), _in_words(getattr(new, name)))
        for name, label in PLAIN_FIELDS.items()
        if getattr(old, name) != getattr(new, name)
    ]
    return RequirementComparison(old, new, texts, fields)


def _as_lines(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "\n".join(value)


def _in_words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value)
