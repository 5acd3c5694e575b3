"""Projects, members, role tokens and the audit trail."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.validators import RegexValidator
from django.db import connections, models
from django.db.models.functions import Lower, Now
from django.utils import timezone
from simple_history.models import HistoricalRecords

from access.first_row import first_row
from access.roles import Role

if TYPE_CHECKING:
    from access.callers import Caller

# The project that takes what names none; reading it means all that the caller may read.
GLOBAL_PROJECT = "global"
PROJECT_NAME_LENGTH = 100
PROJECT_NAME_PATTERN = r"^\w[\w.\-/:@+ ]*\Z"


OPENED = """SELECT project.id, project.name FROM access_roletoken_projects AS opened
JOIN access_project AS project ON project.id = opened.project_id WHERE opened.roletoken_id = %s"""


class ProjectQuerySet(models.QuerySet["Project"]):
    """Questions about projects."""

    def visible_to(self, caller: "Caller") -> Self:
        """The projects inside the caller's scope."""
        return self if caller.project_ids is None else self.filter(pk__in=caller.project_ids)

    def named(self, name: str) -> "Project | None":
        """The project of this name. Nearly every call of an agent asks it."""
        return first_row(self.model, "FROM access_project WHERE name = %s", [name], self.db)

    def opened_by(self, token_id: uuid.UUID) -> list[tuple[int, str]]:
        """Keys and names of the projects in a token's scope. Every call with a scoped token asks it."""
        with connections[self.db].cursor() as cursor:
            cursor.execute(OPENED, [token_id])
            return cursor.fetchall()


class Project(models.Model):
    """A body of work whose memories, runs and requirements belong together; its name is its address."""

    name = models.CharField(
        max_length=PROJECT_NAME_LENGTH,
        unique=True,
        validators=[
            RegexValidator(
                PROJECT_NAME_PATTERN, "A project name starts with a letter, digit or _ and has no control characters."
            )
        ],
    )
    description = models.TextField(blank=True)
    is_demo = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="Made by the command `demo`, and removed by it."
    )
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    history = HistoricalRecords(excluded_fields=["is_demo"])

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class MemberQuerySet(models.QuerySet["Member"]):
    """Questions about members."""

    def active_owners(self) -> Self:
        """Members who can run the team: owners who may log in."""
        return self.filter(role=Role.OWNER, is_active=True)

    def seeing(self, project: Project) -> Self:
        """Members who may log in and see a project: owners, those who see every project, and its own."""
        its_own = Membership.objects.filter(project=project, member=models.OuterRef("pk"))
        return self.filter(
            models.Q(role=Role.OWNER) | models.Q(all_projects=True) | models.Exists(its_own), is_active=True
        )

    def called(self, usernames: Iterable[str]) -> Self:
        """Members of these usernames, whatever their case."""
        return self.alias(folded=Lower("username")).filter(folded__in=[name.lower() for name in usernames])

    def visible_to(self, caller: "Caller") -> Self:
        """Members whom a caller may see and change: all, or those whose whole scope lies inside the caller's."""
        if caller.project_ids is None:
            return self
        outside = Membership.objects.exclude(project_id__in=caller.project_ids)
        return self.filter(all_projects=False).exclude(role=Role.OWNER).exclude(memberships__in=outside)


class MemberManager(UserManager.from_queryset(MemberQuerySet)):  # type: ignore[misc]
    """Django's maker of users, which also answers the questions above."""

    use_in_migrations = False

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **fields: Any
    ) -> "Member":
        """What Django calls a superuser is an owner here: its flags would pass by the role."""
        for flag in ("is_staff", "is_superuser"):
            fields.pop(flag, None)
        return self.create_user(username, email, password, **{**fields, "role": Role.OWNER, "all_projects": True})


