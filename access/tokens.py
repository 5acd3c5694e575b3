"""Role tokens: made, shown once, recognised, rotated and revoked. Only a keyed hash of the secret is kept."""

import hmac
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from access.callers import Caller
from access.errors import Conflict, Invalid, NotFound, OutOfScope
from access.models import Member, Project, RoleToken
from access.roles import Role
from access.scope import check_project_name, make_project

TOKEN_START = "zikra"  # noqa: S105 - the readable beginning of every token, not a secret
PREFIX_BYTES = 5  # 40 random bits: enough that two tokens hardly ever share a prefix; the secret alone protects.
SECRET_BYTES = 32  # 256 random bits, so that a fast keyed hash is enough.
LABEL_LENGTH = 200
MAX_EXPIRY_DAYS = 3650
MOST_CALLS_PER_MINUTE = 2**31 - 1  # PostgreSQL's integer


@dataclass(frozen=True)
class NewToken:
    """A token just made, with its secret text: the only moment when that text exists."""

    row: RoleToken
    secret: str


def hash_secret(secret: str) -> str:
    """HMAC-SHA-256 of a token's whole text under the portal's key, as 64 hex digits."""
    key = getattr(settings, "TOKEN_HASH_KEY", "") or settings.SECRET_KEY
    return salted_hmac("access.tokens", secret, secret=key, algorithm="sha256").hexdigest()


def make_token(
    caller: Caller,
    label: str,
    role: Role,
    *,
    project_names: Iterable[str] | None = None,
    expires_at: datetime | None = None,
    member: Member | None = None,
    rate_per_minute: int | None = None,
) -> NewToken:
    """Make a token of a role, for the named projects or, with None, for all. Needs an owner.

    Projects that do not exist yet are made. A caller who is scoped can only hand out what lies in that scope
    (OutOfScope otherwise). expires_at: None for a token that does not expire.
    """
    caller.require(Role.OWNER)
    names = _scope_of(caller, project_names)
    label = _checked_label(label)
    if rate_per_minute is not None and not 0 <= rate_per_minute <= MOST_CALLS_PER_MINUTE:
        problem = (
            f"A rate lies between 0 (no limit) and {MOST_CALLS_PER_MINUTE} commands a minute, not at {rate_per_minute}."
        )
        raise Invalid(problem, fields={"rate_per_minute": [problem]})
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid("The expiry lies in the past.", fields={"expires_in_days": ["must be at least 1"]})
    with transaction.atomic():
        row, secret = _new_row(label=label, role=role, created_by=caller.name, member=member)
        row.all_projects = names is None
        row.expires_at = expires_at
        row.rate_per_minute = rate_per_minute
        row.save()
        if names is not None:
            row.projects.set([_project(caller, name) for name in names])
    return NewToken(row, secret)


def lend_token(
    caller: Caller,
    member: Member,
    label: str,
    role: Role,
    *,
    project_names: Iterable[str] | None,
    expires_at: datetime,
) -> RoleToken:
    """Make a token with a member's own rights, or less, whose secret nobody knows before `renew_secret`.

    Any member may lend, and no more than they have: raises Forbidden for a stronger role, OutOfScope for what lies
    outside the caller's projects (None means every project), NotFound for a project that does not exist.
    """
    caller.require(role)
    names = _scope_of(caller, project_names)
    projects = [] if names is None else list(Project.objects.visible_to(caller).filter(name__in=names))
    if names is not None and len(projects) < len(names):
        raise NotFound("Project not found")
    with transaction.atomic():
        row, _ = _new_row(label=_checked_label(label), role=role, created_by=caller.name, member=member)
        row.all_projects = names is None
        row.expires_at = expires_at
        row.save()
        row.projects.set(projects)
    return row


