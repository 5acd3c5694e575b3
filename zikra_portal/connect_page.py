"""Connecting agents: one line with a fresh token, what it does, when the first event came, and one's machines."""

import shlex
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from access.audit import AuditSubject
from access.callers import Caller
from access.errors import NotFound
from access.models import Project, RoleToken
from access.pages import caller_of
from access.roles import ROLE_ORDER, Role
from access.tokens import NewToken, make_own_token
from api.addresses import portal_address
from api.client_file import client_digest
from api.plugin.files import REPOSITORY
from runs.machines import (
    allow_machine,
    find_machine,
    first_event_of,
    forget_machine,
    machines_seen_by,
    may_look_after,
    refuse_machine,
    rename_machine,
    revoke_machine,
    sharing_token,
)
from runs.models import MACHINE_NAME_LENGTH, CapturedEvent, Machine
from zikra_client.agents import AGENTS
from zikra_client.plugin import PLUGIN
from zikra_portal.consent_page import ROLE_WORDS
from zikra_portal.deeds import Done, answer, attempt, deed_view
from zikra_portal.frame import frame_of
from zikra_portal.run_pages import STOP_POLLING
from zikra_portal.tables import page_of

# A line is made anew in seconds; a token that is forgotten on an old laptop should not live for years.
DAYS_OFFERED = (7, 30, 90, 365)
DAYS = 90
MACHINE_LENGTH = 60
# What has no hooks tells nothing of its sessions; the line still gives it the memory.
WITHOUT_HOOKS = frozenset({"vscode", "claude-desktop", "zed"})
# What the line writes for each agent, on Linux; "~" is the reader's home. Beside these: the client itself in ~/.zikra.
WRITTEN = {
    "claude-code": ("~/.claude.json", "~/.claude/settings.json"),
    "codex": ("~/.codex/config.toml", "~/.codex/hooks.json"),
    "gemini-cli": ("~/.gemini/settings.json",),
    "cursor": ("~/.cursor/mcp.json", "~/.cursor/hooks.json"),
    "opencode": ("~/.config/opencode/opencode.json", "~/.config/opencode/plugins/zikra.ts"),
    "vscode": ("~/.config/Code/User/mcp.json",),
    "claude-desktop": ("~/.config/Claude/claude_desktop_config.json",),
    "zed": ("~/.config/zed/settings.json",),
}


class ConnectForm(forms.Form):
    """Which agents are connected to what: at most the reader's own role and projects."""

    agents = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple, required=False, label="Agents", choices=[(a.name, a.label) for a in AGENTS]
    )
    project = forms.ChoiceField(required=False)
    machine = forms.CharField(max_length=MACHINE_LENGTH, initial="laptop", help_text="A word by which you know it.")
    role = forms.ChoiceField()
    days = forms.TypedChoiceField(
        coerce=int,
        label="The token ends after",
        initial=DAYS,
        choices=[(days, f"{days} days") for days in DAYS_OFFERED],
    )

    def __init__(self, caller: Caller, data: Any = None, project: Project | None = None) -> None:
        super().__init__(data)
        roles = [role for role in ROLE_ORDER if caller.may(role)]
        names = list(Project.objects.visible_to(caller).order_by("name").values_list("name", flat=True))
        every = "Every project, also those made later" if caller.project_ids is None else "Every project that you see"
        self.has_projects = bool(names) or caller.project_ids is None
        self.everything = None if caller.project_ids is None else names
        # Tells ChoiceFields what this reader may choose.
        fields: dict[str, Any] = self.fields
        fields["role"].choices = [(role.value, role.label) for role in roles]
        fields["role"].help_text = "; ".join(f"{role.label} {ROLE_WORDS[role]}" for role in roles) + "."
        fields["role"].initial = min(caller.role, Role.COLLABORATOR, key=ROLE_ORDER.index).value
        fields["project"].choices = [("", every), *((name, name) for name in names)]
        fields["project"].initial = project.name if project else ""

    @property
    def project_names(self) -> list[str] | None:
        """The chosen project, or all in scope; None for every one, also those made later."""
        return [self.cleaned_data["project"]] if self.cleaned_data["project"] else self.everything


