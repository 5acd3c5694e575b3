"""Requests of agents pass by what only pages need."""

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

# Here only a token says who asks. Whole paths: `/handoffs/` is a page.
AGENTS_ADDRESSES = frozenset(
    {"/webhook/zikra", "/webhook/zikra/", "/hook", "/hook/batch", "/handoff", "/identity", "/mcp", "/mcp/"}
)


class AgentsHandler(WSGIHandler):
    """Django's handler with settings.AGENTS_MIDDLEWARE, none of which looks at views, templates or exceptions.

    The sessions, messages and logins of pages took an eighth of the processor time of a hook, which has none.
    """

    # Django's own, which its type hints leave out.
    _get_response: Callable[[HttpRequest], HttpResponseBase]

    def load_middleware(self, is_async: bool = False) -> None:
        """Build the chain, as Django does, from the shorter list."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        chain = convert_exception_to_response(self._get_response)
        for path in reversed(settings.AGENTS_MIDDLEWARE):
            chain = convert_exception_to_response(import_string(path)(chain))
        self._middleware_chain = chain


def by_address(agents: WSGIApplication, pages: WSGIApplication) -> WSGIApplication:
    """The application that gives each request to the one whose address it came to."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        handler = agents if environ.get("PATH_INFO") in AGENTS_ADDRESSES else pages
        return handler(environ, start_response)

    return application
