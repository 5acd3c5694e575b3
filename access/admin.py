"""Projects, members, tokens and the audit trail in the admin."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import TextFilter
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordToggleWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelectWidget,
)

from access.admin_base import DOOR, ChoiceFilter, PortalModelAdmin, ProjectFilter, RefusableForm, deed
from access.appearance import CONNECTION_LOOKS, OUTCOME_LOOKS, link_to_subject, scope_in_words, state_label
from access.callers import Caller
from access.clients import revoke_client
from access.members import (
    change_role,
    deactivate_member,
    make_member,
    new_password,
    reactivate_member,
    set_password,
    set_projects,
)
from access.models import AuditEntry, AuditOutcome, ConnectedClient, Member, Project, RoleToken
from access.moments import relative_time
from access.pages import caller_of
from access.projects import delete_project, describe_project, new_project
from access.roles import Role
from access.tokens import MAX_EXPIRY_DAYS, NewToken, make_token, rescope_token, revoke_token, rotate_token


class ScopeForm(RefusableForm):
    """A form with a scope: every project, or those chosen."""

    def clean(self) -> dict[str, Any]:
        """All or at least one: a scope of nothing opens nothing."""
        cleaned = super().clean()
        if "all_projects" in self.fields and not cleaned.get("all_projects") and not cleaned.get("projects"):
            self.add_error("projects", "Choose at least one project, or every project.")
        return cleaned


def chosen_names(form: forms.ModelForm) -> list[str] | None:
    """Names of the projects that a scope form chose; None for every project."""
    if form.cleaned_data["all_projects"]:
        return None
    return [project.name for project in form.cleaned_data["projects"]]


# --- projects --------------------------------------------------------------------------------------------------------


@admin.register(Project)
class ProjectAdmin(PortalModelAdmin):
    """Projects, with what they hold."""

    list_display = ("name", "description", "memory_count", "token_count", "member_count", "created")
    search_fields = ("name", "description")
    ordering = ("name",)
    has_history = True
    fields = ("name", "description")
    deeds = ("delete_project",)

    def visible(self, caller: Caller) -> QuerySet:
        """Projects in scope; memories are counted unless deleted, tokens while usable."""
        usable = RoleToken.objects.usable().filter(projects__isnull=False)
        return Project.objects.visible_to(caller).annotate(
            memories_now=Count("memories", filter=Q(memories__deleted_at=None), distinct=True),
            tokens_now=Count("tokens", filter=Q(tokens__in=usable), distinct=True),
            members_now=Count("members", filter=Q(members__is_active=True), distinct=True),
        )

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Who has keys to a project is an owner's business."""
        if caller_of(request, DOOR).may(Role.OWNER):
            return self.list_display
        return tuple(name for name in self.list_display if name not in ("token_count", "member_count"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A scoped reader cannot make what would lie outside the scope."""
        return super().has_add_permission(request) and caller_of(request, DOOR).project_ids is None

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The name is the project's address and stays."""
        return ("name",) if obj else ()

    def save_by_verb(self, request: HttpRequest, caller: Caller, obj: Any, form: forms.ModelForm, change: bool) -> str:
        """Make a project, or change its description."""
        if change:
            describe_project(caller, obj, form.cleaned_data["description"])
            return "describe_project"
        made = new_project(caller, form.cleaned_data["name"], form.cleaned_data["description"])
        obj.pk = made.pk
        return "create_project"

    @admin.display(description="memories", ordering="memories_now")
    def memory_count(self, project: Any) -> int:
        """Memories that are not deleted."""
        return int(project.memories_now)

    @admin.display(description="tokens", ordering="tokens_now")
    def token_count(self, project: Any) -> int:
        """Usable tokens that name the project."""
        return int(project.tokens_now)

    @admin.display(description="members", ordering="members_now")
    def member_count(self, project: Any) -> int:
        """Active members of the project."""
        return int(project.members_now)

    @admin.display(description="made", ordering="created_at")
    def created(self, project: Project) -> SafeString:
        """When it was made."""
        return relative_time(project.created_at)

    @deed(
        "Delete",
        command="delete_project",
        role=Role.OWNER,
        look="bad",
        asks="Delete the project “{name}”? It must be empty.",
    )
    def delete_project(self, request: HttpRequest, caller: Caller, project: Project, answers: dict[str, Any]) -> str:
        """Only an empty project goes."""
        name = project.name
        delete_project(caller, project)
        return f"Deleted the project {name}."


# --- tokens ----------------------------------------------------------------------------------------------------------


class TokenForm(ScopeForm):
    """A new token, or another scope for one."""

    expires_in_days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_EXPIRY_DAYS,
        label="Ends after days",
        help_text="Empty: it does not end by itself.",
        widget=UnfoldAdminIntegerFieldWidget,
    )

    projects = forms.ModelMultipleChoiceField(
        Project.objects.all(), required=False, widget=UnfoldAdminSelect2MultipleWidget
    )

    class Meta:
        model = RoleToken
        fields = ("label", "member", "role", "all_projects", "projects", "rate_per_minute")


GRACE_CHOICES = [("0", "At once"), ("1", "After an hour"), ("24", "After a day"), ("168", "After a week")]


class RotationForm(forms.Form):
    """How long the old secret still works."""

    grace_hours = forms.TypedChoiceField(
        coerce=int, choices=GRACE_CHOICES, label="The old secret ends", widget=UnfoldAdminSelectWidget
    )


class TokenStateFilter(ChoiceFilter):
    """By whether the token still opens the door."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The states."""
        return [("active", "Active"), ("expired", "Expired"), ("revoked", "Revoked or replaced")]

    def filtered(self, request: HttpRequest, queryset: QuerySet, value: str) -> QuerySet:
        """Tokens in the state."""
        if value == "active":
            return queryset.filter(pk__in=RoleToken.objects.usable())
        if value == "expired":
            return queryset.filter(revoked_at=None, expires_at__lte=timezone.now())
        return queryset.exclude(revoked_at=None)


class RoleFilter(ChoiceFilter):
    """By role."""

    title = "role"
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The four roles."""
        return [(role.value, role.label) for role in Role]

    def filtered(self, request: HttpRequest, queryset: QuerySet, value: str) -> QuerySet:
        """Rows of the role."""
        return queryset.filter(role=value)


class ScopeFilter(ProjectFilter):
    """By a project that the scope names."""

    def filtered(self, request: HttpRequest, queryset: QuerySet, value: str) -> QuerySet:
        """Rows whose scope names the project, or is every project."""
        return queryset.filter(Q(all_projects=True) | Q(projects=int(value))).distinct()


TOKEN_STATE_LOOKS = {"active": "good", "expired": "attention", "revoked": "bad", "replaced": ""}


def is_active(token: RoleToken) -> bool:
    """Whether the token opens the door."""
    return token.state == "active"


@admin.register(RoleToken)
class RoleTokenAdmin(PortalModelAdmin):
    """Tokens: made and shown once, scoped, rotated, revoked."""

    form = TokenForm
    subject_kind = "token"
    list_display = ("named", "shown_state", "role", "scope", "member", "last_used", "hits", "expires")
    list_filter = (TokenStateFilter, RoleFilter, ScopeFilter)
    search_fields = ("label", "prefix", "member__username")
    ordering = ("-created_at",)
    has_history = True
    deeds = ("rotate", "revoke")
    made_fields = (
        "label",
        "member",
        "role",
        "rate",
        "begins_with",
        "shown_state",
        "made",
        "expires",
        "last_used",
        "hits",
        "ended",
    )

    def visible(self, caller: Caller) -> QuerySet:
        """Tokens in sight, with what lists show."""
        return RoleToken.objects.visible_to(caller).select_related("member").prefetch_related("projects")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new token is described; of an old one only the scope can change."""
        scope = ("Scope", {"fields": ("all_projects", "projects")})
        if obj is None:
            return (
                ("Who and what", {"fields": ("label", "member", "role")}),
                scope,
                ("Limits", {"fields": ("expires_in_days", "rate_per_minute")}),
            )
        return (scope, ("The token", {"fields": self.made_fields}))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Everything but the scope, once it is made."""
        return self.made_fields if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An ended token stays as it was."""
        ended = isinstance(obj, RoleToken) and not is_active(obj)
        return super().has_change_permission(request, obj) and not ended

    def save_by_verb(self, request: HttpRequest, caller: Caller, obj: Any, form: forms.ModelForm, change: bool) -> str:
        """Make a token, whose secret the answer shows, or give it another scope."""
        if change:
            rescope_token(caller, obj, chosen_names(form))
            return "rescope_token"
        data = form.cleaned_data
        days = data["expires_in_days"]
        new = make_token(
            caller,
            data["label"],
            Role(data["role"]),
            project_names=chosen_names(form),
            expires_at=timezone.now() + timedelta(days=days) if days else None,
            member=data["member"],
            rate_per_minute=data["rate_per_minute"],
        )
        obj.pk, obj.prefix = new.row.pk, new.row.prefix
        request.new_token = new  # type: ignore[attr-defined]
        return "create_token"

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The secret, this once. It is kept nowhere, so it cannot wait for a redirect."""
        return self._show_secret(request, request.new_token)  # type: ignore[attr-defined]

    def _show_secret(self, request: HttpRequest, new: NewToken) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"Token for {new.row.label}",
            "opts": self.opts,
            "token": new.row,
            "secret": new.secret,
            "portal_url": request.build_absolute_uri("/").rstrip("/"),
            "back": self.page_of(new.row),
        }
        response = TemplateResponse(request, "admin/token_secret.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @deed(
        "Rotate",
        command="rotate_token",
        role=Role.OWNER,
        applies=is_active,
        form_class=RotationForm,
        asks="“{name}” gets a new secret, shown once. Role, scope and limits stay.",
    )
    def rotate(self, request: HttpRequest, caller: Caller, token: RoleToken, answers: dict[str, Any]) -> HttpResponse:
        """A new secret; the old one ends after its grace."""
        new = rotate_token(caller, token, grace=timedelta(hours=answers["grace_hours"]))
        return self._show_secret(request, new)

    @deed(
        "Revoke",
        command="revoke_token",
        role=Role.OWNER,
        applies=is_active,
        look="bad",
        bulk="Revoke tokens",
        asks="Revoke “{name}”? Whoever uses it is shut out at once, and it cannot be undone.",
    )
    def revoke(self, request: HttpRequest, caller: Caller, token: RoleToken, answers: dict[str, Any]) -> str:
        """Close the door at once."""
        revoke_token(caller, token)
        return f"Revoked {token.label}."

    @admin.display(description="token", ordering="label")
    def named(self, token: RoleToken) -> SafeString:
        """Label and readable beginning."""
        return format_html('{} <span class="quiet">zikra_{}…</span>', token.label, token.prefix)

    @admin.display(description="state")
    def shown_state(self, token: RoleToken) -> SafeString:
        """The state as a word and a shape."""
        return state_label(token.state, TOKEN_STATE_LOOKS[token.state])

    @admin.display(description="scope")
    def scope(self, token: RoleToken) -> str:
        """Projects that it reaches."""
        return scope_in_words(token.all_projects, token.projects.all())

    @admin.display(description="last use", ordering="last_used_at")
    def last_used(self, token: RoleToken) -> SafeString:
        """When it was last used."""
        return relative_time(token.last_used_at)

    @admin.display(description="ends", ordering="expires_at")
    def expires(self, token: RoleToken) -> SafeString:
        """When it ends by itself."""
        return relative_time(token.expires_at)

    @admin.display(description="made")
    def made(self, token: RoleToken) -> SafeString:
        """When and by whom it was made."""
        return format_html("{} by {}", relative_time(token.created_at), token.created_by or "the portal")

    @admin.display(description="begins with")
    def begins_with(self, token: RoleToken) -> SafeString:
        """The readable beginning, to tell secrets apart."""
        return format_html("<code>zikra_{}…</code>", token.prefix)

    @admin.display(description="commands a minute")
    def rate(self, token: RoleToken) -> str:
        """Its own rate, in words."""
        if token.rate_per_minute is None:
            return "the portal's default"
        return str(token.rate_per_minute) if token.rate_per_minute else "no limit"

    @admin.display(description="ended")
    def ended(self, token: RoleToken) -> SafeString:
        """When and by whom it was revoked."""
        if token.revoked_at is None:
            return relative_time(None, empty="not revoked")
        return format_html("{} by {}", relative_time(token.revoked_at), token.revoked_by or "the portal")


# --- clients of OAuth ------------------------------------------------------------------------------------------------


def is_not_revoked(connection: ConnectedClient) -> bool:
    """Whether there is anything to end."""
    return connection.token.revoked_at is None


@admin.register(ConnectedClient)
class ConnectedClientAdmin(PortalModelAdmin):
    """Clients that members let in: to look at, and to revoke. Role and scope change on the page of the token."""

    subject_kind = "connected client"
    list_display = ("named", "member", "role", "scope", "let_in", "last_used", "shown_state")
    search_fields = ("client__name", "client__client_id", "token__member__username")
    ordering = ("-token__created_at",)
    may_add = may_change = False
    deeds = ("revoke",)
    fields = (
        "named", "client_id", "leads_to", "member", "role", "scope", "the_token", "let_in", "last_used", "ends",
        "shown_state", "end_reason",
    )  # fmt: skip
    readonly_fields = fields

    def visible(self, caller: Caller) -> QuerySet:
        """Clients in sight, with what lists show."""
        return ConnectedClient.objects.visible_to(caller).for_lists()

    @deed(
        "Revoke",
        command="revoke_client",
        role=Role.OWNER,
        applies=is_not_revoked,
        look="bad",
        bulk="Revoke clients",
        asks="Revoke “{name}”? It is shut out at once, and has to be let in anew.",
    )
    def revoke(self, request: HttpRequest, caller: Caller, connection: ConnectedClient, answers: dict[str, Any]) -> str:
        """Close the door at once."""
        return f"Revoked {revoke_client(caller, connection)}."

    @admin.display(description="client", ordering="client__name")
    def named(self, connection: ConnectedClient) -> str:
        """The name that it gave itself."""
        return str(connection.client)

    @admin.display(description="client id")
    def client_id(self, connection: ConnectedClient) -> str:
        """Its id; an address where it has a document."""
        return str(connection.client.client_id)

    @admin.display(description="answers go to")
    def leads_to(self, connection: ConnectedClient) -> str:
        """Its redirect addresses."""
        return ", ".join(connection.client.redirect_uris.split())

    @admin.display(description="let in by", ordering="token__member__username")
    def member(self, connection: ConnectedClient) -> str:
        """The member in whose name it acts."""
        return str(connection.token.member)

    @admin.display(description="role", ordering="token__role")
    def role(self, connection: ConnectedClient) -> str:
        """The token's role."""
        return connection.token.get_role_display()

    @admin.display(description="scope")
    def scope(self, connection: ConnectedClient) -> str:
        """The token's projects."""
        return scope_in_words(connection.token.all_projects, connection.token.projects.all())

    @admin.display(description="token")
    def the_token(self, connection: ConnectedClient) -> SafeString:
        """Its token's page."""
        address = reverse("admin:access_roletoken_change", args=[connection.token_id])
        return format_html('<a href="{}">{}</a>', address, connection.token)

    @admin.display(description="let in", ordering="token__created_at")
    def let_in(self, connection: ConnectedClient) -> SafeString:
        """When its member consented."""
        return relative_time(connection.token.created_at)

    @admin.display(description="last use", ordering="token__last_used_at")
    def last_used(self, connection: ConnectedClient) -> SafeString:
        """When it last called."""
        return relative_time(connection.token.last_used_at)

    @admin.display(description="out unless it comes", ordering="ends_at")
    def ends(self, connection: ConnectedClient) -> SafeString:
        """When it is out by itself."""
        return relative_time(connection.ends_at)

    @admin.display(description="state")
    def shown_state(self, connection: ConnectedClient) -> SafeString:
        """The state as a word and a shape."""
        return state_label(connection.state, CONNECTION_LOOKS[connection.state])


# --- members ---------------------------------------------------------------------------------------------------------


class MemberForm(ScopeForm):
    """A member's login, role and scope."""

    password = forms.CharField(
        required=False,
        strip=False,
        label="First password",
        widget=UnfoldAdminPasswordToggleWidget(attrs={"autocomplete": "new-password"}),
        help_text="Empty: the portal makes one and shows it once. The member can change it.",
    )
    # Declared here because Django offers no choices for projects behind a table of memberships.
    projects = forms.ModelMultipleChoiceField(
        Project.objects.all(), required=False, widget=UnfoldAdminSelect2MultipleWidget
    )

    class Meta:
        model = Member
        fields = ("username", "email", "role", "all_projects")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["projects"] = list(self.instance.projects.values_list("pk", flat=True))

    def clean(self) -> dict[str, Any]:
        """An owner sees everything, whatever is chosen."""
        if self.data.get("role") == Role.OWNER:
            self.cleaned_data["all_projects"] = True
        return super().clean()


class PasswordForm(forms.Form):
    """A new password for somebody else."""

    password = forms.CharField(
        required=False,
        strip=False,
        label="New password",
        widget=UnfoldAdminPasswordToggleWidget(attrs={"autocomplete": "new-password"}),
        help_text="Empty: the portal makes one and shows it once.",
    )


def is_let_in(member: Member) -> bool:
    """May log in."""
    return bool(member.is_active)


def is_kept_out(member: Member) -> bool:
    """May not log in."""
    return not member.is_active


@admin.register(Member)
class MemberAdmin(PortalModelAdmin):
    """Members: made, given a role and projects, let in and kept out."""

    form = MemberForm
    subject_kind = "member"
    list_display = ("username", "full_name", "role", "scope", "state_shown", "last_login_shown")
    list_filter = (RoleFilter, ScopeFilter)
    search_fields = ("username", "email", "first_name", "last_name")
    ordering = ("username",)
    has_history = True
    deeds = ("new_password", "deactivate", "reactivate")

    def visible(self, caller: Caller) -> QuerySet:
        """Members in sight, with their projects."""
        return Member.objects.visible_to(caller).prefetch_related("projects")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Login, role and scope; the password only for a new one."""
        login = ("username", "email") if obj else ("username", "email", "password")
        return (("Login", {"fields": login}), ("Role and scope", {"fields": ("role", "all_projects", "projects")}))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Who somebody is stays."""
        return ("username", "email") if obj else ()

    def save_by_verb(self, request: HttpRequest, caller: Caller, obj: Any, form: forms.ModelForm, change: bool) -> str:
        """Make a member, or give one another role and scope."""
        data = form.cleaned_data
        names, role = chosen_names(form), Role(data["role"])
        if change:
            stored = Member.objects.get(pk=obj.pk)
            if stored.role != role:
                change_role(caller, stored, role)
            set_projects(caller, stored, names)
            return "change_member"
        password = data["password"] or new_password()
        made = make_member(caller, data["username"], role, password=password, email=data["email"], project_names=names)
        obj.pk = made.pk
        request.made_password = "" if data["password"] else password  # type: ignore[attr-defined]
        return "create_member"

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The password that the portal made, this once."""
        password: str = request.made_password  # type: ignore[attr-defined]
        return self._show_password(request, obj, password) if password else super().response_add(request, obj)

    def _show_password(self, request: HttpRequest, member: Member, password: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"Password for {member.username}",
            "opts": self.opts,
            "member": member,
            "password": password,
            "portal_url": request.build_absolute_uri("/"),
            "back": self.page_of(member),
        }
        response = TemplateResponse(request, "admin/member_password.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @deed(
        "New password",
        command="set_password",
        role=Role.OWNER,
        form_class=PasswordForm,
        asks="“{name}” logs in with the new password from now on; the old one ends.",
    )
    def new_password(
        self, request: HttpRequest, caller: Caller, member: Member, answers: dict[str, Any]
    ) -> str | HttpResponse:
        """Set a password, or make one and show it once."""
        password = answers["password"] or new_password()
        set_password(caller, member, password)
        if answers["password"]:
            return f"{member} has a new password."
        return self._show_password(request, member, password)

    @deed(
        "Deactivate",
        command="deactivate_member",
        role=Role.OWNER,
        applies=is_let_in,
        look="bad",
        asks="Keep “{name}” out? They cannot log in, and their tokens open nothing, until they are let in again.",
    )
    def deactivate(self, request: HttpRequest, caller: Caller, member: Member, answers: dict[str, Any]) -> str:
        """Keep a member out."""
        deactivate_member(caller, member)
        return f"{member} is kept out."

    @deed("Let in again", command="reactivate_member", role=Role.OWNER, applies=is_kept_out, look="main")
    def reactivate(self, request: HttpRequest, caller: Caller, member: Member, answers: dict[str, Any]) -> str:
        """Let a member in again."""
        reactivate_member(caller, member)
        return f"{member} may log in again."

    @admin.display(description="name", ordering="first_name")
    def full_name(self, member: Member) -> str:
        """First and last name."""
        return member.get_full_name()

    @admin.display(description="scope")
    def scope(self, member: Member) -> str:
        """Projects that they see."""
        return scope_in_words(member.all_projects or member.role == Role.OWNER, member.projects.all())

    @admin.display(description="state", ordering="is_active")
    def state_shown(self, member: Member) -> SafeString:
        """Let in or kept out."""
        return state_label("active", "good") if member.is_active else state_label("kept out", "bad")

    @admin.display(description="last login", ordering="last_login")
    def last_login_shown(self, member: Member) -> SafeString:
        """When they last logged in."""
        return relative_time(member.last_login)


# --- audit -----------------------------------------------------------------------------------------------------------


class OutcomeFilter(ChoiceFilter):
    """By how the call ended."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The outcomes."""
        return [(outcome.value, str(outcome.label)) for outcome in AuditOutcome]

    def filtered(self, request: HttpRequest, queryset: QuerySet, value: str) -> QuerySet:
        """Rows of the outcome."""
        return queryset.filter(outcome=value)


class DoorFilter(ChoiceFilter):
    """By the way in."""

    title = "door"
    parameter_name = "door"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The doors there are."""
        return [(door, door) for door in ("webhook", "mcp", "capture", "oauth", "admin", "page", "task", "console")]

    def filtered(self, request: HttpRequest, queryset: QuerySet, value: str) -> QuerySet:
        """Rows of the door."""
        return queryset.filter(door=value)


class PeriodFilter(ChoiceFilter):
    """By how long ago."""

    title = "time"
    parameter_name = "since"
    periods = {
        "hour": timedelta(hours=1),
        "day": timedelta(days=1),
        "week": timedelta(weeks=1),
        "month": timedelta(days=30),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The periods."""
        return [("hour", "Last hour"), ("day", "Last 24 hours"), ("week", "Last 7 days"), ("month", "Last 30 days")]

    def filtered(self, request: HttpRequest, queryset: QuerySet, value: str) -> QuerySet:
        """Rows of the period."""
        return queryset.filter(at__gte=timezone.now() - self.periods[value])


class CommandFilter(TextFilter):
    """By the command's exact name."""

    title = "command"
    parameter_name = "command"

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Rows of the command."""
        value = (self.value() or "").strip().replace("\x00", "")
        return queryset.filter(command=value) if value else queryset


class CallerFilter(TextFilter):
    """By a part of the caller's name."""

    title = "caller"
    parameter_name = "caller"

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Rows of callers whose name holds the value."""
        value = (self.value() or "").strip().replace("\x00", "")
        return queryset.filter(caller__icontains=value) if value else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(PortalModelAdmin):
    """The audit trail, to read."""

    list_display = ("when", "caller", "door", "command", "subject_of_call", "project_shown", "shown_outcome", "detail")
    list_filter = (OutcomeFilter, CommandFilter, DoorFilter, CallerFilter, ProjectFilter, PeriodFilter)
    search_fields = ("object_title", "object_id", "detail", "request_id")
    ordering = ("-id",)
    list_select_related = ("project",)
    list_display_links = ("when",)
    may_add = may_change = False
    fields = (
        "when", "caller", "role", "door", "command", "subject_of_call", "project", "shown_outcome", "status", "detail",
        "request_id", "address",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="when", ordering="id")
    def when(self, entry: AuditEntry) -> SafeString:
        """When it happened."""
        return relative_time(entry.at)

    @admin.display(description="object")
    def subject_of_call(self, entry: AuditEntry) -> SafeString:
        """What was touched."""
        return format_html('<span class="title-cell">{}</span>', link_to_subject(entry))

    @admin.display(description="project")
    def project_shown(self, entry: AuditEntry) -> SafeString | str:
        """The project's name, which may be long."""
        return format_html('<span class="project-cell">{}</span>', entry.project) if entry.project else "–"

    @admin.display(description="outcome")
    def shown_outcome(self, entry: AuditEntry) -> SafeString:
        """How it ended, as a word and a shape."""
        return state_label(entry.outcome, OUTCOME_LOOKS.get(entry.outcome, ""))