def renew_secret(token: RoleToken, expires_at: datetime) -> str:
    """Give a token another secret and another end; the old secret opens nothing from now on."""
    fresh, secret = _new_row(label=token.label, role=Role(token.role), created_by=token.created_by, member=token.member)
    token.prefix, token.digest, token.expires_at = fresh.prefix, fresh.digest, expires_at
    # No row of history: what changes every hour is not the token's rights.
    token.skip_history_when_saving = True  # type: ignore[attr-defined]
    token.save(update_fields=["prefix", "digest", "expires_at"])
    del token.skip_history_when_saving  # type: ignore[attr-defined]
    return secret


def make_own_token(
    caller: Caller,
    label: str,
    role: Role,
    *,
    project_names: Iterable[str] | None,
    expires_at: datetime,
) -> NewToken:
    """Make a token for oneself, with one's own rights or less. Raises as lend_token does.

    It narrows with its member, as every token of a member does.
    """
    if expires_at <= timezone.now():
        raise Invalid("The expiry lies in the past.", fields={"expires_in_days": ["must be at least 1"]})
    with transaction.atomic():
        member = Member.objects.get(pk=caller.member_id)
        row = lend_token(caller, member, label, role, project_names=project_names, expires_at=expires_at)
        return NewToken(row, renew_secret(row, expires_at))


def may_revoke(caller: Caller, token: RoleToken) -> bool:
    """Whether the caller may shut a token out: members their own, owners those in their sight."""
    return _is_own(caller, token) or caller.may(Role.OWNER)


def revoke_any_token(caller: Caller, token: RoleToken) -> RoleToken:
    """Close the door for one's own token or, as an owner, for one in sight. Raises Forbidden, NotFound."""
    if not _is_own(caller, token):
        return revoke_token(caller, token)
    with transaction.atomic():
        _close(RoleToken.objects.select_for_update().get(pk=token.pk), by=caller.name)
    token.refresh_from_db()
    return token


def new_secret() -> str:
    """A random text in the shape of a token's: what masks tokens masks it too."""
    return f"{TOKEN_START}_{secrets.token_hex(PREFIX_BYTES)}_{secrets.token_urlsafe(SECRET_BYTES)}"


def token_for_secret(secret: str) -> RoleToken | None:
    """The usable token with this text, or None. Found by its prefix, compared in constant time."""
    start, _, rest = secret.partition("_")
    prefix, _, tail = rest.partition("_")
    if start != TOKEN_START or not tail or len(secret) > LABEL_LENGTH or not secret.isascii():
        return None
    row = RoleToken.objects.opening(prefix) if "\x00" not in prefix else None
    return row if row is not None and hmac.compare_digest(row.digest, hash_secret(secret)) else None


def revoke_token(caller: Caller, token: RoleToken) -> RoleToken:
    """Close the door for a token at once. Revoking a revoked one changes nothing."""
    with transaction.atomic():
        _close(_locked(caller, token), by=caller.name)
    token.refresh_from_db()
    return token


def rotate_token(caller: Caller, token: RoleToken, *, grace: timedelta = timedelta()) -> NewToken:
    """Replace a token's secret: a new token of the same label, role, scope and rate; the old one ends after `grace`.

    Raises Conflict when the token is not active, or was rotated already and lives out its grace.
    """
    with transaction.atomic():
        old = _locked(caller, token)
        if old.state == "active" and old.replaced_by_id:
            raise Conflict(f"The token '{old.label}' was rotated already.", hint="Rotate the one that replaced it.")
        if old.state != "active":
            raise Conflict(f"The token '{old.label}' is {old.state}; only an active token can be rotated.")
        row, secret = _new_row(label=old.label, role=Role(old.role), created_by=caller.name, member=old.member)
        row.all_projects, row.rate_per_minute, row.expires_at = old.all_projects, old.rate_per_minute, old.expires_at
        row.save()
        row.projects.set(old.projects.all())
        _end_after(old, grace, by=caller.name, replaced_by=row)
    return NewToken(row, secret)


