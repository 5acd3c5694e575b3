"""Who is calling: the one object that every verb asks what may be seen and done."""

import uuid
from dataclasses import dataclass, field, replace
from typing import Self

from access.errors import Forbidden
from access.models import GLOBAL_PROJECT, Member, Project, RoleToken
from access.roles import Role


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody at a door, with a role and a scope.

    project_ids: keys of the projects in scope, or None for every project, also those made later.
    project_names: the same as sorted names, empty for every project.
    """

    name: str
    role: Role
    project_ids: frozenset[int] | None
    project_names: tuple[str, ...] = ()
    door: str = "webhook"
    token_id: uuid.UUID | None = None
    member_id: int | None = None
    rate_per_minute: int | None = None
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    address: str | None = None

    def may(self, needed: Role) -> bool:
        """Whether the caller's role includes the needed one."""
        return self.role.includes(needed)

    def require(self, needed: Role) -> None:
        """Raise Forbidden, naming the needed role, unless the caller's role includes it."""
        if not self.may(needed):
            raise Forbidden(needed)

    def sees_project(self, project_id: int) -> bool:
        """Whether a project lies inside the caller's scope."""
        return self.project_ids is None or project_id in self.project_ids

    @property
    def default_project(self) -> str:
        """The project meant when none is named: the only one of a scope of one, else the global one."""
        return (
            self.project_names[0] if self.project_ids is not None and len(self.project_names) == 1 else GLOBAL_PROJECT
        )

    def through(self, door: str, *, request_id: str = "", address: str | None = None) -> Self:
        """The same caller, seen at a door in a request."""
        return replace(self, door=door, request_id=request_id or self.request_id, address=address)


def caller_for_token(token: RoleToken) -> Caller:
    """The caller that holds this token. Costs one query when the token is scoped."""
    scope = None if token.all_projects else Project.objects.opened_by(token.pk)
    return Caller(
        name=token.label,
        role=Role(token.role),
        project_ids=None if scope is None else frozenset(pk for pk, _ in scope),
        project_names=() if scope is None else tuple(sorted(name for _, name in scope)),
        token_id=token.pk,
        member_id=token.member_id,
        rate_per_minute=token.rate_per_minute,
    )


def caller_for_member(member: Member, door: str = "page") -> Caller:
    """The caller that a logged-in person is. Costs one query unless the member sees all projects."""
    scope = (
        None if member.all_projects or member.role == Role.OWNER else list(member.projects.values_list("pk", "name"))
    )
    return Caller(
        name=str(member),
        role=Role(member.role),
        project_ids=None if scope is None else frozenset(pk for pk, _ in scope),
        project_names=() if scope is None else tuple(sorted(name for _, name in scope)),
        door=door,
        member_id=member.pk,
    )


def system_caller(name: str, door: str = "task") -> Caller:
    """The portal itself: a scheduled task or the operator's command line, with an owner's rights everywhere."""
    return Caller(name=name, role=Role.OWNER, project_ids=None, door=door)


def visible_project_ids(caller: Caller, project_name: str | None) -> list[int] | None:
    """Keys of the projects that a read asks for: None for all without bound, [] when there is none such.

    project_name: None or the global project mean every project in the caller's scope. The caller's right to name
    the project is `scope.check_project`'s business.
    """
    if project_name is None or project_name == GLOBAL_PROJECT:
        return None if caller.project_ids is None else sorted(caller.project_ids)
    named = Project.objects.named(project_name)
    return [named.pk] if named is not None and caller.sees_project(named.pk) else []