@dataclass(frozen=True)
class Line:
    """What the reader runs. run: with the token, shown once; plugin: the same for Claude Code alone, as its plugin;
    check: fetches the file and compares its SHA-256."""

    run: str
    plugin: str
    check: str
    digest: str
    file: str


def line_for(portal: str, secret: str, agents: list[str], project: str) -> Line:
    """The lines for a shell that connect a machine to this portal; what people typed is quoted."""
    file = f"{portal}/connect.py"
    words = ["--token", secret, *(word for name in agents for word in ("--agent", name))]
    words += ["--project", project] if project else []
    digest = client_digest(portal)
    marketplace = shlex.quote(f"{portal}/{REPOSITORY}")
    return Line(
        run=f"curl -fsSL {shlex.quote(file)} | python3 - {shlex.join(words)}",
        plugin=f"claude plugin marketplace add {marketplace}\nclaude plugin install {PLUGIN} --config token={secret}",
        check=f'curl -fsSL {shlex.quote(file)} -o connect.py && echo "{digest}  connect.py" | sha256sum --check',
        digest=digest,
        file=file,
    )


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def connect(request: HttpRequest) -> HttpResponse:
    """The form and the reader's machines; a POST makes a token and answers with the line, this once."""
    caller = caller_of(request)
    form = ConnectForm(caller, request.POST if request.method == "POST" else None, frame_of(request).project)
    if request.method == "POST" and form.is_valid():
        return _line_made(request, form)
    context = {
        "form": form,
        "written": [(agent, WRITTEN[agent.name], agent.name not in WITHOUT_HOOKS) for agent in AGENTS],
        "page": page_of(request, machines_seen_by(caller)),
        "shows_people": caller.may(Role.ADMIN),
        "caller": caller,
        "digest": client_digest(portal_address(request)),
    }
    return render(request, "connect/connect.html", context, status=400 if form.errors else 200)


def _line_made(request: HttpRequest, form: ConnectForm) -> HttpResponse:
    asked = form.cleaned_data

    def act(caller: Caller) -> Done:
        ends = timezone.now() + timedelta(days=asked["days"])
        label = f"{request.user.get_username()}, {asked['machine']}"
        new = make_own_token(caller, label, Role(asked["role"]), project_names=form.project_names, expires_at=ends)
        return Done("", _subject(new.row), detail=f"as {new.row.role}, to connect agents", result=new)

    outcome = attempt(request, "create_token", act, kind="token")
    if not outcome.is_done:
        return answer(request, outcome, reverse("connect"))
    new: NewToken = outcome.result
    context = {
        "token": new.row,
        "line": line_for(portal_address(request), new.secret, asked["agents"], asked["project"]),
        "agents": [agent for agent in AGENTS if agent.name in asked["agents"]],
        "project": asked["project"],
        "offers_plugin": not asked["agents"] or "claude-code" in asked["agents"],
        "writes": new.row.role != Role.GUEST,
        **_waiting_for(new.row),
    }
    return render(request, "connect/line.html", context)


def _subject(token: RoleToken) -> AuditSubject:
    """A token in the audit trail."""
    projects = [] if token.all_projects else list(token.projects.values_list("pk", flat=True)[:2])
    return AuditSubject("token", str(token.pk), token.label, projects[0] if len(projects) == 1 else None)


def _waiting_for(token: RoleToken) -> dict[str, Any]:
    event: CapturedEvent | None = first_event_of(token)
    return {"event": event, "event_agent": agent_label(event.agent) if event else ""}


@login_required
@never_cache
def waiting(request: HttpRequest, token_id: uuid.UUID) -> HttpResponse:
    """Whether a line's machine has told its first event; asked again by itself until it has."""
    token = RoleToken.objects.of(caller_of(request)).filter(pk=token_id).first()
    if token is None:
        raise Http404
    context = {"token": token, "writes": token.role != Role.GUEST, **_waiting_for(token)}
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "connect/heard.html", context, status=STOP_POLLING if context["event"] else 200)
    return render(request, "connect/waiting.html", context)


def agent_label(name: str) -> str:
    """An agent's name as people write it; one that the client does not know as it is."""
    return next((agent.label for agent in AGENTS if agent.name == name), name)


