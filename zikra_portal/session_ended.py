"""A form that is sent after the session has ended: it is not done, and neither its page nor its words are lost.

The login leads back to the page that the form stood on, never to an address that only takes forms, and says there that
nothing was done. What was typed waits an hour for the same member; a form that asks `typed_before` shows it again.
"""

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.signals import user_logged_in
from django.contrib.auth.views import redirect_to_login
from django.core import signing
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import resolve_url
from django.urls import Resolver404, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme

from access.models import Member
from zikra_portal.deeds import is_deed_address

# By their addresses' names: forms whose page shows again what was typed.
SHOWN_AGAIN = frozenset(
    {
        *("memory-new", "memory-edit", "hygiene-make"),
        *("requirement-new", "requirement-edit", "requirement-comment", "comment-edit"),
    }
)
# Fields that people type into, in the other forms: what stands there is told in words.
TYPED_FIELDS = ("reason",)
# No reason is longer.
TOLD_LENGTH = 5000
KEPT_SECONDS = 3600
# Which member this browser had last, signed: words are kept for nobody else, and for no passer-by.
MEMBER_COOKIE = "last_member"
MEMBER_SALT = "zikra_portal.session_ended"
# Longer than a session is, so that it is there when one has ended.
MEMBER_SECONDS = 90 * 86_400
WORDS = "Your session had ended, so what you sent was not done."
# To what no form sent by itself, such as the keeping of drafts.
NOT_DONE = "Not done: your session has ended. Send the form, and its words wait until you have logged in."
# In the session: where the kept words are until the login, and after it.
UNDONE = "undone_form"


class SessionEndedMiddleware:
    """Turns the login's redirect of a form, or of a form's address, into one that comes back to the form's page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer; where it would have sent a form's address to the login, the way back to its page."""
        response = self.get_response(request)
        if _leads_to_login(request, response):
            if request.method == "POST":
                return _not_done(request)
            if not _is_page(request.path):
                return redirect_to_login(page_of_form(request))
        member_id = getattr(request, "logged_in_member_id", None)
        if member_id is not None:
            _remember(response, member_id)
        return response


def _leads_to_login(request: HttpRequest, response: HttpResponse) -> bool:
    """Whether a view answered that its reader must log in first."""
    if response.status_code != 302 or request.user.is_authenticated:
        return False
    to = urlsplit(response.headers["Location"])
    wanted = parse_qs(to.query).get("next", [""])[0]
    return to.path == resolve_url(settings.LOGIN_URL) and wanted == request.get_full_path()


def _not_done(request: HttpRequest) -> HttpResponse:
    if request.headers.get("HX-Request"):
        # static/portal.js sends the form without htmx, which comes here again; what has no form says that it failed.
        return HttpResponse(NOT_DONE, status=401, content_type="text/plain")
    _keep(request)
    return redirect_to_login(page_of_form(request))


def page_of_form(request: HttpRequest) -> str:
    """The path of the page that a sent form stood on: what the browser says, else what the form does, else the nearest
    page above the form's own address."""
    name = request.resolver_match.url_name if request.resolver_match else ""
    own = request.get_full_path()
    shown = ["" if name in SHOWN_AGAIN else _referring_path(request), request.POST.get("next", ""), own]
    return next((path for path in [*shown, *_above(request.path)] if _is_page(path)), reverse("home"))


def _referring_path(request: HttpRequest) -> str:
    """The path of the page that the browser says it comes from, when it is one of the portal's."""
    referer = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(referer, allowed_hosts={request.get_host()}):
        return ""
    parts = urlsplit(referer)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _above(path: str) -> list[str]:
    """The addresses above a path, the nearest one first."""
    parts = path.strip("/").split("/")
    return [f"/{'/'.join(parts[:count])}/" for count in range(len(parts) - 1, 0, -1)]


def _is_page(path: str) -> bool:
    """Whether a path of the portal answers a GET with a page."""
    if not path.startswith("/") or not url_has_allowed_host_and_scheme(path, allowed_hosts=None):
        return False
    try:
        match = resolve(urlsplit(path).path)
    except Resolver404:
        return False
    return not is_deed_address(match.func)


# --- what was typed ---------------------------------------------------------------------------------------------------


def _keep(request: HttpRequest) -> None:
    """Note in the session what was not done; what was typed waits beside it for the member whom the browser had.

    A browser that had none is told on the login page: whoever passes by makes the portal keep nothing.
    """
    try:
        member_id = signing.loads(request.COOKIES.get(MEMBER_COOKIE, ""), salt=MEMBER_SALT, max_age=MEMBER_SECONDS)
    except signing.BadSignature:
        member_id = None
    if member_id is None:
        messages.warning(request, WORDS)
        return
    name = request.resolver_match.url_name if request.resolver_match else ""
    typed = request.POST.copy()
    typed.pop("csrfmiddlewaretoken", None)
    kept: dict[str, Any] = {"member": member_id, "path": request.path, "is_shown_again": False, "told": ""}
    if name in SHOWN_AGAIN:
        kept |= {"is_shown_again": True, "key": f"typed:{uuid.uuid4()}"}
        cache.set(kept["key"], typed.urlencode(), KEPT_SECONDS)
    else:
        words = " ".join(str(typed[name]) for name in TYPED_FIELDS if typed.get(name))
        kept["told"] = words if len(words) <= TOLD_LENGTH else f"{words[:TOLD_LENGTH]}…"
    request.session[UNDONE] = kept


def _remember(response: HttpResponse, member_id: int) -> None:
    response.set_cookie(
        MEMBER_COOKIE,
        signing.dumps(member_id, salt=MEMBER_SALT),
        max_age=MEMBER_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def tell_what_was_not_done(sender: object, request: HttpRequest | None, user: Member, **more: object) -> None:
    """After a login: say that the form was not done, and what became of its words."""
    if request is None:
        return
    request.logged_in_member_id = user.pk  # type: ignore[attr-defined]
    kept = request.session.get(UNDONE)
    if kept is None:
        return
    words = WORDS
    if kept["member"] != user.pk:
        del request.session[UNDONE]
    elif kept["is_shown_again"]:
        words = "Your session had ended, so nothing was saved. What you typed stands in the form again: save it now."
    elif kept["told"]:
        words = f"{words} Not saved was: “{kept['told']}”"
    if not kept["is_shown_again"]:
        request.session.pop(UNDONE, None)
    messages.warning(request, words)


def typed_before(request: HttpRequest, path: str = "") -> QueryDict | None:
    """What the reader had typed into the form of this address (the page's own when left out) when the session ended.

    Answers it once; None where nothing waits.
    """
    kept = request.session.get(UNDONE)
    if kept is None or not kept["is_shown_again"] or kept["path"] != (path or request.path):
        return None
    del request.session[UNDONE]
    typed = cache.get(kept["key"])
    cache.delete(kept["key"])
    return QueryDict(typed) if typed else None


def tell_after_logins() -> None:
    """Listen for logins; called once, when the portal starts."""
    user_logged_in.connect(tell_what_was_not_done, dispatch_uid="zikra_portal.session_ended")
