"""What clients read before they ask: the protected resource (RFC 9728) and its authorization server (RFC 8414)."""

from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe
from oauth2_provider.settings import oauth2_settings

from api.addresses import portal_address

RESOURCE_PATH = "/mcp"
SCOPE = "zikra"
AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post")
DEFAULT_PORTS = {"http": 80, "https": 443}


def resource_of(request: HttpRequest) -> str:
    """The address of the one resource that tokens are for, as the asker reaches it."""
    return portal_address(request) + RESOURCE_PATH


def is_our_resource(request: HttpRequest, named: str) -> bool:
    """Whether a `resource` parameter (RFC 8707) means the portal's /mcp; case of the host, a default port and a slash at
    the end do not matter."""
    return _normal(named) == _normal(resource_of(request))


def challenge(request: HttpRequest, *, sent: bool = False) -> str:
    """The WWW-Authenticate header of a 401 at /mcp. sent: whether a token was sent, which then was no good."""
    error = 'error="invalid_token", ' if sent else ""
    metadata = portal_address(request) + reverse("oauth-protected-resource-mcp")
    return f'Bearer {error}resource_metadata="{metadata}", scope="{SCOPE}"'


@require_safe
def protected_resource(request: HttpRequest) -> HttpResponse:
    """Which authorization server gives out tokens for /mcp."""
    return open_to_all(
        JsonResponse(
            {
                "resource": resource_of(request),
                "resource_name": "Zikra portal",
                "authorization_servers": [portal_address(request)],
                "scopes_supported": [SCOPE],
                "bearer_methods_supported": ["header"],
            }
        )
    )


@require_safe
def authorization_server(request: HttpRequest) -> HttpResponse:
    """What the authorization server can do, which is what OAuth 2.1 asks for and nothing older."""
    return open_to_all(JsonResponse(_server(portal_address(request))))


def open_to_all(response: HttpResponse) -> HttpResponse:
    """Let pages of any origin read an answer. No cookie counts at these doors, so none can be misused."""
    response["Access-Control-Allow-Origin"] = "*"
    return response


def _server(issuer: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "authorization_endpoint": issuer + reverse("oauth-authorize"),
        "token_endpoint": issuer + reverse("oauth-token"),
        "registration_endpoint": issuer + reverse("oauth-register"),
        "revocation_endpoint": issuer + reverse("oauth-revoke"),
        "scopes_supported": [SCOPE],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": oauth2_settings.CIMD_ENABLED,
    }


def _normal(uri: str) -> tuple[str, str, int | None, str, str] | None:
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    if "@" in parts.netloc or "#" in uri:
        return None
    port = DEFAULT_PORTS.get(parts.scheme) if port is None else port
    return parts.scheme, parts.hostname or "", port, parts.path.rstrip("/"), parts.query
