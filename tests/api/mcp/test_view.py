"""The door as plain HTTP: methods, bodies, origins, credentials, batches."""

import json

import pytest
from django.db import OperationalError

from access.models import AuditEntry
from tests.api.mcp.conftest import META, STATELESS

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
LISTED = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
CHALLENGE = 'Bearer resource_metadata="http://testserver/.well-known/oauth-protected-resource/mcp", scope="zikra"'

pytestmark = pytest.mark.django_db


def error_of(response):
    error = response.json()["error"]
    return response.status_code, error["code"], error["message"]


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_both_addresses_answer_without_a_redirect(post, collaborator, path):
    response = post(collaborator, PING, path)

    assert (response.status_code, response.json()) == (200, {"jsonrpc": "2.0", "id": 1, "result": {}})
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["get", "delete", "put", "patch", "head"])
def test_there_is_no_stream_to_open_and_no_session_to_end(client, method):
    response = getattr(client, method)("/mcp", headers={"accept": "text/event-stream"})

    assert (response.status_code, response.headers["Allow"]) == (405, "POST, OPTIONS")


def test_who_has_no_token_is_told_where_to_get_one(post, client):
    assert post(None, PING).status_code == 401
    assert post(None, PING).headers["WWW-Authenticate"] == CHALLENGE
    assert post(None, PING).json() == {"detail": "Unauthorized"}
    wrong = post(None, PING, authorization="Bearer zikra_0000000000_wrong")
    assert wrong.status_code == 401
    assert wrong.headers["WWW-Authenticate"] == CHALLENGE.replace("Bearer ", 'Bearer error="invalid_token", ')


def test_behind_a_public_address_the_metadata_is_there(post, settings):
    settings.PORTAL_URL = "https://zikra.example.com"

    challenge = post(None, PING).headers["WWW-Authenticate"]

    assert challenge == CHALLENGE.replace("http://testserver", "https://zikra.example.com")


def test_a_token_in_the_query_or_a_session_opens_nothing(client, collaborator):
    client.force_login(collaborator.member)

    response = client.post(f"/mcp?token={collaborator.secret}", json.dumps(PING), content_type="application/json")

    assert response.status_code == 401


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("http://localhost:6274", 200),
        ("http://127.0.0.1", 200),
        ("http://[::1]:8080", 200),
        ("https://zikra.example.com", 200),
        ("https://tools.example.org", 200),
        ("http://evil.example.net", 403),
        ("http://localhost.evil.example.net", 403),
        ("https://zikra.example.com.evil.net", 403),
        ("null", 403),
        ("file:///etc/passwd", 403),
        ("http://[", 403),
        ("", 403),
    ],
)
def test_pages_of_strangers_are_not_answered(post, collaborator, settings, origin, status):
    settings.PORTAL_URL = "https://zikra.example.com"
    settings.CSRF_TRUSTED_ORIGINS = ["https://*.example.org"]

    headers = {} if origin is None else {"origin": origin}

    assert post(collaborator, PING, **headers).status_code == status


def test_an_allowed_page_may_ask_and_read(client, post, collaborator):
    origin = "http://localhost:6274"
    asked = client.options("/mcp", headers={"origin": origin, "access-control-request-method": "POST"})
    answered = post(collaborator, PING, origin=origin)
    refused = post(None, PING, origin=origin)

    assert (asked.status_code, asked.headers["Access-Control-Allow-Methods"]) == (204, "POST")
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    for response in (asked, answered, refused):
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert "Origin" in response.headers["Vary"]
        assert "WWW-Authenticate" in response.headers["Access-Control-Expose-Headers"]
    assert (answered.status_code, refused.status_code) == (200, 401)


def test_a_stranger_s_page_may_not_even_ask(client, post, collaborator):
    asked = client.options("/mcp", headers={"origin": "http://evil.example.net"})
    posted = post(collaborator, PING, origin="http://evil.example.net")

    assert [(one.status_code, one.headers.get("Access-Control-Allow-Origin")) for one in (asked, posted)] == [
        (403, None)
    ] * 2
    assert "Access-Control-Allow-Origin" not in post(collaborator, PING).headers