class Member(AbstractUser):
    """A person who logs in. The role says what they may do, the projects where.

    Django's own staff and superuser flags are not used: they follow the role (see access/permissions.py).
    """

    role = models.CharField(max_length=20, choices=Role.choices, default=Role.COLLABORATOR)
    all_projects = models.BooleanField(default=False, help_text="Sees every project, also those made later.")
    projects = models.ManyToManyField(Project, through="Membership", related_name="members", blank=True)
    time_zone = models.CharField(
        max_length=64, default="UTC", help_text="Times on pages are shown in this zone, such as Europe/Berlin."
    )
    mail_notifications = models.BooleanField(
        default=True, db_default=True, help_text="Also send by mail what the portal has to tell."
    )

    is_demo = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="Made by the command `demo`, and removed by it."
    )

    history = HistoricalRecords(excluded_fields=["password", "last_login", "is_demo"])
    objects = MemberManager()  # type: ignore[misc]

    class Meta(AbstractUser.Meta):
        verbose_name = "member"
        verbose_name_plural = "members"
        ordering = ["username"]
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="member_role_is_known"),
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    def save(self, *args: Any, **kwargs: Any) -> None:
        """As Django saves. A login, which notes its time and nothing else, makes no row of history."""
        noted = kwargs.get("update_fields")
        if noted is None or set(noted) != {"last_login"}:
            super().save(*args, **kwargs)
            return
        self.skip_history_when_saving = True
        try:
            super().save(*args, **kwargs)
        finally:
            del self.skip_history_when_saving


class Membership(models.Model):
    """A member's place in a project."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="memberships")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    since = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["member", "project"], name="one_membership_per_member_and_project")
        ]

    def __str__(self) -> str:
        return f"{self.member} in {self.project}"


OPENING = """
FROM access_roletoken LEFT JOIN access_member AS member ON member.id = access_roletoken.member_id
WHERE access_roletoken.prefix = %s AND access_roletoken.revoked_at IS NULL
AND coalesce(access_roletoken.expires_at > %s, true) AND coalesce(member.is_active, true)
"""


class RoleTokenQuerySet(models.QuerySet["RoleToken"]):
    """Questions about tokens."""

    def usable(self, now: datetime | None = None) -> Self:
        """Tokens that open the door now: neither revoked nor expired."""
        moment = now or timezone.now()
        return self.filter(revoked_at=None).exclude(expires_at__lte=moment)

    def opening(self, prefix: str, now: datetime | None = None) -> "RoleToken | None":
        """The usable token with this prefix, unless its member may not log in any more. Every call of an agent asks it."""
        return first_row(self.model, OPENING, [prefix, now or timezone.now()], self.db)

    def of(self, caller: "Caller") -> Self:
        """Tokens that act for the caller's member."""
        return self.none() if caller.member_id is None else self.filter(member_id=caller.member_id)

    def visible_to(self, caller: "Caller") -> Self:
        """Tokens that a caller may see and change: all, or those whose whole scope lies inside the caller's."""
        if caller.project_ids is None:
            return self
        outside = Project.objects.exclude(pk__in=caller.project_ids)
        return self.filter(all_projects=False).exclude(projects__in=outside)


