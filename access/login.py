"""Login to the pages: who may sign up, and how."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class PortalAccountAdapter(DefaultAccountAdapter):
    """Nobody signs up alone: an owner makes the members."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Always closed; see the Members page of the admin."""
        return False
