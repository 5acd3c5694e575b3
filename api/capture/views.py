"""The addresses of the capture door. They only translate their envelope."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from access.callers import Caller
from access.errors import Invalid
from access.models import Member, Project
from access.roles import Role
from api.authentication import machine_told
from api.capture.delivery import text_for_start
from api.capture.door import as_json, capture_door, json_in
from api.running import refused
from runs.capture.keeping import Client, Hook, Kept, Outcome, keep_hooks
from runs.machines import require_allowed

LEVELS = {Role.GUEST: "read", Role.COLLABORATOR: "write", Role.ADMIN: "admin", Role.OWNER: "owner"}
PROJECTS_AT_MOST = 1000
MOST_IN_A_HEADER = 2**31 - 1


@capture_door("POST")
def hook(request: HttpRequest, caller: Caller) -> HttpResponse:
    """One event. It is stored when the answer is 202."""
    caller.require(Role.COLLABORATOR)
    arrived = Hook(words_of(request.META.get("QUERY_STRING", "")), json_in(request))
    kept = keep_hooks(caller, [arrived], client_of(request))[0]
    if kept.refusal is not None:
        return as_json(refused(kept.refusal, caller, "hook", project=arrived.words.get("project"), counted=True))
    return JsonResponse({"status": "accepted"}, status=202, headers={"X-Zikra-Outcome": kept.outcome.value})


@capture_door("POST")
def batch(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Up to 256 events, judged one by one."""
    caller.require(Role.COLLABORATOR)
    items = json_in(request)
    if not isinstance(items, list):
        raise Invalid("Request body must be a JSON array", hint='Send [{"url": "/hook?…", "body": {…}}, …].')
    kept = keep_hooks(caller, [hook_in(item) for item in items], client_of(request))
    results = [told_of(index, result) for index, result in enumerate(kept)]
    accepted = sum(not result.outcome.value.startswith("dropped") for result in kept)
    return JsonResponse({"accepted": accepted, "results": results})


@capture_door("GET")
def handoff(request: HttpRequest, caller: Caller) -> HttpResponse:
    """What a session's start is told, as Markdown: the handoff that it gets, or what its compaction left out."""
    words = words_of(request.META.get("QUERY_STRING", ""))
    require_allowed(caller, machine_told(request) or words.get("machine", ""))
    return HttpResponse(text_for_start(caller, words), content_type="text/markdown; charset=utf-8")


@capture_door("GET")
def identity(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Who a token is here: what it may do, and where."""
    require_allowed(caller, machine_told(request))
    named = Member.objects.filter(pk=caller.member_id or 0).values_list("username", flat=True).first()
    names = Project.objects.visible_to(caller).values_list("name", flat=True)
    answer = {
        "version": settings.VERSION,
        "level": LEVELS[caller.role],
        "operator": named or caller.name,
        "role": caller.role.value,
        "projects": list(names[:PROJECTS_AT_MOST]),
        "all_projects": caller.project_ids is None,
        "default_project": caller.default_project,
    }
    return JsonResponse(answer)


def words_of(query: str) -> dict[str, str]:
    """The words of a query; of one given twice the first counts."""
    words: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        words.setdefault(name, value)
    return words


def hook_in(item: Any) -> Hook:
    """The event in an entry of a batch. One that holds none becomes one that is refused."""
    url = item.get("url") if isinstance(item, dict) else None
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        parts = None
    if parts is None or parts.path.rstrip("/") != "/hook":
        return Hook({}, "no entry such as {url, body}")
    return Hook(words_of(parts.query), item.get("body"))


def told_of(index: int, kept: Kept) -> dict[str, Any]:
    """What a batch answers of one event."""
    told: dict[str, Any] = {"index": index, "outcome": kept.outcome.value}
    if kept.refusal is not None and kept.outcome is not Outcome.STORED:
        told["error"] = str(kept.refusal.extra.get("message") or kept.refusal.message)
    return told


def client_of(request: HttpRequest) -> Client:
    """What the client tells of itself in its headers."""
    waiting, _, oldest = request.headers.get("X-Zikra-Backlog", "").partition(";")
    untrusted = request.headers.get("X-Zikra-Untrusted", "").split(",")
    return Client(
        version=request.headers.get("X-Zikra-Client", "")[:60],
        machine=machine_told(request),
        backlog=_number(waiting),
        backlog_seconds=_number(oldest),
        untrusted=tuple(word.strip()[:60] for word in untrusted[:20] if word.strip()),
    )


def _number(text: str) -> int | None:
    word = text.strip()
    return min(int(word), MOST_IN_A_HEADER) if word.isascii() and word.isdigit() and len(word) < 20 else None
