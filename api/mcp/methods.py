"""What each method of the protocol does."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from mcp_types import SERVER_INFO_META_KEY
from mcp_types.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND
from mcp_types.methods import CACHEABLE_METHODS, validate_client_request
from pydantic import ValidationError

from access import rates
from access.errors import TooManyCalls
from api.arguments import printable
from api.mcp import prompts, resources, tools
from api.mcp.eras import STATELESS, SUPPORTED, agreed_version
from api.mcp.instructions import INSTRUCTIONS
from api.mcp.messages import Message, ProtocolError
from api.mcp.pages import bad_cursor
from api.mcp.visits import Visit

CAPABILITIES = {"tools": {"listChanged": False}, "resources": {"listChanged": False}, "prompts": {"listChanged": False}}
# Tools change with a new version of the portal or another role; memories and prompts whenever somebody saves one.
TOOLS_FRESH_MS = 300_000
FRESH_MS = {"server/discover": TOOLS_FRESH_MS, "tools/list": TOOLS_FRESH_MS, "resources/templates/list": TOOLS_FRESH_MS}

Method = Callable[[Visit, dict[str, Any]], dict[str, Any]]


def answer(visit: Visit, message: Message) -> dict[str, Any]:
    """The result of a request. Raises ProtocolError."""
    method = METHODS.get(message.method)
    if method is None:
        raise _no_such_method(message)
    _check_params(visit, message)
    result = method(visit, message.params)
    if visit.version not in STATELESS:
        return result
    return {
        "resultType": "complete",
        **result,
        **_freshness(message.method),
        "_meta": {SERVER_INFO_META_KEY: _server(visit)},
    }


def _initialize(visit: Visit, params: dict[str, Any]) -> dict[str, Any]:
    return {
        "protocolVersion": agreed_version(params["protocolVersion"]),
        "capabilities": CAPABILITIES,
        "serverInfo": _server(visit),
        "instructions": INSTRUCTIONS,
    }


def _discover(visit: Visit, params: dict[str, Any]) -> dict[str, Any]:
    return {"supportedVersions": SUPPORTED, "capabilities": CAPABILITIES, "instructions": INSTRUCTIONS}


def _list_tools(visit: Visit, params: dict[str, Any]) -> dict[str, Any]:
    _refuse_cursor(params)
    return {"tools": tools.list_tools(visit)}


def _call_tool(visit: Visit, params: dict[str, Any]) -> dict[str, Any]:
    return tools.call_tool(visit, params["name"], params.get("arguments") or {})


def _list_resources(visit: Visit, params: dict[str, Any]) -> dict[str, Any]:
    _count(visit)
    return resources.list_resources(visit, params.get("cursor"))


def _list_templates(visit: Visit, params: dict[str, Any]) -> dict[str, Any]:
    _refuse_cursor(params)
    return resources.list_templates()


def _list_prompts(visit: Visit, params: dict[str, Any]) -> dict[str, Any]:
    _count(visit)
    return prompts.list_prompts(visit, params.get("cursor"))


METHODS: dict[str, Method] = {
    "initialize": _initialize,
    "ping": lambda visit, params: {},
    "server/discover": _discover,
    "tools/list": _list_tools,
    "tools/call": _call_tool,
    "resources/list": _list_resources,
    "resources/templates/list": _list_templates,
    "resources/read": lambda visit, params: resources.read_resource(visit, params["uri"]),
    "prompts/list": _list_prompts,
    "prompts/get": lambda visit, params: prompts.get_prompt(visit, params["name"]),
}


def _check_params(visit: Visit, message: Message) -> None:
    """Raise ProtocolError unless the method and its params are such as the revision defines."""
    try:
        validate_client_request(message.method, visit.version, message.params)
    except KeyError:
        raise _no_such_method(message) from None
    except ValidationError as problems:
        first = problems.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ProtocolError(INVALID_PARAMS, f"Invalid params: {printable(where)}: {first['msg']}") from None


def _count(visit: Visit) -> None:
    """Count what reads rows without being a command against the token's rate."""
    try:
        rates.count_call(visit.caller)
    except TooManyCalls as refusal:
        headers = {"Retry-After": str(refusal.retry_after)}
        words = f"{refusal.message} {refusal.hint}"
        raise ProtocolError(INTERNAL_ERROR, words, status=refusal.status, headers=headers) from None


def _refuse_cursor(params: dict[str, Any]) -> None:
    """These lists are one page, so no cursor is ours."""
    if params.get("cursor") is not None:
        raise bad_cursor()


def _freshness(method: str) -> dict[str, Any]:
    """How long a client may keep a result; it is the caller's alone."""
    return {"ttlMs": FRESH_MS.get(method, 0), "cacheScope": "private"} if method in CACHEABLE_METHODS else {}


def _server(visit: Visit) -> dict[str, str]:
    return {"name": "zikra", "title": "Zikra portal", "version": settings.VERSION, "websiteUrl": visit.address}


def _no_such_method(message: Message) -> ProtocolError:
    return ProtocolError(METHOD_NOT_FOUND, f"Method not found: {printable(message.method, 60)}")
