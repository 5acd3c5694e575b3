"""Texts that people and agents hand in beside runs: masked, within their bounds, and by whom."""

from collections.abc import Iterable

from access.callers import Caller
from access.errors import Invalid, OutOfScope
from access.masking import mask
from access.models import Member, Project
from access.roles import Role
from runs.models import NAME_LENGTH, SUMMARY_LENGTH

ENTRIES_AT_MOST = 50


def require_write(caller: Caller, project: Project) -> None:
    """Raise Forbidden or OutOfScope unless the caller may write in this project."""
    caller.require(Role.COLLABORATOR)
    if not caller.sees_project(project.pk):
        raise OutOfScope(list(caller.project_names), project.name)


def person_of(caller: Caller) -> str:
    """The member's user name, or the label of a token of nobody's."""
    if caller.member_id is None:
        return caller.name[:NAME_LENGTH]
    return str(Member.objects.values_list("username", flat=True).get(pk=caller.member_id))


def bounded(name: str, text: str, length: int) -> str:
    """A text without its secrets and outer blanks. Raises Invalid, naming the field, for one that is too long."""
    hidden = mask(text.strip()).text
    if len(hidden) > length:
        raise problem_with(name, f"is {len(hidden)} characters long; {length} is the limit.")
    return hidden


def entries(name: str, told: Iterable[str], *, most: int = ENTRIES_AT_MOST, length: int = SUMMARY_LENGTH) -> list[str]:
    """Texts without blanks and repeats, each bounded. Raises Invalid for too many."""
    kept = [bounded(name, entry, length) for entry in dict.fromkeys(told) if entry.strip()]
    if len(kept) > most:
        raise problem_with(name, f"has {len(kept)} entries; {most} is the limit.")
    return kept


def problem_with(name: str, problem: str) -> Invalid:
    """A refusal that names the field to blame."""
    return Invalid(f"{name}: {problem}", fields={name: [problem]})
