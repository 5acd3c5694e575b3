"""Clients that register themselves (RFC 7591). Nobody vouches for them: the consent page says so."""

import json
import unicodedata
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, JsonResponse
from oauth2_provider.models import Application

from access.rates import tries_left
from api.authentication import client_address
from api.oauth.endpoints import client_endpoint, oauth_error
from api.oauth.metadata import AUTH_METHODS, SCOPE
from api.oauth.redirects import UnfitRedirect, check_redirect_uris

MOST_BODY_BYTES = 16 * 1024
NAME_LENGTH = 120
# A person connects a client a few times a day; ChatGPT and Claude register anew for each of a team's people.
REGISTRATIONS_AN_HOUR = 30
HOUR_SECONDS = 3600
# So many may wait for a consent at once, whoever sends them; they are forgotten after a day.
MOST_WAITING = 2000


class UnfitClient(ValueError):
    """The client's description cannot be taken; the message says why."""


@client_endpoint
def register(request: HttpRequest) -> HttpResponse:
    """Note a client's name and addresses, and answer its id."""
    if not tries_left("oauth-register", client_address(request) or "", REGISTRATIONS_AN_HOUR, HOUR_SECONDS):
        return oauth_error("temporarily_unavailable", "Too many registrations; try again in an hour.", 429)
    if _waiting() >= MOST_WAITING:
        return oauth_error("temporarily_unavailable", "Too many clients wait for a consent; try again later.", 429)
    try:
        described = _described(request)
        client = _client(described)
    except UnfitRedirect as problem:
        return oauth_error("invalid_redirect_uri", str(problem))
    except UnfitClient as problem:
        return oauth_error("invalid_client_metadata", str(problem))
    secret = client.client_secret
    client.save()
    return JsonResponse(_registered(client, described, secret), status=201)


def shown_name(name: Any, redirect_uri: str) -> str:
    """A client's name for people: on one line, without characters that hide or turn others; else the host of its
    address."""
    if not isinstance(name, str):
        return urlsplit(redirect_uri).hostname or ""
    seen = "".join(" " if char.isspace() else char for char in name if not unicodedata.category(char).startswith("C"))
    return " ".join(seen.split())[:NAME_LENGTH] or urlsplit(redirect_uri).hostname or ""


def _described(request: HttpRequest) -> dict[str, Any]:
    if len(request.body) > MOST_BODY_BYTES:
        raise UnfitClient(f"A client's description has at most {MOST_BODY_BYTES} bytes.")
    try:
        described = json.loads(request.body)
    except (ValueError, RecursionError):
        raise UnfitClient("The request's body is no JSON.") from None
    if not isinstance(described, dict):
        raise UnfitClient("The request's body is no JSON object.")
    return described


def _client(described: dict[str, Any]) -> Application:
    uris = check_redirect_uris(described.get("redirect_uris"))
    method = described.get("token_endpoint_auth_method", "client_secret_basic")
    if method not in AUTH_METHODS:
        raise UnfitClient(f"token_endpoint_auth_method is one of {', '.join(AUTH_METHODS)}.")
    if "authorization_code" not in _words(described, "grant_types", ["authorization_code"]):
        raise UnfitClient("grant_types must hold authorization_code, the only way in here.")
    if "code" not in _words(described, "response_types", ["code"]):
        raise UnfitClient("response_types must hold code, the only answer here.")
    return Application(
        name=shown_name(described.get("client_name"), uris[0]),
        redirect_uris=" ".join(uris),
        client_type=Application.CLIENT_PUBLIC if method == "none" else Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        registration_source=Application.RegistrationSource.DCR,
    )


def _words(described: dict[str, Any], name: str, default: list[str]) -> list[Any]:
    words = described.get(name, default)
    if not isinstance(words, list):
        raise UnfitClient(f"{name} is a list of words.")
    return words


def _registered(client: Application, described: dict[str, Any], secret: str) -> dict[str, Any]:
    is_public = client.client_type == Application.CLIENT_PUBLIC
    method = "none" if is_public else described.get("token_endpoint_auth_method", "client_secret_basic")
    return {
        "client_id": client.client_id,
        "client_id_issued_at": int(client.created.timestamp()),
        **({} if is_public else {"client_secret": secret, "client_secret_expires_at": 0}),
        "client_name": client.name,
        "redirect_uris": client.redirect_uris.split(),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": method,
        "scope": SCOPE,
    }


def _waiting() -> int:
    return Application.objects.filter(registration_source=Application.RegistrationSource.DCR, connections=None).count()
