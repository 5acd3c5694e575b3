"""The protocol by oauthlib, the clients by django-oauth-toolkit, and the portal's own codes and tokens behind them."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.http import HttpRequest
from oauth2_provider.models import Application
from oauth2_provider.oauth2_backends import OAuthLibCore
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.common import Request
from oauthlib.oauth2 import WebApplicationServer
from oauthlib.oauth2.rfc6749.errors import CustomOAuth2Error, InvalidRequestError

from access.callers import Caller
from access.clients import (
    TOKEN_LIFETIME,
    AuthorizationCode,
    Consent,
    RefreshToken,
    code_presented,
    connection_of_secret,
    hand_out,
    let_in_client,
    refresh_token_presented,
    revoke_by_client,
)
from api.addresses import portal_address
from api.authentication import client_address
from api.oauth.metadata import SCOPE, is_our_resource

# base64url of a SHA-256 without padding; RFC 7636, section 4.2.
S256_CHALLENGE = re.compile(r"[A-Za-z0-9_\-]{43}\Z")
ONCE = ("client_id", "redirect_uri", "code_challenge", "code_challenge_method", "state", "response_type")


class Clients(OAuth2Validator):
    """Answers the protocol's questions about clients, codes and tokens in one request.

    may_learn: whether a client-id document that the portal has not seen may be fetched now. Only logged-in members
    bring the portal to fetch.
    """

    def __init__(self, request: HttpRequest, *, may_learn: bool = False) -> None:
        self.address = client_address(request)
        self.may_learn = may_learn
        self.presented: AuthorizationCode | RefreshToken | None = None

    def _load_application(self, client_id: Any, request: Request) -> Application | None:
        if not isinstance(client_id, str) or "\x00" in client_id:
            return None
        if not self.may_learn and not Application.objects.filter(client_id=client_id).exists():
            return None
        return super()._load_application(client_id, request)

    def validate_scopes(
        self, client_id: Any, scopes: Any, client: Any, request: Request, *args: Any, **kw: Any
    ) -> bool:
        """There is one scope; whatever else is asked for is left out of the grant, as RFC 6749, section 3.3 allows."""
        request.scopes = [SCOPE]
        return True

    def is_within_original_scope(self, request_scopes: Any, refresh_token: Any, request: Request, *a: Any) -> bool:
        """As above."""
        return True

    def get_original_scopes(self, refresh_token: Any, request: Request, *args: Any, **kwargs: Any) -> list[str]:
        """The one scope."""
        return [SCOPE]

    def is_origin_allowed(self, client_id: Any, origin: Any, request: Request, *args: Any, **kwargs: Any) -> bool:
        """The endpoints answer this by themselves, alike for all."""
        return False

    def is_pkce_required(self, client_id: Any, request: Request) -> bool:
        """Always."""
        return True

    def save_authorization_code(
        self, client_id: Any, code: dict[str, str], request: Request, *a: Any, **kw: Any
    ) -> None:
        """Keep a code, and the consent that it stands for."""
        consent = Consent(request.role, request.project_names, request.redirect_uri, request.code_challenge)
        request.connections.append(let_in_client(request.caller, request.client, consent, code["code"]))

    def validate_code(self, client_id: Any, code: str, client: Any, request: Request, *args: Any, **kw: Any) -> bool:
        """Whether a code may be used now."""
        self.presented = code_presented(code, client, self.address)
        if self.presented is None:
            return False
        request.user, request.scopes = self.presented.connection.token.member, [SCOPE]
        return True

    def get_code_challenge(self, code: Any, request: Request) -> str:
        """The challenge that the client sent to the consent."""
        assert isinstance(self.presented, AuthorizationCode)
        return self.presented.code_challenge

    def get_code_challenge_method(self, code: Any, request: Request) -> str:
        """No other is let through."""
        return "S256"

    def confirm_redirect_uri(
        self, client_id: Any, code: Any, redirect_uri: str, client: Any, *args: Any, **kwargs: Any
    ) -> bool:
        """Whether the client names the address that the code was sent to."""
        assert isinstance(self.presented, AuthorizationCode)
        return self.presented.redirect_uri == redirect_uri

    def validate_refresh_token(self, refresh_token: str, client: Any, request: Request, *a: Any, **kw: Any) -> bool:
        """Whether a refresh token may be used now."""
        self.presented = refresh_token_presented(refresh_token, client, self.address)
        if self.presented is None:
            return False
        request.user = self.presented.connection.token.member
        return True

    def save_bearer_token(self, token: dict[str, Any], request: Request, *args: Any, **kwargs: Any) -> None:
        """Put the portal's own token into the answer, in place of the text that oauthlib made."""
        assert self.presented is not None
        lent = hand_out(self.presented)
        token.update(access_token=lent.token, refresh_token=lent.refresh_token, scope=SCOPE)

    def invalidate_authorization_code(self, client_id: Any, code: Any, request: Request, *a: Any, **kw: Any) -> None:
        """It was used up when the token was handed out."""

    def revoke_token(self, token: str, token_type_hint: Any, request: Request, *args: Any, **kwargs: Any) -> None:
        """End the connection that a token or a refresh token of this client belongs to."""
        connection = connection_of_secret(token, request.client)
        if connection is not None:
            revoke_by_client(connection, self.address)


