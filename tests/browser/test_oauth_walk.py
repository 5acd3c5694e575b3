"""The official SDK's client and a real browser: metadata, registration, login, consent, a tool call, renewal, the end."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import anyio
import anyio.to_thread
import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from playwright.sync_api import expect

from access.models import AuditEntry, ConnectedClient
from tests.api.oauth.conftest import documents as documents
from tests.browser.conftest import PASSWORD, PHONE, WALK, WIDE

pytestmark = WALK
WAIT_SECONDS = 60


@dataclass
class Notebook:
    """What an MCP client keeps between its starts."""

    tokens: OAuthToken | None = None
    client_info: OAuthClientInformationFull | None = None
    seen: list[OAuthToken] = field(default_factory=list)

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens
        self.seen.append(tokens)

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client_info

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client_info = client_info


class Program:
    """An MCP client on the member's machine: it listens for its answer and asks for a browser."""

    def __init__(self, portal: str, port: int, answers: "queue.Queue[dict[str, str]]") -> None:
        self.portal = portal
        self.redirect_uri = f"http://127.0.0.1:{port}/callback"
        self.answers = answers
        self.addresses: queue.Queue[str] = queue.Queue()
        self.notebook = Notebook()
        self.document: str | None = None
        self.known_provider: OAuthClientProvider | None = None

    def provider(self) -> OAuthClientProvider:
        """The SDK's side of OAuth, which lives as long as the program."""
        if self.known_provider is None:
            self.known_provider = self.new_provider()
        return self.known_provider

    def new_provider(self) -> OAuthClientProvider:
        described = OAuthClientMetadata(
            client_name="Walker",
            redirect_uris=[self.redirect_uri],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            token_endpoint_auth_method="none",
        )

        async def ask(address: str) -> None:
            self.addresses.put(address)

        async def answer() -> AuthorizationCodeResult:
            told = await anyio.to_thread.run_sync(lambda: self.answers.get(timeout=WAIT_SECONDS))
            return AuthorizationCodeResult(code=told.get("code", ""), state=told.get("state"), iss=told.get("iss"))

        return OAuthClientProvider(
            f"{self.portal}/mcp", described, self.notebook, ask, answer, client_metadata_url=self.document
        )

    def calls(self, tool: str, **arguments: Any) -> "Errand":
        """Call a tool in a thread of its own; the browser is the caller's."""

        async def walk() -> Any:
            async with httpx2.AsyncClient(auth=self.provider(), timeout=WAIT_SECONDS) as http:
                transport = streamable_http_client(f"{self.portal}/mcp", http_client=http)
                async with Client(transport, cache=None) as client:
                    return await client.call_tool(tool, arguments)

        return Errand(lambda: anyio.run(walk))


class Errand:
    """Work in a thread; `result` waits for it and raises what it raised."""

    def __init__(self, work: Any) -> None:
        self.outcome: queue.Queue[tuple[bool, Any]] = queue.Queue()
        threading.Thread(target=self._do, args=(work,), daemon=True).start()

    def _do(self, work: Any) -> None:
        try:
            self.outcome.put((True, work()))
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            self.outcome.put((False, error))

    def result(self) -> Any:
        done, value = self.outcome.get(timeout=WAIT_SECONDS)
        if not done:
            raise value
        return value