def test_a_stranger_s_page_that_renames_itself_to_this_machine_is_not_answered(post, collaborator):
    response = post(collaborator, PING, origin="http://evil.example.net", host="evil.example.net")

    assert error_of(response) == (403, -32600, "This Origin is not allowed.")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b" ", (400, -32700, "Request body is not valid JSON")),
        (b"{", (400, -32700, "Request body is not valid JSON")),
        (b"[" * 100_000, (400, -32700, "Request body is not valid JSON")),
        (b'{"jsonrpc": "2.0", "id": NaN, "method": "ping"}', (400, -32700, "Request body is not valid JSON")),
        ("ping", (400, -32600, "A message must be a JSON object.")),
        ({"id": 1, "method": "ping"}, (400, -32600, 'A message must have "jsonrpc": "2.0".')),
        ({**PING, "jsonrpc": "1.0"}, (400, -32600, 'A message must have "jsonrpc": "2.0".')),
        ({"jsonrpc": "2.0", "id": 1}, (400, -32600, "A message must name its `method` in a string.")),
        ({**PING, "method": 3}, (400, -32600, "A message must name its `method` in a string.")),
        ({**PING, "id": None}, (400, -32600, "An `id` must be a string or a whole number.")),
        ({**PING, "id": True}, (400, -32600, "An `id` must be a string or a whole number.")),
        ({**PING, "id": 1.5}, (400, -32600, "An `id` must be a string or a whole number.")),
        ({**PING, "id": "\ud800"}, (400, -32600, "An `id` must be a string or a whole number.")),
        ({**PING, "params": [1]}, (400, -32602, "`params` must be an object.")),
        ({**PING, "method": "tools/steal"}, (200, -32601, "Method not found: tools/steal")),
        ({**PING, "method": "\x00\ud800"}, (200, -32601, "Method not found: ??")),
        ({**PING, "method": "server/discover"}, (200, -32601, "Method not found: server/discover")),
        ({**PING, "method": "logging/setLevel"}, (200, -32601, "Method not found: logging/setLevel")),
        ({**PING, "method": "tools/call"}, (200, -32602, "Invalid params: params.name: Field required")),
        (
            {**PING, "method": "tools/call", "params": {"name": "zikra_search", "arguments": []}},
            (200, -32602, "Invalid params: params.arguments: Input should be a valid dictionary"),
        ),
        (
            {**PING, "method": "tools/list", "params": {"cursor": "abc"}},
            (200, -32602, "Invalid cursor: send the nextCursor of the page before, or none."),
        ),
    ],
)
def test_what_is_no_message_is_refused_in_words(post, collaborator, body, told):
    assert error_of(post(collaborator, body)) == told


def test_a_body_too_large_is_not_read(post, collaborator, settings):
    settings.MAX_BODY_BYTES = 100

    assert error_of(post(collaborator, {**PING, "pad": "x" * 100})) == (
        413,
        -32600,
        "Request body is larger than 100 bytes.",
    )


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_read(post, collaborator, content_type):
    response = post(collaborator, PING, content_type=content_type)

    assert error_of(response) == (415, -32600, "Content-Type must be application/json.")
    assert post(collaborator, PING, content_type="Application/JSON; charset=utf-8").status_code == 200


@pytest.mark.parametrize(
    "message",
    [
        INITIALIZED,
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
        {"jsonrpc": "2.0", "method": "nothing/known"},
        {"jsonrpc": "2.0", "id": 4, "result": {}},
    ],
)
def test_what_wants_no_answer_is_accepted_with_none(post, collaborator, message):
    response = post(collaborator, message)

    assert (response.status_code, response.content) == (202, b"")


def test_only_the_oldest_revision_has_batches(post, collaborator):
    both = post(collaborator, [PING, INITIALIZED, LISTED])

    assert (both.status_code, [answer["id"] for answer in both.json()]) == (200, [1, 2])
    assert post(collaborator, [INITIALIZED]).status_code == 202
    for version in ("2025-06-18", "2025-11-25", STATELESS):
        refused = post(collaborator, [PING], **{"mcp-protocol-version": version})
        assert error_of(refused) == (400, -32600, f"Send one message a request: {version} has no batches.")


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        ([], "Send 1 to 50 messages at once."),
        ([PING] * 51, "Send 1 to 50 messages at once."),
        ([PING, {"jsonrpc": "2.0", "id": 2, "method": "initialize"}], "Send initialize alone."),
    ],
)
def test_a_batch_has_bounds(post, collaborator, batch, words):
    assert error_of(post(collaborator, batch)) == (400, -32600, words)


def test_each_broken_message_of_a_batch_is_told_apart(post, collaborator):
    answers = post(collaborator, [PING, {"id": 5}, {**PING, "id": 6, "method": "x"}]).json()

    assert [(answer["id"], answer.get("error", {}).get("code")) for answer in answers] == [
        (1, None),
        (5, -32600),
        (6, -32601),
    ]