class Protocol(OAuthLibCore):
    """Reads requests for oauthlib, with every repetition of a parameter, so that it refuses them."""

    def extract_body(self, request: HttpRequest) -> list[tuple[str, str]]:
        """All fields of a form."""
        return [(name, value) for name, values in request.POST.lists() for value in values]


def protocol_for(request: HttpRequest, *, may_learn: bool = False) -> Protocol:
    """The authorization server in one request: authorization code with S256 and refresh, nothing else."""
    server = WebApplicationServer(
        Clients(request, may_learn=may_learn), token_expires_in=int(TOKEN_LIFETIME.total_seconds())
    )

    def check(asked: Request) -> dict[str, Any]:
        _check_parameters(request, asked)
        return {}

    server.auth_grant.custom_validators.post_auth.append(check)
    return Protocol(server)


def approve(
    request: HttpRequest, caller: Caller, credentials: dict[str, Any], role: Any, names: Any
) -> tuple[str, Any]:
    """Let a client in as the member chose; answers the address to send the browser to and the connection.

    credentials: what `validate_authorization_request` answered. Raises Refusal as `let_in_client` does.
    """
    made: list[Any] = []
    chosen = {"caller": caller, "role": role, "project_names": names, "connections": made}
    protocol = protocol_for(request, may_learn=True)
    kept = {key: value for key, value in credentials.items() if key != "request"}
    address, *_ = protocol.create_authorization_response(request, [SCOPE], {**kept, **chosen}, True)
    return with_issuer(request, address), made[0]


def with_issuer(request: HttpRequest, address: str) -> str:
    """An answer to a client with the parameter `iss` (RFC 9207), which tells it who answers."""
    parts = urlsplit(address)
    query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "iss"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("iss", portal_address(request))])))


def _check_parameters(request: HttpRequest, asked: Request) -> None:
    """What OAuth 2.1 asks for beyond OAuth 2.0. Raises the error that the client gets."""
    words = asked.uri_query_params
    if repeated := [name for name in ONCE if [key for key, _ in words].count(name) > 1]:
        raise InvalidRequestError(description=f"Duplicate {repeated[0]} parameter.", request=asked)
    if asked.code_challenge_method != "S256" or not S256_CHALLENGE.match(asked.code_challenge or ""):
        raise InvalidRequestError(description="code_challenge_method must be S256.", request=asked)
    for name, value in words:
        if name == "resource" and not is_our_resource(request, value):
            raise CustomOAuth2Error(
                error="invalid_target", description="This server gives out tokens for its own /mcp only.", request=asked
            )