class RoleToken(models.Model):
    """A key for an agent: a role, a set of projects, and a keyed hash of a secret that was shown once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    label = models.CharField(max_length=200, help_text="Who or what uses it, such as “ana, laptop”.")
    member = models.ForeignKey(
        Member,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="tokens",
        help_text="The person it acts for.",
    )
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.COLLABORATOR)
    all_projects = models.BooleanField(default=False, help_text="Every project, also those made later.")
    projects = models.ManyToManyField(Project, related_name="tokens", blank=True)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    rate_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="Commands a minute; empty takes the portal's default, 0 sets no limit."
    )
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    created_by = models.CharField(max_length=200, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_by = models.CharField(max_length=200, blank=True, editable=False)
    replaced_by = models.ForeignKey(
        "self", null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="replaces"
    )
    last_used_at = models.DateTimeField(null=True, editable=False)
    hits = models.PositiveBigIntegerField(default=0, db_default=0, editable=False)

    history = HistoricalRecords(excluded_fields=["digest", "last_used_at", "hits"])
    objects = RoleTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "token"
        ordering = ["-created_at", "id"]
        constraints = [models.CheckConstraint(condition=models.Q(role__in=Role.values), name="token_role_is_known")]

    def __str__(self) -> str:
        return f"{self.label} ({self.prefix}…)"

    @property
    def state(self) -> str:
        """One word for lists: active, expired, replaced or revoked."""
        if self.revoked_at:
            return "replaced" if self.replaced_by_id else "revoked"
        if self.expires_at and self.expires_at <= timezone.now():
            return "replaced" if self.replaced_by_id else "expired"
        return "active"


class ConnectedClientQuerySet(models.QuerySet["ConnectedClient"]):
    """Questions about clients that members let in."""

    def visible_to(self, caller: "Caller") -> Self:
        """Every client for an owner of everything; for others those that they let in themselves."""
        if caller.may(Role.OWNER) and caller.project_ids is None:
            return self
        return self.filter(token__member_id=caller.member_id or 0)

    def connected(self, now: datetime | None = None) -> Self:
        """Clients that hold, or can still fetch, a token that opens the door."""
        return self.filter(token__revoked_at=None, ends_at__gt=now or timezone.now())

    def fetched(self) -> Self:
        """Clients that came for their token; others broke off after the consent."""
        return self.exclude(fetched_at=None)

    def of_client(self, client_id: str) -> Self:
        """Connections of the client with this id."""
        return self.filter(client__client_id=client_id)

    def for_lists(self) -> Self:
        """With what lists show, newest first."""
        rows = self.select_related("client", "token__member").prefetch_related("token__projects")
        return rows.order_by("-token__created_at", "-pk")

    def of_member(self, member: Member) -> Self:
        """Clients that a member let in."""
        return self.filter(token__member=member)


class ConnectedClient(models.Model):
    """A client that a member let in by OAuth: an application, and the role token that is lent to it.

    The token's secret changes each time the client renews it, its row stays: role, projects, uses and revocation are
    the token's. The refresh tokens of one connection are one family.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey("oauth2_provider.Application", on_delete=models.PROTECT, related_name="connections")
    token = models.OneToOneField(RoleToken, on_delete=models.CASCADE, related_name="connection")
    fetched_at = models.DateTimeField(null=True, editable=False, help_text="When it fetched its first token.")
    ends_at = models.DateTimeField(help_text="When it is out, unless it renews its token before.")
    end_reason = models.CharField(max_length=200, blank=True, editable=False)

    objects = ConnectedClientQuerySet.as_manager()

    class Meta:
        verbose_name = "connected client"
        ordering = ["-token__created_at"]

    def __str__(self) -> str:
        return str(self.client)

    @property
    def state(self) -> str:
        """One word for lists: connected, waiting (for its first token), expired or revoked."""
        if self.token.revoked_at:
            return "revoked"
        if self.ends_at <= timezone.now():
            return "expired"
        return "connected" if self.fetched_at else "waiting"


class OnceQuerySet(models.QuerySet[Any]):
    """Questions about secrets that are good for one use."""

    def locked(self, digest: str) -> Any:
        """The row of a secret's keyed hash, locked until the transaction ends, with its connection; or None."""
        rows = self.select_for_update(of=("self",)).select_related("connection__token__member", "connection__client")
        return rows.filter(digest=digest).first()


class AuthorizationCode(models.Model):
    """What a browser carries from the consent to the client, kept as a keyed hash and good for one token request."""

    connection = models.OneToOneField(ConnectedClient, on_delete=models.CASCADE, related_name="code")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    redirect_uri = models.TextField()
    code_challenge = models.CharField(max_length=43, help_text="SHA-256 of the verifier, base64url.")
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    objects = OnceQuerySet.as_manager()

    def __str__(self) -> str:
        return f"code of {self.connection_id}"


class RefreshToken(models.Model):
    """What a client renews its token with, kept as a keyed hash and good for one use.

    A used one stays until it would have expired, so that somebody who presents it again is recognised as a thief or as
    the thief's victim.
    """

    connection = models.ForeignKey(ConnectedClient, on_delete=models.CASCADE, related_name="refresh_tokens")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    objects = OnceQuerySet.as_manager()

    def __str__(self) -> str:
        return f"refresh token of {self.connection_id}"