@pytest.mark.parametrize("version", ["2024-11-05", "2099-01-01", "latest", ""])
def test_an_unknown_revision_is_told_the_known_ones(post, collaborator, version):
    response = post(collaborator, PING, **{"mcp-protocol-version": version})

    assert (response.status_code, response.json()["id"]) == (400, 1)
    assert response.json()["error"] == {
        "code": -32022,
        "message": "Unsupported protocol version: this server speaks 2026-07-28, 2025-11-25, 2025-06-18, 2025-03-26.",
        "data": {"supported": ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"], "requested": version},
    }


@pytest.mark.parametrize(
    ("params", "headers", "told"),
    [
        ({}, {"mcp-method": "tools/list"}, (400, -32602)),
        ({"_meta": {}}, {"mcp-method": "tools/list"}, (400, -32602)),
        ({"_meta": META}, {}, (400, -32020)),
        ({"_meta": META}, {"mcp-method": "TOOLS/LIST"}, (400, -32020)),
        ({"_meta": META | {"io.modelcontextprotocol/protocolVersion": "2025-11-25"}}, {"mcp-method": "tools/list"}, (400, -32020)),
        ({"_meta": META | {"io.modelcontextprotocol/protocolVersion": 3}}, {"mcp-method": "tools/list"}, (400, -32020)),
        ({"_meta": META}, {"mcp-method": "tools/list", "mcp-protocol-version": "2025-11-25"}, (400, -32020)),
    ],
)  # fmt: skip
def test_a_request_of_the_stateless_era_must_not_contradict_itself(post, collaborator, params, headers, told):
    response = post(collaborator, {**LISTED, "params": params}, **{"mcp-protocol-version": STATELESS, **headers})

    assert error_of(response)[:2] == (told if "mcp-protocol-version" not in headers else (200, -32020))
    assert response.json()["id"] == 2


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("zikra_version", 200), ("=?base64?emlrcmFfdmVyc2lvbg==?=", 200), ("zikra_search", 400), ("ZIKRA_VERSION", 400),
        ("=?base64?emlrcmFfdmVyc2lvbg?=", 400), ("=?base64?/w==?=", 400), (None, 400),
    ],
)  # fmt: skip
def test_the_name_in_the_header_is_the_tool_s(post, collaborator, name, status):
    headers = {"mcp-protocol-version": STATELESS, "mcp-method": "tools/call", **({"mcp-name": name} if name else {})}
    call = {**LISTED, "method": "tools/call", "params": {"name": "zikra_version", "arguments": {}, "_meta": META}}

    assert post(collaborator, call, **headers).status_code == status


@pytest.mark.parametrize("method", ["initialize", "ping", "logging/setLevel", "resources/subscribe", "nothing"])
def test_what_the_stateless_era_has_not_is_not_found(post, collaborator, method):
    headers = {"mcp-protocol-version": STATELESS, "mcp-method": method}

    response = post(collaborator, {"jsonrpc": "2.0", "id": "a", "method": method, "params": {"_meta": META}}, **headers)

    assert error_of(response) == (404, -32601, f"Method not found: {method}")
    assert response.json()["id"] == "a"


@pytest.mark.parametrize(
    ("wanted", "agreed"),
    [
        ("2025-03-26", "2025-03-26"), ("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-11-25"),
        ("2024-11-05", "2025-11-25"), ("2026-07-28", "2025-11-25"), ("1.0", "2025-11-25"),
    ],
)  # fmt: skip
def test_a_handshake_settles_on_a_revision_that_both_speak(post, collaborator, wanted, agreed):
    hello = {"protocolVersion": wanted, "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}}

    result = post(collaborator, {**PING, "method": "initialize", "params": hello}).json()["result"]

    assert (result["protocolVersion"], sorted(result["capabilities"])) == (agreed, ["prompts", "resources", "tools"])


def test_a_database_that_is_away_is_said_so(post, collaborator, monkeypatch):
    def away(secret):
        raise OperationalError("no server")

    monkeypatch.setattr("api.authentication.token_for_secret", away)
    response = post(collaborator, PING)

    assert error_of(response)[:2] == (503, -32603)
    assert response.headers["Retry-After"] == "2"


@pytest.mark.usefixtures("within_one_minute")
def test_a_token_whose_minute_is_used_up_is_told_when_to_come_back(post, request_of, collaborator):
    collaborator.token.rate_per_minute = 1
    collaborator.token.save()
    first = request_of(collaborator, "resources/list")
    second = post(collaborator, {**LISTED, "method": "prompts/list"})
    third = request_of(collaborator, "tools/call", name="zikra_version", arguments={})

    assert first["resources"] == []
    assert error_of(second)[:2] == (429, -32603)
    assert 1 <= int(second.headers["Retry-After"]) <= 60
    assert (third["isError"], third["content"][0]["text"].split(".")[0]) == (
        True,
        "Rate limit of 1 commands a minute is reached",
    )


def test_calls_are_audited_at_the_door_mcp(use, request_of, collaborator):
    use(collaborator, "zikra_save_memory", title="Kept", content_md="Yes.", memory_type="note")
    request_of(collaborator, "tools/call", name="zikra_delete_memory", arguments={"title": "Kept"})
    request_of(collaborator, "tools/call", name="zikra_\x00nothing", arguments={})

    rows = AuditEntry.objects.order_by("id").values_list("door", "command", "outcome", "status")
    assert list(rows) == [
        ("mcp", "save_memory", "done", 200),
        ("mcp", "delete_memory", "refused", 403),
        ("mcp", "", "invalid", 400),
    ]


def test_the_runner_in_the_header_fills_the_argument(use, post, collaborator):
    call = {"name": "zikra_start_run", "arguments": {"session_id": "s1"}}
    post(collaborator, {**LISTED, "method": "tools/call", "params": call}, **{"x-zikra-runner": "codex on anvil"})
    named = {"name": "zikra_start_run", "arguments": {"session_id": "s2", "runner": "gemini"}}
    post(collaborator, {**LISTED, "method": "tools/call", "params": named}, **{"x-zikra-runner": "codex on anvil"})

    runs = use(collaborator, "zikra_active_runs")["runs"]

    assert {row["session_id"]: row["runner"] for row in runs} == {"s1": "codex on anvil", "s2": "gemini"}