def rescope_token(caller: Caller, token: RoleToken, project_names: Iterable[str] | None) -> RoleToken:
    """Limit a token to the named projects, or open it to all with None. Needs an owner whose scope holds them."""
    with transaction.atomic():
        locked = _locked(caller, token)
        names = _scope_of(caller, project_names)
        locked.all_projects = names is None
        locked.save(update_fields=["all_projects"])
        locked.projects.set([] if names is None else [_project(caller, name) for name in names])
    token.refresh_from_db()
    return token


def find_token(caller: Caller, *, token_id: str = "", label: str = "") -> RoleToken:
    """The token with this id, or the only active one with this label, in the caller's sight.

    A token that was rotated and lives out its grace is found by its id alone. Raises NotFound or Conflict.
    """
    visible = RoleToken.objects.visible_to(caller)
    if token_id:
        found = visible.filter(pk=_uuid(token_id)).first()
        if found is None:
            raise NotFound("Token not found")
        return found
    named = list(visible.usable().filter(label=label.strip().replace("\x00", ""), replaced_by=None)[:2])
    if not named:
        raise NotFound("Token not found")
    if len(named) > 1:
        raise Conflict(
            f"Several active tokens are labelled '{label}'.", hint="Give the token's id; list_tokens shows it."
        )
    return named[0]


def _is_own(caller: Caller, token: RoleToken) -> bool:
    return caller.member_id is not None and token.member_id == caller.member_id


def _close(locked: RoleToken, *, by: str) -> None:
    if locked.revoked_at is None:
        locked.revoked_at, locked.revoked_by = timezone.now(), by[:LABEL_LENGTH]
        locked.save(update_fields=["revoked_at", "revoked_by"])


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound("Token not found") from None


def _new_row(*, label: str, role: Role, created_by: str, member: Member | None) -> tuple[RoleToken, str]:
    prefix = secrets.token_hex(PREFIX_BYTES)
    secret = f"{TOKEN_START}_{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    row = RoleToken(
        label=label,
        role=role,
        created_by=created_by[:LABEL_LENGTH],
        member=member,
        prefix=prefix,
        digest=hash_secret(secret),
    )
    return row, secret


def _end_after(token: RoleToken, grace: timedelta, *, by: str, replaced_by: RoleToken) -> None:
    """Revoke at once, or let a grace period pass by bringing the expiry forward."""
    now = timezone.now()
    token.replaced_by = replaced_by
    if grace:
        token.expires_at = min(filter(None, [token.expires_at, now + grace]))
    else:
        token.revoked_at, token.revoked_by = now, by[:LABEL_LENGTH]
    token.save(update_fields=["replaced_by", "expires_at", "revoked_at", "revoked_by"])


def _project(caller: Caller, name: str) -> Project:
    return Project.objects.visible_to(caller).filter(name=name).first() or make_project(caller, name)


def _scope_of(caller: Caller, project_names: Iterable[str] | None) -> list[str] | None:
    """The checked names without doubles. Raises Invalid for none at all, OutOfScope for one outside the caller's."""
    names = None if project_names is None else sorted({check_project_name(name) for name in project_names})
    if names == []:
        problem = "A token reaches at least one project; leave the scope out for every project."
        raise Invalid(problem, fields={"project_scope": [problem]})
    if caller.project_ids is not None:
        outside = [name for name in names or ["every project"] if name not in caller.project_names]
        if outside:
            raise OutOfScope(list(caller.project_names), outside[0])
    return names


def _locked(caller: Caller, token: RoleToken) -> RoleToken:
    """The token's row for changing. Raises Forbidden for all but owners, NotFound out of the caller's sight."""
    caller.require(Role.OWNER)
    if not RoleToken.objects.visible_to(caller).filter(pk=token.pk).exists():
        raise NotFound("Token not found")
    return RoleToken.objects.select_for_update().get(pk=token.pk)


def _checked_label(label: str) -> str:
    trimmed = " ".join(label.replace("\x00", "").split())
    if not trimmed or len(trimmed) > LABEL_LENGTH:
        problem = f"A token's label has 1 to {LABEL_LENGTH} characters, not {len(trimmed)}."
        raise Invalid(problem, fields={"label": [problem]})
    return trimmed
