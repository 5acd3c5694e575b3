"""Clients that members let in by OAuth: consent, the code, the token that is lent, its renewal, and its end.

A connection is a client with a role token of its own. The client gets the token's text in exchange for a code that is
good once, and a fresh text in exchange for a refresh token that is good once too. Whatever comes a second time was
stolen from somebody, so the whole connection ends.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from oauth2_provider.models import Application

from access import audit
from access.audit import AuditSubject
from access.callers import Caller, caller_for_token
from access.errors import Conflict, NotFound
from access.models import (
    AuditOutcome,
    AuthorizationCode,
    ConnectedClient,
    Member,
    RefreshToken,
    RoleToken,
)
from access.roles import Role
from access.tokens import LABEL_LENGTH, hash_secret, lend_token, new_secret, renew_secret

# The browser carries the code straight to the client; the specification advises against more than ten minutes.
CODE_LIFETIME = timedelta(seconds=60)
# A stolen token works no longer than this; clients renew it by themselves.
TOKEN_LIFETIME = timedelta(hours=1)
# A client that nobody used for a month asks its member again.
REFRESH_LIFETIME = timedelta(days=30)
# Whoever registers a client goes on to the consent at once; a day leaves room for asking an owner for a login.
UNUSED_CLIENT_LIFETIME = timedelta(days=1)
KIND = "connected client"
REASON_LENGTH = 200


@dataclass(frozen=True)
class Consent:
    """What a member grants a client, and where the client wants its code.

    project_names: None for every project, also those made later. code_challenge: SHA-256 of the client's verifier in
    base64url without padding.
    """

    role: Role
    project_names: Iterable[str] | None
    redirect_uri: str
    code_challenge: str


@dataclass(frozen=True)
class LentSecrets:
    """A token's text and the text that renews it: the only moment when they exist."""

    token: str
    refresh_token: str


def let_in_client(caller: Caller, client: Application, consent: Consent, code: str) -> ConnectedClient:
    """Lend a client a token with the member's own rights or less; `code` fetches it, once, within a minute.

    The caller is a logged-in member. Raises Forbidden for a role above the member's, OutOfScope or NotFound for
    projects out of sight, Invalid for none at all.
    """
    member = Member.objects.get(pk=caller.member_id)
    until = timezone.now() + CODE_LIFETIME
    label = f"{member.username}, {client}"[:LABEL_LENGTH]
    with transaction.atomic():
        token = lend_token(
            caller, member, label, consent.role, project_names=consent.project_names, expires_at=timezone.now()
        )
        connection = ConnectedClient.objects.create(client=client, token=token, ends_at=until)
        AuthorizationCode.objects.create(
            connection=connection,
            digest=hash_secret(code),
            redirect_uri=consent.redirect_uri,
            code_challenge=consent.code_challenge,
            expires_at=until,
        )
    return connection


def subject_of(connection: ConnectedClient) -> AuditSubject:
    """A connection in the audit trail."""
    projects = [] if connection.token.all_projects else list(connection.token.projects.values_list("pk", flat=True)[:2])
    return AuditSubject(KIND, str(connection.pk), str(connection.client), projects[0] if len(projects) == 1 else None)


def code_presented(secret: str, client: Application, address: str | None = None) -> AuthorizationCode | None:
    """The code with this text, locked, if it is this client's and may be used now; must run in a transaction.

    One that was used before ends its connection: either the first or the second presenter stole it.
    """
    row = AuthorizationCode.objects.locked(hash_secret(secret))
    if row is None or row.connection.client_id != client.pk:
        return None
    if row.used_at is not None:
        _end_for_replay(row.connection, "its authorization code came a second time", address)
        return None
    return row if row.expires_at > timezone.now() and _still_allowed(row.connection) else None


def refresh_token_presented(secret: str, client: Application, address: str | None = None) -> RefreshToken | None:
    """The refresh token with this text, locked, if it is this client's and may be used now; must run in a transaction.

    One that was used before ends its connection.
    """
    row = RefreshToken.objects.locked(hash_secret(secret))
    if row is None or row.connection.client_id != client.pk:
        return None
    if row.used_at is not None:
        _end_for_replay(row.connection, "a used refresh token came again", address)
        return None
    return row if row.expires_at > timezone.now() and _still_allowed(row.connection) else None


def hand_out(row: AuthorizationCode | RefreshToken) -> LentSecrets:
    """Use up what was presented, and give the client a fresh token for an hour and the next refresh token.

    The token keeps no more than its member has by now. Must run in the transaction that locked the row.
    """
    now = timezone.now()
    connection = row.connection
    row.used_at = now
    row.save(update_fields=["used_at"])
    _keep_within_members_rights(connection.token)
    secrets = LentSecrets(renew_secret(connection.token, now + TOKEN_LIFETIME), new_secret())
    RefreshToken.objects.create(
        connection=connection, digest=hash_secret(secrets.refresh_token), expires_at=now + REFRESH_LIFETIME
    )
    connection.fetched_at = connection.fetched_at or now
    connection.ends_at = now + REFRESH_LIFETIME
    connection.save(update_fields=["fetched_at", "ends_at"])
    return secrets


