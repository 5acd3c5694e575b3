"""The request's name in what is logged while agents are answered."""

from collections.abc import Callable

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from api.authentication import request_id_of


class RequestIdMiddleware:
    """Lets every line that is logged meanwhile name the request, as django-structlog does for pages.

    Without its signals and its two lines a request, which took a twentieth of a hook. Of those only the ones about answers
    of 4xx were ever seen, and the door writes them itself: refusals into the audit, unknown tokens into the log.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request."""
        with structlog.contextvars.bound_contextvars(request_id=request_id_of(request)):
            return self.get_response(request)
