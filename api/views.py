"""The webhook: one address for every command. It only translates its envelope; `run_command` does the rest."""

import json
from typing import Any, cast

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest
from drf_spectacular.utils import extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.callers import Caller
from access.errors import Invalid, Refusal
from api.authentication import machine_told
from api.openapi import webhook_description
from api.running import Answer, database_away, refused, run_command
from runs.machines import require_allowed


class BodyTooLarge(Refusal):
    """The request's body is over the limit; it was not read."""

    status = 413
    outcome = "invalid"


class JsonWhateverIsAsked(BaseContentNegotiation):
    """JSON in, JSON out, whatever the headers say: agents and shells set them by accident."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Not used: the body is read by `json_object`."""
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> tuple[BaseRenderer, str]:
        """Always the first renderer."""
        return renderers[0], renderers[0].media_type


class WebhookView(APIView):
    """POST a JSON object with `command` and its arguments."""

    content_negotiation_class = JsonWhateverIsAsked
    http_method_names = ["post"]

    def perform_authentication(self, request: Request) -> None:
        """Authenticate calls; another method is told the right one without a token."""
        if request.method == "POST":
            super().perform_authentication(request)

    @extend_schema(**webhook_description())
    def post(self, request: Request) -> Response:
        """Run one command."""
        caller = cast(Caller, request.auth)
        try:
            body = json_object(request._request)
            require_allowed(caller, machine_told(request._request))
        except Refusal as refusal:
            return _response(refused(refusal, caller, ""), caller)
        key = request._request.META.get("HTTP_IDEMPOTENCY_KEY", "")
        return _response(run_command(body.get("command"), body, caller, idempotency_key=key), caller)

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Any method but POST."""
        error = f"This address takes POST, not {request.method}."
        return Response({"error": error, "hint": "POST a JSON object with `command`."}, status=405)

    def handle_exception(self, exc: Exception) -> Response:
        """A database that is away, seen before the caller is known, is the portal's trouble and passes."""
        if isinstance(exc, OperationalError | InterfaceError):
            return _response(database_away(None), None)
        return super().handle_exception(exc)


def json_object(request: HttpRequest) -> dict[str, Any]:
    """The JSON object in a request's body. Raises Refusal for a body that is too large or something else."""
    body = json_value(request)
    if not isinstance(body, dict):
        raise Invalid("Request body must be a JSON object", hint='Send for example {"command": "zikra_help"}.')
    return body


def json_value(request: HttpRequest) -> Any:
    """The JSON value in a request's body. Raises Refusal for a body that is too large or no JSON."""
    try:
        return json.loads(_body(request), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Invalid("Request body is not valid JSON", hint='Send for example {"command": "zikra_help"}.') from None


def _body(request: HttpRequest) -> bytes:
    most = settings.MAX_BODY_BYTES
    if request.META.get("CONTENT_LENGTH"):
        too_large = _number(request.META["CONTENT_LENGTH"]) > most
        body = b"" if too_large else request.body
    elif request.META.get("wsgi.input_terminated"):
        # Chunked: the server marks the end, and nobody has said how long it will be.
        body = request.META["wsgi.input"].read(most + 1)
        too_large = len(body) > most
    else:
        return b""
    if too_large:
        raise BodyTooLarge(
            f"Request body is larger than {most} bytes.",
            hint="Split the content into several memories.",
            limit_bytes=most,
        )
    return body


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _response(answer: Answer, caller: Caller | None) -> Response:
    headers = {**answer.headers, "X-Request-ID": caller.request_id} if caller else answer.headers
    return Response(answer.body, status=answer.status, headers=headers)
