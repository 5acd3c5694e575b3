"""Cursors of long lists: opaque to clients, a place in the order to us."""

import base64
import binascii
import json
from typing import Any

from mcp_types.jsonrpc import INVALID_PARAMS

from api.mcp.messages import ProtocolError

PAGE_SIZE = 50


def cursor_of(place: list[Any]) -> str:
    """A place as a cursor."""
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def place_in(cursor: str) -> list[Any]:
    """The place that a cursor of ours names. Raises ProtocolError for any other string."""
    try:
        place = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise bad_cursor() from None
    if not isinstance(place, list):
        raise bad_cursor()
    return place


def bad_cursor() -> ProtocolError:
    """The error for a cursor that this server did not give."""
    return ProtocolError(INVALID_PARAMS, "Invalid cursor: send the nextCursor of the page before, or none.")
