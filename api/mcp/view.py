"""POST /mcp: streamable HTTP without sessions or streams; each message is answered at once with JSON.

A plain view: what a framework for JSON brings, the protocol defines otherwise, and a call costs no more than the webhook's.
"""

import json
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from mcp_types.jsonrpc import INTERNAL_ERROR, INVALID_REQUEST, PARSE_ERROR

from access.callers import Caller
from access.errors import Refusal
from api.addresses import portal_address
from api.arguments import NAME_LENGTH, printable
from api.authentication import caller_at, machine_told
from api.mcp import methods
from api.mcp.eras import OLDEST, check_envelope, status_of, version_in_header
from api.mcp.messages import ProtocolError, error_body, read_message, readable_id, result_body
from api.mcp.origins import PREFLIGHT, headers_for, origin_allowed
from api.mcp.visits import Visit
from api.oauth.metadata import challenge
from api.running import database_away, refused
from api.views import json_value
from runs.machines import MachineRefused, require_allowed

DOOR = "mcp"
RUNNER_HEADER = "X-Zikra-Runner"
# The oldest revision lets a client send several messages at once; each may be a command.
MESSAGES_AT_MOST = 50


@csrf_exempt
def mcp(request: HttpRequest) -> HttpResponse:
    """One JSON-RPC message for each POST, of any revision from 2025-03-26 on."""
    try:
        response = _answered(request)
    except ProtocolError as error:
        response = _json(error_body(None, error), error.status or 400, error.headers)
    except (OperationalError, InterfaceError):
        away = database_away(None)
        told = ProtocolError(INTERNAL_ERROR, f"{away.body['error']} {away.body['hint']}")
        response = _json(error_body(None, told), away.status, away.headers)
    # Refusals, too, can be read by a page that was allowed to ask.
    for name, value in headers_for(request.headers.get("Origin")).items():
        response.headers[name] = value
    return response


def _answered(request: HttpRequest) -> HttpResponse:
    """The answer to a request. Raises ProtocolError for what concerns no single message."""
    if not origin_allowed(request.headers.get("Origin")):
        raise ProtocolError(INVALID_REQUEST, "This Origin is not allowed.", status=403)
    if request.method == "OPTIONS":
        return HttpResponse(status=204, headers=PREFLIGHT)
    if request.method != "POST":
        # There is no stream to open and no session to end.
        error = {"error": f"This address takes POST, not {request.method}."}
        return _json(error, 405, {"Allow": "POST, OPTIONS"})
    caller = caller_at(request, DOOR)
    if caller is None:
        sent = "Authorization" in request.headers
        return _json({"detail": "Unauthorized"}, 401, {"WWW-Authenticate": challenge(request, sent=sent)})
    _check_machine(request, caller)
    return _posted(request, caller)


def _check_machine(request: HttpRequest, caller: Caller) -> None:
    """Raise ProtocolError where the client names a machine that is refused; that is audited."""
    try:
        require_allowed(caller, machine_told(request))
    except MachineRefused as refusal:
        told = refused(refusal, caller, "")
        words = f"{told.body['error']} {told.body['hint']}"
        raise ProtocolError(INVALID_REQUEST, words, status=told.status, headers=told.headers) from None


def _posted(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The answer to a message, or to several of the oldest revision."""
    value = _body(request)
    try:
        visit = _visit(request, caller)
    except ProtocolError as error:
        return _json(error_body(readable_id(value), error), error.status or 400)
    if isinstance(value, list):
        return _answer_all(visit, request, value)
    status, body, headers = _answer(visit, request, value)
    return _response(visit, status, body, headers)


def _body(request: HttpRequest) -> Any:
    """The JSON value of a request. Raises ProtocolError."""
    content_type = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().casefold()
    if content_type != "application/json":
        raise ProtocolError(INVALID_REQUEST, "Content-Type must be application/json.", status=415)
    try:
        value = json_value(request)
    except Refusal as refusal:
        code = PARSE_ERROR if refusal.status == 400 else INVALID_REQUEST
        raise ProtocolError(code, refusal.message, status=refusal.status) from None
    return value


def _visit(request: HttpRequest, caller: Caller) -> Visit:
    runner = printable(request.headers.get(RUNNER_HEADER, "").strip(), NAME_LENGTH)
    return Visit(caller, version_in_header(request.headers), portal_address(request), runner)


def _answer(visit: Visit, request: HttpRequest, value: Any) -> tuple[int, dict[str, Any] | None, dict[str, str]]:
    """Status, body and headers for one message; no body for what wants no answer."""
    try:
        message = read_message(value)
        if not message.answered:
            return 202, None, {}
        check_envelope(visit.version, request.headers, message)
        return 200, result_body(message.id, methods.answer(visit, message)), {}
    except ProtocolError as error:
        return status_of(error, visit.version), error_body(readable_id(value), error), error.headers


def _answer_all(visit: Visit, request: HttpRequest, values: list[Any]) -> HttpResponse:
    """The answers to several messages. Raises ProtocolError where the revision has no such thing, or for too many."""
    if visit.version != OLDEST:
        raise ProtocolError(INVALID_REQUEST, f"Send one message a request: {visit.version} has no batches.", status=400)
    if not 0 < len(values) <= MESSAGES_AT_MOST:
        raise ProtocolError(INVALID_REQUEST, f"Send 1 to {MESSAGES_AT_MOST} messages at once.", status=400)
    if any(isinstance(value, dict) and value.get("method") == "initialize" for value in values):
        raise ProtocolError(INVALID_REQUEST, "Send initialize alone.", status=400)
    bodies = [body for _, body, _ in (_answer(visit, request, value) for value in values) if body is not None]
    return _response(visit, 200 if bodies else 202, bodies or None, {})


def _response(visit: Visit, status: int, body: Any, headers: dict[str, str]) -> HttpResponse:
    return _json(body, status, {**headers, "X-Request-ID": visit.caller.request_id, "Cache-Control": "no-store"})


def _json(body: Any, status: int, headers: dict[str, str] | None = None) -> HttpResponse:
    text = "" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return HttpResponse(text, content_type="application/json", status=status, headers=headers)