class TokenUseFlushQuerySet(models.QuerySet["TokenUseFlush"]):
    """The one row, for the one who flushes."""

    def locked(self) -> "TokenUseFlush":
        """The row, made if need be, locked until the transaction ends."""
        self.get_or_create()
        return self.select_for_update().get()


class TokenUseFlush(models.Model):
    """Which batch of use counts was added last, so that none is added twice; see access/rates.py. One row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    batch = models.CharField(max_length=32, blank=True, editable=False)

    objects = TokenUseFlushQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="token_use_flush_is_one_row")]

    def __str__(self) -> str:
        return self.batch


class AuditOutcome(models.TextChoices):
    """How a call ended."""

    DONE = "done", "Done"
    REFUSED = "refused", "Refused"
    INVALID = "invalid", "Invalid"
    FAILED = "failed", "Failed"


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    """Questions about the audit trail."""

    def visible_to(self, caller: "Caller") -> Self:
        """All rows for a caller without bounds, else those of the caller's projects."""
        if caller.project_ids is None:
            return self
        return self.filter(project_id__in=caller.project_ids)


class AuditEntry(models.Model):
    """One write, or one refused call: who, through which door, what, and how it ended. Rows are never changed."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=timezone.now, db_default=Now())
    caller = models.CharField(max_length=200, help_text="Name of who did it, as it was then.")
    role = models.CharField(max_length=20, blank=True)
    token = models.ForeignKey(
        RoleToken, null=True, on_delete=models.SET_NULL, related_name="audit_entries", db_constraint=True
    )
    member = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="audit_entries")
    door = models.CharField(max_length=20)
    command = models.CharField(max_length=80)
    project = models.ForeignKey(Project, null=True, on_delete=models.SET_NULL, related_name="audit_entries")
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_title = models.CharField(max_length=200, blank=True)
    outcome = models.CharField(max_length=10, choices=AuditOutcome.choices)
    status = models.PositiveSmallIntegerField(help_text="HTTP status of the answer.")
    detail = models.CharField(max_length=500, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    address = models.GenericIPAddressField(null=True)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit trail"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["project", "-id"], name="audit_project"),
            models.Index(fields=["object_id"], name="audit_object", condition=~models.Q(object_id="")),
            models.Index(fields=["-at"], name="audit_at"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(outcome__in=AuditOutcome.values), name="audit_outcome_is_known")
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.caller} {self.command} {self.outcome}"


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Questions about notifications."""

    def of(self, caller: "Caller") -> Self:
        """What the member whom a caller acts for was told, of projects that the caller still sees."""
        told = self.filter(member_id=caller.member_id or 0)
        if caller.project_ids is None:
            return told
        return told.filter(models.Q(project=None) | models.Q(project_id__in=caller.project_ids))

    def unread(self) -> Self:
        """Not read yet."""
        return self.filter(read_at=None)


class Notification(models.Model):
    """Something that one member is told: in the portal until it is read, and by mail if they want it."""

    id = models.BigAutoField(primary_key=True)
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="notifications")
    project = models.ForeignKey(Project, null=True, on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=40, help_text="One word for what happened, such as moved or mentioned.")
    words = models.CharField(max_length=500)
    link = models.CharField(max_length=300, blank=True, help_text="Path within the portal.")
    at = models.DateTimeField(default=timezone.now, db_default=Now())
    read_at = models.DateTimeField(null=True)
    mail_due = models.BooleanField(default=False, help_text="A mail about it has still to be sent.")

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["member", "-id"], name="notification_of_member"),
            models.Index(fields=["member"], name="notification_unread", condition=models.Q(read_at=None)),
            models.Index(fields=["at"], name="notification_mail_due", condition=models.Q(mail_due=True)),
        ]

    def __str__(self) -> str:
        return self.words
