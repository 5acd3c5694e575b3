"""Which web pages may speak to the MCP door from a browser.

A page of a stranger can point its own host's name at this machine ("DNS rebinding") and then post here as if from the
same origin. Browsers say in every such post which origin the page has; clients that are no browsers say nothing.
"""

from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import validate_host

from api.addresses import is_loopback

# What a page of an allowed origin may send and read.
PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Mcp-Method, Mcp-Name, "
    "Mcp-Protocol-Version, Mcp-Session-Id, X-Request-ID, X-Zikra-Runner",
    "Access-Control-Max-Age": "3600",
}
READABLE = {"Access-Control-Expose-Headers": "Retry-After, WWW-Authenticate, X-Request-ID", "Vary": "Origin"}


def headers_for(origin: str | None) -> dict[str, str]:
    """What tells a browser that a page of this origin may read the answer; nothing where no browser asks."""
    allowed = origin is not None and origin_allowed(origin)
    return {"Access-Control-Allow-Origin": str(origin), **READABLE} if allowed else {}


def origin_allowed(origin: str | None) -> bool:
    """Whether a request with this Origin header may be answered: none, this machine, or a host that the settings name.

    PORTAL_URL, CSRF_TRUSTED_ORIGINS and ALLOWED_HOSTS name hosts; ALLOWED_HOSTS' `*` does not make every page trusted.
    """
    if origin is None:
        return True
    try:
        parts = urlsplit(origin.casefold())
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not host:
        return False
    return is_loopback(host) or _is_named(f"{parts.scheme}://{parts.netloc}", host)


def _is_named(origin: str, host: str) -> bool:
    portal = urlsplit(settings.PORTAL_URL.casefold())
    if origin == f"{portal.scheme}://{portal.netloc}":
        return True
    if any(fnmatchcase(origin, trusted.casefold()) for trusted in settings.CSRF_TRUSTED_ORIGINS):
        return True
    named = [allowed for allowed in settings.ALLOWED_HOSTS if allowed != "*"]
    return bool(named) and validate_host(f"[{host}]" if ":" in host else host, named)
