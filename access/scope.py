"""Which project a call means, and whether the caller may name it. Asked here and nowhere else."""

import re

from django.db import transaction

from access.callers import Caller
from access.errors import Forbidden, Invalid, OutOfScope
from access.models import GLOBAL_PROJECT, PROJECT_NAME_LENGTH, PROJECT_NAME_PATTERN, Project
from access.roles import Role


def check_project_name(name: str) -> str:
    """The name without outer blanks. Raises Invalid when it cannot be a project's name."""
    trimmed = name.strip()
    if len(trimmed) > PROJECT_NAME_LENGTH or not re.match(PROJECT_NAME_PATTERN, trimmed):
        problem = (
            f"A project name has 1 to {PROJECT_NAME_LENGTH} letters, digits and . _ - / : @ + or blanks, "
            f"and starts with a letter, a digit or _; got {trimmed[:60]!r}."
        )
        raise Invalid(problem, fields={"project": [problem]})
    return trimmed


def project_to_read(caller: Caller, name: str | None) -> str:
    """The project that a read asks for. A name outside the caller's scope raises OutOfScope; global means all in it."""
    if name is None or not name.strip():
        return caller.default_project
    wanted = check_project_name(name)
    if wanted != GLOBAL_PROJECT and caller.project_ids is not None and wanted not in caller.project_names:
        raise OutOfScope(list(caller.project_names), wanted)
    return wanted


def project_to_write(caller: Caller, name: str | None) -> Project:
    """The project that a write goes to; made when it is new and the caller's role may.

    Raises OutOfScope when a scoped caller names another project (a scoped caller never makes one), Forbidden when a
    guest would make one.
    """
    wanted = caller.default_project if name is None or not name.strip() else check_project_name(name)
    if caller.project_ids is not None and wanted not in caller.project_names:
        raise OutOfScope(list(caller.project_names), wanted)
    return Project.objects.named(wanted) or make_project(caller, wanted)


def make_project(caller: Caller, name: str) -> Project:
    """The project of that name, made if need be. Raises Forbidden for guests, OutOfScope for scoped callers."""
    if not caller.may(Role.COLLABORATOR):
        raise Forbidden(Role.COLLABORATOR)
    if caller.project_ids is not None:
        raise OutOfScope(list(caller.project_names), name)
    with transaction.atomic():
        Project.objects.bulk_create([Project(name=check_project_name(name))], ignore_conflicts=True)
        return Project.objects.get(name=check_project_name(name))
