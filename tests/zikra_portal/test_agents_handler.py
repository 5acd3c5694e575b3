"""Agents get the same answers from the handler with fewer middlewares as from Django's own."""

import json
from io import BytesIO

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_started
from django.db import close_old_connections, transaction
from django.urls import resolve

from api import urls
from api.mcp.view import mcp
from zikra_portal.agents_handler import AGENTS_ADDRESSES, AgentsHandler, by_address

pytestmark = pytest.mark.django_db

HOOK = "event=PostToolUse&agent=codex&project=app&session_id=s1&ingest_key=k1"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}
CALLS = [
    pytest.param("POST", "/hook", HOOK, {"tool_name": "Bash"}, "202 Accepted", id="a hook"),
    pytest.param(
        "POST",
        "/hook",
        "event=PostToolUse&project=skunkworks&session_id=s2",
        {},
        "403 Forbidden",
        id="a hook of a foreign project",
    ),
    pytest.param("GET", "/hook", "", None, "405 Method Not Allowed", id="the wrong method"),
    pytest.param("POST", "/hook/batch", "", [{"url": f"/hook?{HOOK}", "body": {}}], "200 OK", id="a batch"),
    pytest.param("GET", "/identity", "", None, "200 OK", id="identity"),
    pytest.param("GET", "/handoff", "agent=codex&project=app&session_id=s1", None, "200 OK", id="a handoff"),
    pytest.param("POST", "/webhook/zikra", "", {"command": "search", "query": "x"}, "200 OK", id="a search"),
    pytest.param("POST", "/webhook/zikra/", "", {"command": "search"}, "400 Bad Request", id="a search for nothing"),
    pytest.param("POST", "/webhook/zikra", "", {"command": "no such"}, "400 Bad Request", id="no command"),
    pytest.param("POST", "/mcp", "", INITIALIZE, "200 OK", id="mcp"),
    pytest.param("GET", "/mcp/", "", None, "405 Method Not Allowed", id="mcp's stream"),
]
# What differs from call to call.
OWN = ("X-Request-ID", "Mcp-Session-Id")


def answered(application, method: str, path: str, query: str, body, secret: str = "") -> tuple[str, dict, bytes]:
    """Status, headers and body, as a server of WSGI gets them."""
    sent = b"" if body is None else json.dumps(body).encode()
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_HOST": "localhost",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_ACCEPT": "application/json, text/event-stream",
        "HTTP_X_REQUEST_ID": "told-by-the-test",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(sent),
        "CONTENT_LENGTH": str(len(sent)),
        "CONTENT_TYPE": "application/json",
    }
    if secret:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    told: list = []
    # As Django's own test client does: else the request would begin by closing the connection of the test.
    request_started.disconnect(close_old_connections)
    try:
        response = application(environ, lambda status, headers, exc_info=None: told.extend((status, dict(headers))))
        text = b"".join(response)
    finally:
        request_started.connect(close_old_connections)
    return told[0], {name: value for name, value in told[1].items() if name not in OWN}, text


def test_what_breaks_in_a_view_is_logged_with_where_it_broke(collaborator, settings, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("nobody expected this")

    settings.ALLOWED_HOSTS = ["localhost"]
    monkeypatch.setattr("api.capture.views.keep_hooks", broken)
    with transaction.atomic():
        status, _, body = answered(AgentsHandler(), "POST", "/hook", HOOK, {}, collaborator.secret)

    assert (status, b"nobody expected this" in body) == ("500 Internal Server Error", False)
    logged = [record for record in caplog.records if record.name == "django.request"]
    assert [(record.levelname, record.getMessage()) for record in logged] == [("ERROR", "Internal Server Error: /hook")]
    assert logged[0].exc_info[0] is RuntimeError
    assert "in broken" in caplog.text


@pytest.mark.parametrize(("method", "path", "query", "body", "status"), CALLS)
def test_answers_are_those_of_the_whole_chain(
    method, path, query, body, status, collaborator, secret_project, settings
):
    settings.ALLOWED_HOSTS = ["localhost"]
    answers = []
    for handler in (WSGIHandler(), AgentsHandler()):
        with transaction.atomic():
            answers.append(answered(handler, method, path, query, body, collaborator.secret))
            transaction.set_rollback(True)
    assert answers[1] == answers[0]
    assert answers[0][0] == status


@pytest.mark.parametrize(("method", "path", "query", "body", "status"), CALLS)
def test_nobody_gets_in_without_a_token(method, path, query, body, status, settings):
    settings.ALLOWED_HOSTS = ["localhost"]
    refused = answered(AgentsHandler(), method, path, query, body)
    assert refused == answered(WSGIHandler(), method, path, query, body)
    assert refused[0] == (status if status == "405 Method Not Allowed" else "401 Unauthorized")


def test_an_unknown_host_is_refused_in_both(collaborator, settings):
    settings.ALLOWED_HOSTS = ["portal.example"]
    for handler in (AgentsHandler(), WSGIHandler()):
        assert answered(handler, "GET", "/identity", "", None, collaborator.secret)[0] == "400 Bad Request"


def test_each_address_goes_to_its_handler():
    application = by_address(lambda environ, _: ["agents"], lambda environ, _: ["pages"])
    told = {path: application({"PATH_INFO": path}, None) for path in (*AGENTS_ADDRESSES, "/handoffs/", "/", "/hook/")}
    assert told == {
        **dict.fromkeys(AGENTS_ADDRESSES, ["agents"]),
        "/handoffs/": ["pages"],
        "/": ["pages"],
        "/hook/": ["pages"],
    }


def test_every_address_that_takes_a_token_is_the_agents(settings):
    doors = {"api.capture.views", "api.views", "api.mcp.view"}
    found = {
        f"/{pattern.pattern}"
        for pattern in urls.urlpatterns
        if getattr(pattern.callback, "__module__", "") in doors
        or getattr(getattr(pattern.callback, "view_class", None), "__module__", "") in doors
    }
    assert found == AGENTS_ADDRESSES
    assert resolve("/mcp").func is mcp