# --- machines --------------------------------------------------------------------------------------------------------


def _in_sight(caller: Caller, machine_id: int) -> Machine:
    """A machine that the caller sees. Raises Http404."""
    try:
        return find_machine(caller, machine_id)
    except NotFound:
        raise Http404 from None


@login_required
@require_http_methods(["GET", "POST"])
def revoke(request: HttpRequest, machine_id: int) -> HttpResponse:
    """Ask once, then shut a machine out: with its token, or alone where other machines speak with the same one.

    `what=token` of the form revokes a shared token all the same.
    """
    machine = _in_sight(caller_of(request), machine_id)
    sharing = sharing_token(machine)
    if request.method == "GET":
        return render(request, "connect/revoke.html", {"machine": machine, "sharing": sharing})
    if sharing and request.POST.get("what") != "token":
        return _refuse(request, machine)

    def act(caller: Caller) -> Done:
        shut_out = revoke_machine(caller, machine)
        assert machine.token is not None, "a machine without a token is a conflict"
        others = f", and so {'is' if len(sharing) == 1 else 'are'} {_listed(sharing)}" if sharing else ""
        return Done(f"Revoked the token of {shut_out}; it is shut out{others}.", _subject(machine.token))

    return answer(request, attempt(request, "revoke_token", act, kind="token"), reverse("connect"))


def _listed(machines: list[Machine]) -> str:
    names = [str(machine) for machine in machines]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _refuse(request: HttpRequest, machine: Machine) -> HttpResponse:
    def act(caller: Caller) -> Done:
        shut_out = refuse_machine(caller, machine)
        undo = reverse("machine-allow", args=[machine.pk])
        return Done(f"{shut_out} is refused; its token stays good for the others.", _machine_subject(machine), undo)

    return answer(request, attempt(request, "refuse_machine", act, kind="machine"), reverse("connect"))


@deed_view
def allow(request: HttpRequest, machine_id: int) -> HttpResponse:
    """Let a refused machine in again."""

    def act(caller: Caller) -> Done:
        allowed = allow_machine(caller, find_machine(caller, machine_id))
        is_open = allowed.token is not None and allowed.token.state == "active"
        words = (
            "what waits there comes with its next event" if is_open else "it needs a new line, for its token is over"
        )
        return Done(f"{allowed} is allowed again; {words}.", _machine_subject(allowed))

    return answer(request, attempt(request, "allow_machine", act, kind="machine"), reverse("connect"))


@login_required
@require_http_methods(["GET", "POST"])
def rename(request: HttpRequest, machine_id: int) -> HttpResponse:
    """Give a machine another name on the portal: the form's `name`, or the address's as undoing has it."""
    caller = caller_of(request)
    machine = _in_sight(caller, machine_id)
    if request.method == "GET":
        context = {"machine": machine, "longest": MACHINE_NAME_LENGTH, "is_ours": may_look_after(caller, machine)}
        return render(request, "connect/rename.html", context)
    wanted = request.POST.get("name", request.GET.get("name", ""))

    def act(caller: Caller) -> Done:
        renamed = rename_machine(caller, machine, wanted)
        if str(renamed) == str(machine):
            return Done(f"It is called {renamed} already.", _machine_subject(renamed))
        undo = f"{reverse('machine-rename', args=[machine.pk])}?{urlencode({'name': machine.display_name})}"
        words = f"{machine} is called {renamed} now."
        return Done(words, _machine_subject(renamed), undo, detail=words)

    return answer(request, attempt(request, "rename_machine", act, kind="machine"), reverse("connect"))


def _machine_subject(machine: Machine) -> AuditSubject:
    return AuditSubject("machine", str(machine.pk), str(machine))


@deed_view
def forget(request: HttpRequest, machine_id: int) -> HttpResponse:
    """Take one's own machine off the list."""

    def act(caller: Caller) -> Done:
        machine = find_machine(caller, machine_id)
        forget_machine(caller, machine_id)
        return Done(f"{machine} is off the list.", _machine_subject(machine))

    return answer(request, attempt(request, "forget_machine", act, kind="machine"), reverse("connect"))