@contextmanager
def listening() -> Iterator[tuple[int, "queue.Queue[dict[str, str]]"]]:
    """A loopback listener for answers, as native programs have it."""
    answers: queue.Queue[dict[str, str]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - the name is the standard library's
            parts = urlsplit(self.path)
            if parts.path == "/callback":
                answers.put(dict(parse_qsl(parts.query)))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(
                b'<!DOCTYPE html><link rel="icon" href="data:,"><title>Back in the program</title><p>Done.'
            )

        def log_message(self, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, answers
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def program(live_server) -> Iterator[Program]:
    with listening() as (port, answers):
        yield Program(live_server.url, port, answers)


def log_in_when_asked(page, username):
    page.get_by_label("Username or email").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
def test_a_member_connects_a_client_which_works_renews_and_is_revoked(
    open_page, program, collaborator, app, javascript
):
    page = open_page(java_script_enabled=javascript)
    errand = program.calls("zikra_save_memory", title="From the web", content_md="Said in a chat.", memory_type="note")
    page.goto(program.addresses.get(timeout=WAIT_SECONDS))
    log_in_when_asked(page, "carl")
    expect(page.get_by_role("heading", name="Let a client in?")).to_be_visible()
    expect(page.get_by_text("Walker asks to use the team's memory in your name, carl.")).to_be_visible()
    expect(page.get_by_text("The answer goes to a program on your own machine")).to_be_visible()
    expect(page.get_by_role("radio", name="Admin")).to_have_count(0)
    page.get_by_role("button", name="Let it in").click()
    expect(page).to_have_title("Back in the program")
    saved = errand.result()
    assert (saved.is_error, saved.structured_content["action"]) == (False, "created")

    # An hour later by the program's own clock: it renews its token and needs no browser.
    program.known_provider.context.token_expiry_time = 1.0
    found = program.calls("zikra_search", query="said in a chat").result()
    assert [result["title"] for result in found.structured_content["results"]] == ["From the web"]
    assert program.addresses.empty()
    first, second = program.notebook.seen
    assert first.access_token != second.access_token
    assert first.refresh_token != second.refresh_token

    page.goto("/clients/")
    row = page.get_by_role("row", name="Walker")
    expect(row).to_contain_text("127.0.0.1")
    expect(row).to_contain_text("Collaborator")
    expect(row).to_contain_text("app")
    row.get_by_role("link", name="Revoke Walker").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("Revoked Walker; it is shut out.")).to_be_visible()
    assert page.request.post("/mcp", headers={"Authorization": f"Bearer {second.access_token}"}, data={}).status == 401
    renewed = page.request.post(
        "/oauth/token",
        form={
            "grant_type": "refresh_token", "refresh_token": second.refresh_token,
            "client_id": program.notebook.client_info.client_id,
        },
    )  # fmt: skip
    assert (renewed.status, renewed.json()["error"]) == (400, "invalid_grant")
    deeds = AuditEntry.objects.filter(command__in=["connect_client", "revoke_client"]).order_by("id")
    assert list(deeds.values_list("command", "caller", "door", "outcome")) == [
        ("connect_client", "carl", "page", "done"),
        ("revoke_client", "carl", "page", "done"),
    ]


def test_a_member_refuses_and_the_program_is_told(open_page, program, collaborator):
    page = open_page()
    errand = program.calls("zikra_help")
    page.goto(program.addresses.get(timeout=WAIT_SECONDS))
    log_in_when_asked(page, "carl")
    page.get_by_role("button", name="Refuse").click()
    expect(page).to_have_title("Back in the program")
    with pytest.raises(BaseExceptionGroup) as refusal:
        errand.result()
    assert "No authorization code received" in "".join(map(str, leaves(refusal.value)))
    assert ConnectedClient.objects.count() == 0


def leaves(error: BaseException) -> list[BaseException]:
    """The errors inside groups of errors."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]


def test_a_client_with_a_document_connects_without_registering(open_page, program, documents, owner, app):
    program.document = documents.client_id
    documents.serves(
        {"client_id": documents.client_id, "client_name": "Desk", "redirect_uris": ["http://127.0.0.1/callback"]}
    )
    page = open_page()
    errand = program.calls("zikra_help")
    page.goto(program.addresses.get(timeout=WAIT_SECONDS))
    log_in_when_asked(page, "olga")
    expect(page.get_by_text("The client describes itself at localhost.")).to_be_visible()
    page.get_by_role("radio", name="Guest").check()
    page.get_by_role("radio", name="Only these").check()
    page.get_by_role("checkbox", name="app").check()
    page.get_by_role("button", name="Let it in").click()
    expect(page).to_have_title("Back in the program")
    assert errand.result().is_error is False
    connection = ConnectedClient.objects.get()
    assert (str(connection.client), connection.token.role) == ("Desk", "guest")
    assert list(connection.token.projects.values_list("name", flat=True)) == ["app"]
    assert connection.client.client_id == documents.client_id


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_consent_and_the_list_fit_every_screen(open_page, program, owner, app, size, scheme):
    from access.models import Project

    Project.objects.bulk_create([Project(name=f"project-{number}-{'x' * 60}") for number in range(30)])
    page = open_page(size, scheme)
    errand = program.calls("zikra_help")
    page.goto(program.addresses.get(timeout=WAIT_SECONDS))
    log_in_when_asked(page, "olga")
    expect(page.get_by_role("heading", name="Let a client in?")).to_be_visible()
    # The heading is there before the style sheets are.
    page.wait_for_load_state("load")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.get_by_role("button", name="Let it in").click()
    expect(page).to_have_title("Back in the program")
    errand.result()
    for address in (
        "/clients/",
        f"/clients/{ConnectedClient.objects.get().pk}/revoke/",
    ):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
