"""Members made and changed: their role, their projects, their password, and whether they may come in.

Each verb needs an owner. A caller of a limited scope reaches only members whose whole scope lies inside it, and hands
out nothing wider. Whoever calls a verb writes the audit row.
"""

import secrets
from collections.abc import Callable, Iterable

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Prefetch

from access.callers import Caller
from access.clients import end_connections
from access.errors import Conflict, Invalid, NotFound, OutOfScope
from access.models import Member, Membership, Project
from access.roles import ROLE_ORDER, Role
from access.scope import check_project_name, make_project

PASSWORD_BYTES = 15  # 120 random bits in 20 characters: out of reach for guessing, short enough to type once.


def new_password() -> str:
    """A random password of 20 letters, digits, - and _."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def make_member(
    caller: Caller,
    username: str,
    role: Role,
    *,
    password: str,
    email: str = "",
    project_names: Iterable[str] | None = (),
) -> Member:
    """Make a member who logs in with this password.

    project_names: projects that the member sees, made when they are new; None for every project, which an owner sees
    anyway. Raises Invalid for a username that is taken or impossible, a bad address or a weak password, OutOfScope for
    what lies outside the caller's scope.
    """
    caller.require(Role.OWNER)
    names = _allowed_names(caller, role, project_names)
    member = Member(username=username.strip(), email=email.strip(), role=role, all_projects=names is None)
    _check_username(member)
    if member.email:
        _explained("email", lambda: validate_email(member.email))
    _check_password(member, password)
    member.set_password(password)
    with transaction.atomic():
        member.save()
        _place(caller, member, names)
    return member


def change_role(caller: Caller, member: Member, role: Role) -> Member:
    """Give a member another role. Their tokens keep no stronger one.

    Raises Conflict when the last active owner would lose the role, NotFound for a member out of sight, OutOfScope when
    a caller of a limited scope would make an owner.
    """
    with transaction.atomic():
        locked = _locked(caller, member)
        _allowed_names(caller, role, ())
        if role != Role.OWNER:
            _keep_an_owner(locked, "demoted")
        locked.role = role
        locked.save(update_fields=["role"])
        stronger = [known.value for known in ROLE_ORDER if not role.includes(known)]
        for token in locked.tokens.usable().filter(role__in=stronger):
            token.role = role
            token.save(update_fields=["role"])
    return _refreshed(member)


def set_projects(caller: Caller, member: Member, project_names: Iterable[str] | None) -> Member:
    """Let a member see exactly these projects, or every project with None. Their tokens keep no wider scope.

    Projects that do not exist yet are made. Raises OutOfScope for a project outside the caller's scope, NotFound for a
    member out of sight.
    """
    with transaction.atomic():
        locked = _locked(caller, member)
        names = _allowed_names(caller, Role(locked.role), project_names)
        locked.all_projects = names is None
        locked.save(update_fields=["all_projects"])
        _place(caller, locked, names)
        if names is not None and locked.role != Role.OWNER:
            _narrow_tokens(locked)
    return _refreshed(member)


def set_password(caller: Caller, member: Member, password: str) -> Member:
    """Give a member a new password. Raises Invalid for a weak one."""
    with transaction.atomic():
        locked = _locked(caller, member)
        _check_password(locked, password)
        locked.set_password(password)
        locked.save(update_fields=["password"])
    return _refreshed(member)


def deactivate_member(caller: Caller, member: Member) -> Member:
    """Keep a member out: no login, and their tokens open nothing. Clients that they let in are out for good.

    Raises Conflict for the last active owner.
    """
    with transaction.atomic():
        locked = _locked(caller, member)
        _keep_an_owner(locked, "deactivated")
        locked.is_active = False
        locked.save(update_fields=["is_active"])
        end_connections(locked, by=caller.name, reason="its member was deactivated")
    return _refreshed(member)


def reactivate_member(caller: Caller, member: Member) -> Member:
    """Let a member in again; their tokens that were neither revoked nor expired work again."""
    with transaction.atomic():
        locked = _locked(caller, member)
        locked.is_active = True
        locked.save(update_fields=["is_active"])
    return _refreshed(member)


def find_member(caller: Caller, username: str) -> Member:
    """The member of this username in the caller's sight. Raises NotFound."""
    found = Member.objects.visible_to(caller).filter(username=username.replace("\x00", "")).first()
    if found is None:
        raise NotFound("Member not found")
    return found


