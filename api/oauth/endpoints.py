"""The endpoints that clients call by themselves: token and revocation."""

from collections.abc import Callable
from functools import wraps

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from api.oauth.metadata import is_our_resource, open_to_all
from api.oauth.server import protocol_for

CORS = {
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, MCP-Protocol-Version",
    "Access-Control-Max-Age": "3600",
}
View = Callable[[HttpRequest], HttpResponse]


def client_endpoint(view: View) -> View:
    """A door for programs: POST alone, from any origin, without cookies, and no answer is ever kept."""

    @csrf_exempt
    @wraps(view)
    def endpoint(request: HttpRequest) -> HttpResponse:
        if request.method == "OPTIONS":
            response = HttpResponse(status=204, headers=CORS)
        elif request.method == "POST":
            response = view(request)
        else:
            response = oauth_error("invalid_request", "This address takes POST.", 405)
            response["Allow"] = "POST, OPTIONS"
        response["Cache-Control"] = "no-store"
        return open_to_all(response)

    return endpoint


def oauth_error(error: str, description: str, status: int = 400) -> HttpResponse:
    """An error as RFC 6749, section 5.2 shapes it."""
    return JsonResponse({"error": error, "error_description": description}, status=status)


@client_endpoint
def token(request: HttpRequest) -> HttpResponse:
    """A code or a refresh token against a token for an hour and the next refresh token."""
    if any(not is_our_resource(request, named) for named in request.POST.getlist("resource")):
        return oauth_error("invalid_target", "This server gives out tokens for its own /mcp only.")
    # A refusal is answered, not raised: what it ended stays ended.
    with transaction.atomic():
        return _answered(lambda: protocol_for(request).create_token_response(request))


@client_endpoint
def revoke(request: HttpRequest) -> HttpResponse:
    """End what a token or refresh token belongs to (RFC 7009)."""
    with transaction.atomic():
        return _answered(lambda: protocol_for(request).create_revocation_response(request))


def _answered(ask: Callable[[], tuple[object, dict[str, str], str | None, int]]) -> HttpResponse:
    try:
        _, headers, body, status = ask()
    except ValueError:
        # oauthlib cannot read the address.
        return oauth_error("invalid_request", "The request's address or form cannot be read.")
    return HttpResponse(body or "", status=status, headers={"Content-Type": "application/json", **headers})
