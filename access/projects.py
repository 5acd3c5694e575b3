"""Projects made, described and deleted by people. Agents make projects by naming them; see access/scope.py."""

from django.db import transaction
from django.db.models import PROTECT

from access.callers import Caller
from access.errors import Conflict, Forbidden, Invalid, NotFound, OutOfScope
from access.models import GLOBAL_PROJECT, Project
from access.roles import Role
from access.scope import check_project_name


def new_project(caller: Caller, name: str, description: str = "") -> Project:
    """Make a project that does not exist yet.

    Raises Invalid for a taken or impossible name, OutOfScope for scoped callers, Forbidden for guests.
    """
    if not caller.may(Role.COLLABORATOR):
        raise Forbidden(Role.COLLABORATOR)
    if caller.project_ids is not None:
        raise OutOfScope(list(caller.project_names), name)
    trimmed = check_project_name(name)
    project, made = Project.objects.get_or_create(name=trimmed, defaults={"description": description})
    if not made:
        problem = f"A project named {trimmed} exists already."
        raise Invalid(problem, fields={"name": [problem]})
    return project


def describe_project(caller: Caller, project: Project, description: str) -> Project:
    """Change what is told about a project. Needs an admin who sees it."""
    caller.require(Role.ADMIN)
    if not caller.sees_project(project.pk):
        raise NotFound("Project not found")
    project.description = description
    project.save(update_fields=["description"])
    return project


def delete_project(caller: Caller, project: Project) -> None:
    """Delete an empty project. Needs an owner.

    Raises Conflict, naming what it holds, while there is anything: deleted memories count until they are purged.
    """
    caller.require(Role.OWNER)
    if not caller.sees_project(project.pk):
        raise NotFound("Project not found")
    if project.name == GLOBAL_PROJECT:
        raise Conflict(f"The project {GLOBAL_PROJECT} takes what names no project, so it stays.")
    with transaction.atomic():
        Project.objects.select_for_update().filter(pk=project.pk).first()
        held = what_it_holds(project)
        if held:
            words = ", ".join(f"{count} {kind}" for kind, count in held.items())
            raise Conflict(
                f"The project {project.name} still holds {words}.", hint="Deleted memories count until they are purged."
            )
        project.delete()


def what_it_holds(project: Project) -> dict[str, int]:
    """Counts of what keeps a project from being deleted, by its name in the plural."""
    held: dict[str, int] = {}
    for relation in Project._meta.related_objects:
        if relation.on_delete is PROTECT:
            count = relation.related_model._base_manager.filter(**{relation.field.name: project}).count()
            if count:
                held[str(relation.related_model._meta.verbose_name_plural)] = count
    return held
