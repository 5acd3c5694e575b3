"""Login to the pages: who may sign up, and whose tries are counted."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone


class PortalAccountAdapter(DefaultAccountAdapter):
    """Nobody signs up alone: an owner makes the members."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Always closed; see the Members page of the admin."""
        return False


def tried_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The name or address that somebody tries to log in with, folded: wrong tries are counted and locked under it.

    The same before, during and after a try, whatever each library calls the field.
    """
    given = credentials or {}
    name = request.POST.get("login") or given.get("username") or given.get("email") or ""
    return str(name).strip().casefold()


def forget_sessions() -> int:
    """Remove the browsers' sessions that are over; answers how many. Whoever comes with one of them logs in anew anyway."""
    removed, _ = Session.objects.filter(expire_date__lt=timezone.now()).delete()
    return removed
