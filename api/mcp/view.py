"""POST /mcp: streamable HTTP without sessions or streams; each message is answered at once with JSON."""

from typing import Any, cast

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest
from mcp_types.jsonrpc import INTERNAL_ERROR, INVALID_REQUEST, PARSE_ERROR
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.callers import Caller
from access.errors import Refusal
from api.addresses import portal_address
from api.arguments import NAME_LENGTH, printable
from api.authentication import RoleTokenAuthentication
from api.mcp import methods
from api.mcp.eras import OLDEST, check_envelope, status_of, version_in_header
from api.mcp.messages import ProtocolError, error_body, read_message, readable_id, result_body
from api.mcp.origins import PREFLIGHT, headers_for, origin_allowed
from api.mcp.visits import Visit
from api.oauth.metadata import challenge
from api.running import database_away
from api.views import JsonWhateverIsAsked, json_value

RUNNER_HEADER = "X-Zikra-Runner"
# The oldest revision lets a client send several messages at once; each may be a command.
MESSAGES_AT_MOST = 50


class McpAuthentication(RoleTokenAuthentication):
    """A role token; who has none is told where to get one."""

    door = "mcp"

    def authenticate_header(self, request: Request) -> str:
        """The challenge of RFC 9728: where the metadata of this resource is."""
        return challenge(request._request, sent=bool(request.META.get("HTTP_AUTHORIZATION")))


class McpView(APIView):
    """One JSON-RPC message for each POST, of any revision from 2025-03-26 on."""

    authentication_classes = [McpAuthentication]
    content_negotiation_class = JsonWhateverIsAsked
    http_method_names = ["post", "options"]
    schema = None

    def perform_authentication(self, request: Request) -> None:
        """Refuse foreign pages before anything is looked at; tell other methods the right one without a token."""
        if not origin_allowed(request.headers.get("Origin")):
            raise ProtocolError(INVALID_REQUEST, "This Origin is not allowed.", status=403)
        if request.method == "POST":
            super().perform_authentication(request)

    def post(self, request: Request) -> Response:
        """Answer a message, or several of the oldest revision."""
        value = _body(request)
        try:
            visit = _visit(request)
        except ProtocolError as error:
            return Response(error_body(readable_id(value), error), status=error.status)
        if isinstance(value, list):
            return _answer_all(visit, request, value)
        status, body, headers = _answer(visit, request, value)
        return _response(visit, status, body, headers)

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """What a browser asks before a page of an allowed origin posts."""
        return Response(status=204, headers=PREFLIGHT)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Every answer, refusals too, can be read by a page that was allowed to ask."""
        final = super().finalize_response(request, response, *args, **kwargs)
        for name, value in headers_for(request.headers.get("Origin")).items():
            final.headers[name] = value
        return final

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Any method but POST: there is no stream to open and no session to end."""
        return Response({"error": f"This address takes POST, not {request.method}."}, status=405)

    def handle_exception(self, exc: Exception) -> Response:
        """Errors that concern no single message."""
        if isinstance(exc, ProtocolError):
            return Response(error_body(None, exc), status=exc.status or 400, headers=exc.headers)
        if isinstance(exc, OperationalError | InterfaceError):
            away = database_away(None)
            error = ProtocolError(INTERNAL_ERROR, f"{away.body['error']} {away.body['hint']}")
            return Response(error_body(None, error), status=away.status, headers=away.headers)
        return super().handle_exception(exc)


def _body(request: Request) -> Any:
    """The JSON value of a request. Raises ProtocolError."""
    content_type = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().casefold()
    if content_type != "application/json":
        raise ProtocolError(INVALID_REQUEST, "Content-Type must be application/json.", status=415)
    try:
        value = json_value(request._request)
    except Refusal as refusal:
        code = PARSE_ERROR if refusal.status == 400 else INVALID_REQUEST
        raise ProtocolError(code, refusal.message, status=refusal.status) from None
    return value


def _visit(request: Request) -> Visit:
    runner = printable(request.headers.get(RUNNER_HEADER, "").strip(), NAME_LENGTH)
    caller = cast(Caller, request.auth)
    return Visit(caller, version_in_header(request.headers), portal_address(request), runner)


def _answer(visit: Visit, request: Request, value: Any) -> tuple[int, dict[str, Any] | None, dict[str, str]]:
    """Status, body and headers for one message; no body for what wants no answer."""
    try:
        message = read_message(value)
        if not message.answered:
            return 202, None, {}
        check_envelope(visit.version, request.headers, message)
        return 200, result_body(message.id, methods.answer(visit, message)), {}
    except ProtocolError as error:
        return status_of(error, visit.version), error_body(readable_id(value), error), error.headers


def _answer_all(visit: Visit, request: Request, values: list[Any]) -> Response:
    """The answers to several messages. Raises ProtocolError where the revision has no such thing, or for too many."""
    if visit.version != OLDEST:
        raise ProtocolError(INVALID_REQUEST, f"Send one message a request: {visit.version} has no batches.", status=400)
    if not 0 < len(values) <= MESSAGES_AT_MOST:
        raise ProtocolError(INVALID_REQUEST, f"Send 1 to {MESSAGES_AT_MOST} messages at once.", status=400)
    if any(isinstance(value, dict) and value.get("method") == "initialize" for value in values):
        raise ProtocolError(INVALID_REQUEST, "Send initialize alone.", status=400)
    bodies = [body for _, body, _ in (_answer(visit, request, value) for value in values) if body is not None]
    return _response(visit, 200 if bodies else 202, bodies or None, {})


def _response(visit: Visit, status: int, body: Any, headers: dict[str, str]) -> Response:
    told = {**headers, "X-Request-ID": visit.caller.request_id, "Cache-Control": "no-store"}
    return Response(body, status=status, headers=told)
