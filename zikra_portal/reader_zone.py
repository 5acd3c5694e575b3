"""Times on pages are told in the reader's own zone."""

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from access.models import Member


class ReaderTimeZoneMiddleware:
    """Makes a logged-in member's zone the current one while a page is made. Agents' doors always speak UTC."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer, made in the reader's zone."""
        # Only who brings a session is looked up: an agent's call costs no query here.
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or not isinstance(request.user, Member):
            return self.get_response(request)
        with timezone.override(zone_named(request.user.time_zone)):
            return self.get_response(request)


def zone_named(name: str) -> ZoneInfo:
    """The zone of this name; UTC for one that does not exist."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
