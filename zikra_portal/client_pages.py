"""Clients that members let in: what each may do and where, when it was last used, and its end."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from access.callers import Caller
from access.clients import KIND, find_connection, revoke_client, subject_of
from access.errors import NotFound
from access.models import ConnectedClient
from access.pages import caller_of
from access.roles import Role
from api.oauth.metadata import resource_of
from zikra_portal.deeds import Done, answer, attempt
from zikra_portal.tables import page_of


@login_required
def clients(request: HttpRequest) -> HttpResponse:
    """The reader's clients, or for owners everybody's, newest first; 50 a page."""
    caller = caller_of(request)
    rows = ConnectedClient.objects.visible_to(caller).fetched().for_lists()
    context = {
        "page": page_of(request, rows),
        "shows_members": caller.may(Role.OWNER),
        "address": resource_of(request),
    }
    return render(request, "clients/clients.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def revoke(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponse:
    """Ask once, then end a client's connection."""
    try:
        connection = find_connection(caller_of(request), str(connection_id))
    except NotFound:
        raise Http404 from None
    if request.method == "GET":
        return render(request, "clients/revoke.html", {"connection": connection})

    def act(caller: Caller) -> Done:
        ended = revoke_client(caller, connection)
        return Done(f"Revoked {ended}; it is shut out.", subject_of(ended))

    return answer(request, attempt(request, "revoke_client", act, kind=KIND), reverse("clients"))