def connection_of_secret(secret: str, client: Application) -> ConnectedClient | None:
    """The client's connection to which a token's or a refresh token's text belongs, whether or not it is over."""
    digest = hash_secret(secret)
    connections = ConnectedClient.objects.filter(client=client).select_related("token__member", "client")
    return connections.filter(token__digest=digest).first() or connections.filter(refresh_tokens__digest=digest).first()


def revoke_by_client(connection: ConnectedClient, address: str | None = None) -> None:
    """End a connection because its client asks for it."""
    if connection.token.revoked_at is None:
        caller = _caller_at_the_door(connection, address)
        _end(connection, by=str(connection.client), reason="the client gave it back")
        audit.record_done(caller, "revoke_client", subject=subject_of(connection), detail="by the client")


def revoke_client(caller: Caller, connection: ConnectedClient) -> ConnectedClient:
    """End a connection: its token opens nothing from now on, and cannot be renewed.

    Members end their own, owners everybody's; NotFound for others. Raises Conflict when it is over already.
    """
    with transaction.atomic():
        if not ConnectedClient.objects.visible_to(caller).filter(pk=connection.pk).exists():
            raise NotFound("Connected client not found")
        locked = (
            ConnectedClient.objects.select_for_update(of=("self",))
            .select_related("token", "client")
            .get(pk=connection.pk)
        )
        if locked.token.revoked_at is not None:
            raise Conflict(f"{locked} is revoked already.")
        _end(locked, by=caller.name, reason="")
    return locked


def end_connections(member: Member, *, by: str, reason: str) -> int:
    """End every connection of a member; answers how many."""
    connections = ConnectedClient.objects.of_member(member).connected().select_related("token")
    for connection in (live := list(connections)):
        _end(connection, by=by, reason=reason)
    return len(live)


def find_connection(caller: Caller, connection_id: str) -> ConnectedClient:
    """A connection in the caller's sight. Raises NotFound."""
    rows = ConnectedClient.objects.visible_to(caller).select_related("token__member", "client")
    found = rows.filter(pk=connection_id).first()
    if found is None:
        raise NotFound("Connected client not found")
    return found


def forget_what_is_over(now: datetime | None = None) -> int:
    """Remove codes and refresh tokens that are past use, consents that no client came for, and clients without any.

    Answers how many rows went. Connections that once held a token stay, for the record.
    """
    now = now or timezone.now()
    gone = RefreshToken.objects.filter(expires_at__lte=now).delete()[0]
    gone += AuthorizationCode.objects.filter(expires_at__lte=now - REFRESH_LIFETIME).delete()[0]
    broken_off = ConnectedClient.objects.filter(fetched_at=None, ends_at__lte=now - UNUSED_CLIENT_LIFETIME)
    gone += RoleToken.objects.filter(pk__in=broken_off.values("token_id")).delete()[0]
    registered = Application.objects.exclude(registration_source=Application.RegistrationSource.MANUAL)
    unused = registered.filter(connections=None, created__lte=now - UNUSED_CLIENT_LIFETIME)
    return gone + unused.delete()[0]


def _still_allowed(connection: ConnectedClient) -> bool:
    """Whether the connection lives and its member may still lend it something. One that has lost all ends here."""
    token, member = connection.token, connection.token.member
    if token.revoked_at is not None or token.replaced_by_id is not None or member is None or not member.is_active:
        return False
    if _has_projects_left(token, member):
        return True
    _end(connection, by="the portal", reason="its member sees none of its projects any more")
    return False


def _has_projects_left(token: RoleToken, member: Member) -> bool:
    if member.role == Role.OWNER or member.all_projects:
        return token.all_projects or token.projects.exists()
    if token.all_projects:
        return member.projects.exists()
    return token.projects.filter(pk__in=member.projects.values("pk")).exists()


def _keep_within_members_rights(token: RoleToken) -> None:
    """Lower role and scope to the member's, where those were narrowed while the token slept."""
    member = token.member
    assert member is not None, "a lent token has a member"
    if not Role(member.role).includes(Role(token.role)):
        token.role = member.role
        token.save(update_fields=["role"])
    if member.role == Role.OWNER or member.all_projects:
        return
    kept = member.projects.all() if token.all_projects else token.projects.filter(pk__in=member.projects.values("pk"))
    token.projects.set(list(kept))
    if token.all_projects:
        token.all_projects = False
        token.save(update_fields=["all_projects"])


def _end_for_replay(connection: ConnectedClient, reason: str, address: str | None) -> None:
    if connection.token.revoked_at is None:
        caller = _caller_at_the_door(connection, address)
        _end(connection, by="the portal", reason=reason)
        subject = subject_of(connection)
        audit.record(caller, "revoke_client", AuditOutcome.REFUSED, 400, subject=subject, detail=f"Ended: {reason}.")


def _end(connection: ConnectedClient, *, by: str, reason: str) -> None:
    token = connection.token
    token.revoked_at, token.revoked_by = timezone.now(), by[:LABEL_LENGTH]
    token.save(update_fields=["revoked_at", "revoked_by"])
    connection.end_reason = reason[:REASON_LENGTH]
    connection.save(update_fields=["end_reason"])


def _caller_at_the_door(connection: ConnectedClient, address: str | None) -> Caller:
    return caller_for_token(connection.token).through("oauth", address=address)
