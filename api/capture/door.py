"""What the addresses of this door have in common: who asks, how much may be sent, and answers in words.

Plain views: an agent waits for a hook, and hundreds of them may arrive in a second.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from access import rates
from access.callers import Caller
from access.errors import Invalid, Refusal
from api.authentication import SCHEME, caller_at
from api.running import Answer, database_away, refused
from api.views import BodyTooLarge

DOOR = "capture"
log = structlog.get_logger(__name__)

View = Callable[[HttpRequest, Caller], HttpResponse]


def capture_door(method: str) -> Callable[[View], Callable[[HttpRequest], HttpResponse]]:
    """A view for callers with a token, by one method; what it refuses is told in words and audited."""

    def wrap(view: View) -> Callable[[HttpRequest], HttpResponse]:
        @csrf_exempt
        @wraps(view)
        def answer(request: HttpRequest) -> HttpResponse:
            if request.method != method:
                words = {"error": f"This address takes {method}, not {request.method}."}
                return JsonResponse(words, status=405, headers={"Allow": method})
            caller = None
            try:
                caller = caller_at(request, DOOR)
                return _unknown() if caller is None else _answered(view, request, caller)
            except (OperationalError, InterfaceError):
                return as_json(database_away(caller))

        return answer

    return wrap


def _answered(view: View, request: HttpRequest, caller: Caller) -> HttpResponse:
    counted = False
    try:
        counted = True
        rates.count_call(caller)
        return view(request, caller)
    except Refusal as refusal:
        return as_json(refused(refusal, caller, request.path.strip("/"), counted=counted))


def _unknown() -> HttpResponse:
    return JsonResponse({"error": "Unauthorized"}, status=401, headers={"WWW-Authenticate": SCHEME})


def as_json(answer: Answer) -> HttpResponse:
    """An answer in this door's envelope."""
    return JsonResponse(answer.body, status=answer.status, headers=answer.headers)


def json_in(request: HttpRequest) -> Any:
    """The JSON value in a request's body, None for an empty one. Raises BodyTooLarge over 10 MiB, Invalid for no JSON."""
    body = _body(request)
    if not body.strip():
        return None
    try:
        # Agents write control characters into their strings now and then.
        return json.loads(body, strict=False)
    except (ValueError, RecursionError):
        raise Invalid("Request body is not valid JSON", hint="Send what the agent hands its hook.") from None


def _body(request: HttpRequest) -> bytes:
    most = settings.CAPTURE_BODY_BYTES
    told = request.META.get("CONTENT_LENGTH") or ""
    if told:
        length = int(told) if told.isascii() and told.isdigit() else 0
        body = b"" if length > most else request.read(length)
    elif request.META.get("wsgi.input_terminated"):
        # Chunked: the server marks the end, and nobody has said how long it will be.
        body = request.META["wsgi.input"].read(most + 1)
        length = len(body)
    else:
        return b""
    if length > most:
        raise BodyTooLarge(f"Request body is larger than {most} bytes.", hint="Send less at once.", limit_bytes=most)
    return body
