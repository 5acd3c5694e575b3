"""Speaking to the MCP door: as the official SDK's client over real HTTP, and message by message."""

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx2
import pytest
from django.test import Client as DjangoClient
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.conftest import Person

STATELESS = "2026-07-28"
VERSIONS = ["2025-03-26", "2025-06-18", "2025-11-25", STATELESS]
META = {
    "io.modelcontextprotocol/protocolVersion": STATELESS,
    "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}

Visit = Callable[[Client], Awaitable[Any]]


@pytest.fixture
def visit(live_server, monkeypatch):
    """`visit(person, act, version)` connects the SDK's client in that revision, awaits act(client) and gives its result."""

    def visited(person: Person, act: Visit, version: str = STATELESS, **headers: str) -> Any:
        # The SDK offers its newest handshake; with this it is a client of the older revision.
        if version != STATELESS:
            monkeypatch.setattr("mcp.client.session.LATEST_HANDSHAKE_VERSION", version)

        async def walk() -> Any:
            sent = {"Authorization": f"Bearer {person.secret}", **headers}
            async with httpx2.AsyncClient(headers=sent, timeout=60) as http:
                transport = streamable_http_client(f"{live_server.url}/mcp", http_client=http)
                async with Client(transport, mode=version if version == STATELESS else "legacy", cache=None) as client:
                    assert client.protocol_version == version
                    return await act(client)

        return anyio.run(walk)

    return visited


@pytest.fixture
def post(client: DjangoClient):
    """`post(person, value)` posts any JSON value (or bytes) and gives the HTTP response."""

    def posted(person: Person | None, value: Any, path: str = "/mcp", **headers: str) -> Any:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        content_type = headers.pop("content_type", "application/json")
        credentials = person.authorization if person else {}
        return client.post(path, body, content_type=content_type, headers=headers, **credentials)

    return posted


@pytest.fixture
def request_of(post):
    """`request_of(person, method, **params)` sends one request of a revision and gives its result or error."""

    def requested(person: Person, method: str, version: str = STATELESS, **params: Any) -> dict[str, Any]:
        headers = {"mcp-protocol-version": version}
        if version == STATELESS:
            params = {**params, "_meta": META}
            headers["mcp-method"] = method
            named = params.get("uri") if method == "resources/read" else params.get("name")
            if named is not None:
                headers["mcp-name"] = header_value(named)
        answer = post(person, {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}, **headers).json()
        assert (answer["jsonrpc"], answer["id"]) == ("2.0", 7)
        return answer["error"] if "error" in answer else answer["result"]

    return requested


def header_value(text: str) -> str:
    """A name as it travels in a header: as it is, or in base64 where a header could not carry it."""
    return text if text.isascii() else f"=?base64?{base64.b64encode(text.encode()).decode()}?="


@pytest.fixture
def use(request_of):
    """`use(person, tool, **arguments)` calls a tool that must answer, and gives what it answers."""

    def used(person: Person, tool: str, **arguments: Any) -> Any:
        result = request_of(person, "tools/call", name=tool, arguments=arguments)
        assert result["isError"] is False, result
        return result["structuredContent"]

    return used
