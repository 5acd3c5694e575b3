"""Who is at an agents' door: a role token in the Authorization header, and nowhere else."""

import hmac
import ipaddress
import re
import uuid

import structlog
from django.conf import settings
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from access import audit
from access.callers import Caller, caller_for_token
from access.models import AuditOutcome, RoleToken
from access.tokens import TOKEN_START, hash_secret, token_for_secret

SCHEME = "Bearer"
# What the portal's own client calls the machine that it runs on, in every request of its own.
MACHINE_HEADER = "X-Zikra-Machine"
MACHINE_LENGTH = 200
REQUEST_ID = re.compile(r"[A-Za-z0-9._\-]{1,64}")

log = structlog.get_logger(__name__)


class RoleTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer TOKEN`. The caller stands in `request.auth`; no session, cookie or query counts."""

    door = "webhook"

    def authenticate(self, request: Request) -> tuple[None, Caller]:
        """The caller that holds the token. Raises AuthenticationFailed, saying nothing about why."""
        caller = caller_at(request._request, self.door)
        if caller is None:
            raise AuthenticationFailed("Unauthorized")
        return None, caller

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return SCHEME


def caller_at(request: HttpRequest, door: str) -> Caller | None:
    """The caller whose token a request bears, or None, after a note of the refusal."""
    secret = bearer_secret(request)
    token = token_for_secret(secret) if secret else None
    request_id, address = request_id_of(request), client_address(request)
    if token is None:
        _note_refusal(secret, door, request_id, address)
        return None
    return caller_for_token(token).through(door, request_id=request_id, address=address)


def bearer_secret(request: HttpRequest) -> str:
    """The token in the Authorization header, or ""."""
    scheme, _, secret = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    return secret.strip() if scheme.casefold() == SCHEME.casefold() else ""


def machine_told(request: HttpRequest) -> str:
    """What the client calls its machine, or "" where it does not say."""
    return request.headers.get(MACHINE_HEADER, "")[:MACHINE_LENGTH]


def request_id_of(request: HttpRequest) -> str:
    """The client's X-Request-ID where it is a plain word, else the id that the log has, else a new one."""
    sent = request.META.get("HTTP_X_REQUEST_ID", "")
    if REQUEST_ID.fullmatch(sent):
        return sent
    logged = structlog.contextvars.get_contextvars().get("request_id", "")
    return logged if isinstance(logged, str) and REQUEST_ID.fullmatch(logged) else uuid.uuid4().hex


def client_address(request: HttpRequest) -> str | None:
    """The client's address; behind a proxy (setting BEHIND_PROXY) the one that the nearest proxy saw."""
    seen = request.META.get("REMOTE_ADDR", "")
    if settings.SECURE_PROXY_SSL_HEADER:
        seen = request.META.get("HTTP_X_FORWARDED_FOR", seen).rpartition(",")[2].strip() or seen
    try:
        return str(ipaddress.ip_address(seen))
    except ValueError:
        return None


def _note_refusal(secret: str, door: str, request_id: str, address: str | None) -> None:
    """Audit the use of a real token that is over; only log what is no token of ours, which anybody can send."""
    token = _token_that_is_over(secret)
    if token is None:
        log.warning("unknown_token", door=door, request_id=request_id, address=address)
        return
    caller = caller_for_token(token).through(door, request_id=request_id, address=address)
    reason = token.state if token.state != "active" else "held by a member who may not log in"
    audit.record(caller, "", AuditOutcome.REFUSED, 401, detail=f"The token is {reason}.")


def _token_that_is_over(secret: str) -> RoleToken | None:
    start, _, rest = secret.partition("_")
    prefix, _, tail = rest.partition("_")
    if start != TOKEN_START or not tail or not secret.isascii() or "\x00" in prefix:
        return None
    token = RoleToken.objects.filter(prefix=prefix[:16]).first()
    return token if token is not None and hmac.compare_digest(token.digest, hash_secret(secret)) else None
