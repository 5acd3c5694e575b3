"""Which revision of the protocol a message speaks, and what that revision wants of its headers.

Two eras share the address. Until 2025-11-25 a client shakes hands by `initialize` and then names the revision in a
header; from 2026-07-28 each request stands alone, names the revision in `_meta` too, and repeats its method and the name
it asks for in headers, so that a gateway can route without reading bodies.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from mcp_types import CLIENT_CAPABILITIES_META_KEY, PROTOCOL_VERSION_META_KEY
from mcp_types.jsonrpc import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    PARSE_ERROR,
    UNSUPPORTED_PROTOCOL_VERSION,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from api.mcp.messages import Message, ProtocolError

# Streamable HTTP came with this revision; it is also what a request without the header speaks.
OLDEST = "2025-03-26"
HANDSHAKE = HANDSHAKE_PROTOCOL_VERSIONS[HANDSHAKE_PROTOCOL_VERSIONS.index(OLDEST) :]
STATELESS = MODERN_PROTOCOL_VERSIONS
SUPPORTED = [*reversed(STATELESS), *reversed(HANDSHAKE)]

VERSION_HEADER, METHOD_HEADER, NAME_HEADER = "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name"
# Which param the name header repeats.
NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
ENCODED = re.compile(r"=\?base64\?(?P<text>[A-Za-z0-9+/=]*)\?=")

# The stateless era tells an error's kind by the HTTP status too; the other one answers 200 to whatever it could read.
STATELESS_STATUS = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    HEADER_MISMATCH: 400,
    MISSING_REQUIRED_CLIENT_CAPABILITY: 400,
    UNSUPPORTED_PROTOCOL_VERSION: 400,
    METHOD_NOT_FOUND: 404,
}


def version_in_header(headers: Mapping[str, str]) -> str:
    """The revision that a request's header names; without one it is the oldest. Raises ProtocolError."""
    named = headers.get(VERSION_HEADER, OLDEST)
    if named not in SUPPORTED:
        raise ProtocolError(
            UNSUPPORTED_PROTOCOL_VERSION,
            f"Unsupported protocol version: this server speaks {', '.join(SUPPORTED)}.",
            data={"supported": SUPPORTED, "requested": named[:40]},
            status=400,
        )
    return named


def check_envelope(version: str, headers: Mapping[str, str], message: Message) -> None:
    """Raise ProtocolError unless a request carries what its era wants and does not contradict itself."""
    meta = message.params.get("_meta")
    named = meta.get(PROTOCOL_VERSION_META_KEY) if isinstance(meta, dict) else None
    if version not in STATELESS:
        if named in STATELESS:
            raise _mismatch(f"_meta speaks {named}, and the header {VERSION_HEADER} does not say so")
        return
    _check_meta(meta)
    if named != version:
        raise _mismatch(f"{VERSION_HEADER} says {version}, and _meta another protocol version")
    if headers.get(METHOD_HEADER) != message.method:
        raise _mismatch(f"{METHOD_HEADER} must repeat the method")
    param = NAMED_BY.get(message.method)
    if param and message.params.get(param) is not None and _name_in_header(headers) != message.params[param]:
        raise _mismatch(f"{NAME_HEADER} must repeat params.{param}")


def agreed_version(wanted: Any) -> str:
    """The revision that a handshake settles on: the client's, or the newest that knows handshakes."""
    return wanted if wanted in HANDSHAKE else HANDSHAKE[-1]


def status_of(error: ProtocolError, version: str) -> int:
    """The HTTP status of an error."""
    if error.status is not None:
        return error.status
    return STATELESS_STATUS.get(error.code, 200) if version in STATELESS else 200


def _check_meta(meta: Any) -> None:
    needed = (PROTOCOL_VERSION_META_KEY, CLIENT_CAPABILITIES_META_KEY)
    missing = [key for key in needed if not isinstance(meta, dict) or key not in meta]
    if missing:
        raise ProtocolError(INVALID_PARAMS, f"params._meta must hold {' and '.join(missing)}.")


def _name_in_header(headers: Mapping[str, str]) -> str | None:
    """The name header's value, decoded where it is marked as base64; None where it is missing or broken."""
    sent = headers.get(NAME_HEADER)
    encoded = ENCODED.fullmatch(sent) if sent else None
    if encoded is None:
        return sent
    try:
        return base64.b64decode(encoded["text"], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _mismatch(what: str) -> ProtocolError:
    return ProtocolError(HEADER_MISMATCH, f"Header mismatch: {what}.")