def members_seeing(project_ids: Iterable[int]) -> dict[int, list[Member]]:
    """The members who see and may write in each of these projects, by name. Two queries for all of them."""
    wanted = set(project_ids)
    places = Membership.objects.filter(project_id__in=wanted)
    active = Member.objects.filter(is_active=True).exclude(role=Role.GUEST).order_by("username")
    people = list(active.prefetch_related(Prefetch("memberships", places, to_attr="places")))
    return {
        project_id: [
            member
            for member in people
            if member.role == Role.OWNER
            or member.all_projects
            or any(place.project_id == project_id for place in member.places)
        ]
        for project_id in wanted
    }


def _locked(caller: Caller, member: Member) -> Member:
    """The member's row for changing. Owners are locked together, so that two of them cannot demote each other."""
    caller.require(Role.OWNER)
    list(Member.objects.active_owners().select_for_update().order_by("pk").values_list("pk", flat=True))
    if not Member.objects.visible_to(caller).filter(pk=member.pk).exists():
        raise NotFound("Member not found")
    return Member.objects.select_for_update().get(pk=member.pk)


def _refreshed(member: Member) -> Member:
    member.refresh_from_db()
    return member


def _keep_an_owner(member: Member, deed: str) -> None:
    if (
        not Member.objects.active_owners().exclude(pk=member.pk).exists()
        and member.is_active
        and member.role == Role.OWNER
    ):
        raise Conflict(
            f"{member} is the last active owner and cannot be {deed}.",
            hint="Make another active member an owner first.",
        )


def _allowed_names(caller: Caller, role: Role, project_names: Iterable[str] | None) -> list[str] | None:
    """The names without doubles. Raises OutOfScope when they, or what the role sees by itself, exceed the caller's scope."""
    names = None if project_names is None else sorted({check_project_name(name) for name in project_names})
    if caller.project_ids is None:
        return names
    if names is None or role == Role.OWNER:
        raise OutOfScope(list(caller.project_names), "every project")
    outside = [name for name in names if name not in caller.project_names]
    if outside:
        raise OutOfScope(list(caller.project_names), outside[0])
    return names


def _place(caller: Caller, member: Member, names: list[str] | None) -> None:
    """Make the member's memberships exactly these; those that stay keep their date."""
    projects = [] if names is None else [_project(caller, name) for name in names]
    member.memberships.exclude(project__in=projects).delete()
    Membership.objects.bulk_create(
        [Membership(member=member, project=project) for project in projects], ignore_conflicts=True
    )


def _project(caller: Caller, name: str) -> Project:
    return Project.objects.visible_to(caller).filter(name=name).first() or make_project(caller, name)


def _narrow_tokens(member: Member) -> None:
    kept = set(member.memberships.values_list("project_id", flat=True))
    for token in member.tokens.usable():
        if token.all_projects:
            token.all_projects = False
            token.save(update_fields=["all_projects"])
            token.projects.set(kept)
        else:
            token.projects.set([pk for pk in token.projects.values_list("pk", flat=True) if pk in kept])


def _check_username(member: Member) -> None:
    _explained("username", lambda: member.clean_fields(exclude=["password", "email", "role"]))
    if Member.objects.filter(username__iexact=member.username).exists():
        problem = f"A member named {member.username} exists already."
        raise Invalid(problem, fields={"username": [problem]})


def _check_password(member: Member, password: str) -> None:
    if "\x00" in password:
        raise Invalid("A password cannot hold NUL bytes.", fields={"password": ["A password cannot hold NUL bytes."]})
    _explained("password", lambda: validate_password(password, member))


def _explained(field: str, check: Callable[[], None]) -> None:
    """Turn Django's complaint into Invalid."""
    try:
        check()
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), fields={field: list(error.messages)}) from error
