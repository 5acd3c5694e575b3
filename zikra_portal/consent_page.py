"""The consent: a client asks to act for the reader, who chooses a role and projects, or refuses."""

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from oauth2_provider.exceptions import FatalClientError, OAuthToolkitError
from oauth2_provider.models import Application
from oauthlib.oauth2.rfc6749.errors import AccessDeniedError, OAuth2Error

from access.audit import AuditSubject, record
from access.callers import Caller
from access.clients import KIND, subject_of
from access.models import AuditOutcome, ConnectedClient, Project
from access.pages import caller_of
from access.roles import ROLE_ORDER, Role
from api.oauth.redirects import is_this_machine
from api.oauth.server import approve, protocol_for, with_issuer
from zikra_portal.deeds import Done, attempt
from zikra_portal.security import HEADER, origin_for_policy, policy_for

EVERY, CHOSEN = "every", "chosen"
ROLE_WORDS = {
    Role.GUEST: "reads",
    Role.COLLABORATOR: "reads, saves memories, reports runs, writes requirements",
    Role.ADMIN: "also deletes, restores and curates, and sees everybody's costs",
    Role.OWNER: "also promotes requirements and makes tokens",
}


class ConsentForm(forms.Form):
    """What the client gets: at most the reader's own role and projects."""

    role = forms.ChoiceField(widget=forms.RadioSelect, label="Role")
    reach = forms.ChoiceField(
        widget=forms.RadioSelect,
        choices=[(EVERY, "Every project, also those made later"), (CHOSEN, "Only these")],
        label="Projects",
    )
    projects = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple, required=False, label="Projects")

    def __init__(self, caller: Caller, data: Any = None) -> None:
        super().__init__(data)
        roles = [role for role in ROLE_ORDER if caller.may(role)]
        self.fields["role"].choices = [(role.value, f"{role.label}: {ROLE_WORDS[role]}") for role in roles]  # type: ignore[attr-defined]
        # Enough for an agent's daily work, unless the reader is less.
        self.fields["role"].initial = min(caller.role, Role.COLLABORATOR, key=ROLE_ORDER.index).value
        self.names = list(Project.objects.visible_to(caller).order_by("name").values_list("name", flat=True))
        self.fields["projects"].choices = [(name, name) for name in self.names]  # type: ignore[attr-defined]
        if caller.project_ids is None:
            self.fields["reach"].initial = EVERY
        else:
            del self.fields["reach"]
            self.fields["projects"].initial = self.names

    def clean(self) -> dict[str, Any]:
        """At least one project, or every one."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("reach") != EVERY and not cleaned.get("projects") and "projects" not in self.errors:
            self.add_error("projects", "Choose at least one project.")
        return cleaned

    @property
    def project_names(self) -> list[str] | None:
        """The chosen names; None for every project."""
        return None if self.cleaned_data.get("reach") == EVERY else self.cleaned_data["projects"]


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    """The authorization endpoint. Nothing leads to an address before it is known to be the client's own."""
    try:
        _, asked = protocol_for(request, may_learn=True).validate_authorization_request(request)
    except FatalClientError as error:
        return _not_understood(request, error.oauthlib_error.description or "")
    except OAuthToolkitError as error:
        return _asked_wrongly(request, error.oauthlib_error)
    except ValueError:
        return _not_understood(request, "The address cannot be read.")
    client: Application = asked["request"].client
    if request.method == "POST" and "deny" in request.POST:
        return _denied(request, asked, client)
    form = ConsentForm(caller_of(request), request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        return _approved(request, asked, client, form)
    return _page(request, asked, client, form)


def _page(request: HttpRequest, asked: dict[str, Any], client: Application, form: ConsentForm, words: str = "") -> Any:
    address = asked["redirect_uri"]
    context = {
        "client": client,
        "form": form,
        "host": urlsplit(address).hostname,
        "described_by": urlsplit(client.client_id).hostname if client.registration_source == "cimd" else "",
        "is_this_machine": is_this_machine(address),
        "refusal": words,
        "action": request.get_full_path(),
    }
    response = render(request, "oauth/consent.html", context, status=400 if words or form.errors else 200)
    # Browsers also hold redirects after a form to the policy.
    response[HEADER] = policy_for(request.path, forms_lead_to=origin_for_policy(address))
    return response


def _approved(request: HttpRequest, asked: dict[str, Any], client: Application, form: ConsentForm) -> HttpResponse:
    def act(caller: Caller) -> Done:
        address, connection = approve(request, caller, asked, Role(form.cleaned_data["role"]), form.project_names)
        return Done("", subject_of(connection), detail=f"as {connection.token.role}", result=address)

    outcome = attempt(request, "connect_client", act, kind=KIND)
    if not outcome.is_done:
        return _page(request, asked, client, form, outcome.words)
    return HttpResponseRedirect(outcome.result)


def _denied(request: HttpRequest, asked: dict[str, Any], client: Application) -> HttpResponse:
    subject = AuditSubject(KIND, title=str(client))
    record(
        caller_of(request), "connect_client", AuditOutcome.REFUSED, 403, subject=subject, detail="Denied by the member."
    )
    return _back(request, AccessDeniedError(state=asked["state"]).in_uri(asked["redirect_uri"]))


def _asked_wrongly(request: HttpRequest, error: OAuth2Error) -> HttpResponse:
    """Tell the client what was wrong with its request. Anybody can register an address, so only to a client that somebody
    let in before is the reader sent by itself; to another, by a link that names the host (RFC 9700, section 4.11.2)."""
    address = with_issuer(request, error.in_uri(error.redirect_uri))
    if ConnectedClient.objects.of_client(error.client_id).fetched().exists():
        return HttpResponseRedirect(address)
    context = {"problem": error.description or error.error, "address": address, "host": urlsplit(address).hostname}
    return render(request, "oauth/asked_wrongly.html", context, status=400)


def _back(request: HttpRequest, address: str) -> HttpResponse:
    return HttpResponseRedirect(with_issuer(request, address))


def _not_understood(request: HttpRequest, problem: str) -> HttpResponse:
    named = request.GET.get("client_id", "")
    document = named if named.startswith("https://") and "client_id" in problem else ""
    return render(request, "oauth/not_understood.html", {"problem": problem, "document": document}, status=400)
