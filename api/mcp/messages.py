"""JSON-RPC 2.0 as the protocol narrows it: one object a message, ids that are strings or whole numbers, named params."""

from dataclasses import dataclass
from typing import Any

from mcp_types.jsonrpc import INVALID_PARAMS, INVALID_REQUEST, JSONRPC_VERSION

from api.arguments import printable

MessageId = str | int | None


class ProtocolError(Exception):
    """A message that is answered by an error of the protocol.

    code: JSON-RPC's or MCP's. status: the HTTP status where the transport fixes one; else the era decides.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        data: dict[str, Any] | None = None,
        status: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.status = status
        self.headers = headers or {}


@dataclass(frozen=True)
class Message:
    """A request, or a notification when `answered` is false: also what a client answers, which nobody here asked for."""

    method: str
    params: dict[str, Any]
    id: MessageId = None
    answered: bool = True


def read_message(value: Any) -> Message:
    """The message in a JSON value. Raises ProtocolError."""
    if not isinstance(value, dict):
        raise ProtocolError(INVALID_REQUEST, "A message must be a JSON object.", status=400)
    if value.get("jsonrpc") != JSONRPC_VERSION:
        raise ProtocolError(INVALID_REQUEST, 'A message must have "jsonrpc": "2.0".', status=400)
    method = value.get("method")
    if method is None and ("result" in value or "error" in value):
        return Message("", {}, answered=False)
    if not isinstance(method, str):
        raise ProtocolError(INVALID_REQUEST, "A message must name its `method` in a string.", status=400)
    if "id" in value and not _is_id(value["id"]):
        raise ProtocolError(INVALID_REQUEST, "An `id` must be a string or a whole number.", status=400)
    params = value.get("params")
    params = {} if params is None else params
    if not isinstance(params, dict):
        raise ProtocolError(INVALID_PARAMS, "`params` must be an object.", status=400)
    return Message(method, params, value.get("id"), answered="id" in value)


def readable_id(value: Any) -> MessageId:
    """The id that an answer to a broken message can bear."""
    found = value.get("id") if isinstance(value, dict) else None
    return found if _is_id(found) else None


def result_body(message_id: MessageId, result: dict[str, Any]) -> dict[str, Any]:
    """A result as it travels."""
    return {"jsonrpc": JSONRPC_VERSION, "id": message_id, "result": result}


def error_body(message_id: MessageId, error: ProtocolError) -> dict[str, Any]:
    """An error as it travels."""
    told: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        told["data"] = error.data
    return {"jsonrpc": JSONRPC_VERSION, "id": message_id, "error": told}


def _is_id(value: Any) -> bool:
    """Whether an id can be sent back: a whole number, or a string of whole characters."""
    if isinstance(value, str):
        return printable(value, len(value)) == value
    return isinstance(value, int) and not isinstance(value, bool)
