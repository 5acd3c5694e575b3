"""Who a page is for: the caller that a logged-in person is, asked once a request."""

import structlog
from django.http import HttpRequest

from access.callers import Caller, caller_for_member
from access.models import Member


def caller_of(request: HttpRequest, door: str = "page") -> Caller:
    """The caller of a page's request, which must come from a logged-in member. Its scope is read once and kept."""
    kept = getattr(request, "caller", None)
    if isinstance(kept, Caller):
        return kept
    assert isinstance(request.user, Member), "pages with a caller stand behind the login"
    known_id = structlog.contextvars.get_contextvars().get("request_id", "")
    caller = caller_for_member(request.user, door=door).through(
        door, request_id=str(known_id), address=request.META.get("REMOTE_ADDR") or None
    )
    request.caller = caller  # type: ignore[attr-defined]
    return caller
