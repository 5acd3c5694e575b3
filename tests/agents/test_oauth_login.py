"""Claude Code and Codex with no token at all: they register, a member lets them in, and they search with what they got.

Both would rather name themselves by the address of a document on the internet; without one the portal offers
registration, as one without a way to the internet does.
"""

import json
import os
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from playwright.sync_api import expect

from access.models import ConnectedClient
from tests.agents.conftest import AGENTS, RUN_SECONDS
from tests.agents.installing import programs
from tests.agents.scripted_model import Step, anthropic_results, openai_results, scripted_model
from tests.agents.terminal import Terminal, at_a_terminal
from tests.browser.conftest import PASSWORD, WALK
from tests.browser.conftest import browser as browser

pytestmark = [*AGENTS, *WALK]
SEARCH = Step("zikra_search", {"query": "how do we sign tokens?"})
ASK = "How do we sign tokens?"
ADDRESS = re.compile(r"http://\S+?/oauth/authorize\?[^\s\x1b]+")
# No line may be broken: the address stands in one.
UNBROKEN = 2000
QUIET = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_TELEMETRY": "1", "DISABLE_AUTOUPDATER": "1"}


def address_in(terminal: Terminal) -> str:
    """Where it wants a browser to go; waits until a whole line says so."""
    until = time.monotonic() + RUN_SECONDS
    while time.monotonic() < until and terminal.process.poll() is None:
        found = ADDRESS.search(terminal.text)
        if found and terminal.text[found.end() : found.end() + 1]:
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"no address in {terminal.text!r}")


@pytest.fixture
def login(home) -> Callable[..., AbstractContextManager[Terminal]]:
    """`with login("codex", "mcp", "login", "zikra") as terminal` runs a client at a wide terminal."""

    def running(name: str, *arguments: str) -> AbstractContextManager[Terminal]:
        place = programs()
        environment = {
            "PATH": f"{place}{os.pathsep}/usr/local/bin{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(home),
            "TERM": "xterm",
            "COLUMNS": str(UNBROKEN),
            **QUIET,
        }
        return at_a_terminal([str(place / name), *arguments], environment, home, UNBROKEN)

    return running


@pytest.fixture
def let_in(browser, settings) -> Callable[[Terminal], None]:
    """A member opens the address that a client names, logs in and lets it in."""
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "CIMD_ENABLED": False}

    def consent(terminal: Terminal) -> None:
        page = browser.new_page()
        page.goto(address_in(terminal))
        page.get_by_label("Username or email").fill("carl")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_text("The answer goes to a program on your own machine")).to_be_visible()
        # The program answers the browser and may stop listening at once.
        page.get_by_role("button", name="Let it in").click(no_wait_after=True)
        assert terminal.process.wait(timeout=RUN_SECONDS) == 0, terminal.text
        page.close()

    return consent


def check(results: set[str], name: str) -> None:
    """The client told its model what the search found, with a token of its own."""
    assert "Tokens are signed with RS256" in "\n".join(results)
    connection = ConnectedClient.objects.get()
    assert str(connection.client).startswith(name)
    assert (connection.state, connection.token.role, connection.token.label.partition(",")[0]) == (
        "connected", "collaborator", "carl",
    )  # fmt: skip


def test_codex_logs_in_and_searches(login, let_in, run, home, live_server, decision, collaborator):
    with scripted_model(SEARCH) as model:
        (home / ".codex").mkdir()
        (home / ".codex" / "config.toml").write_text(f"""\
model = "scripted"
model_provider = "scripted"
mcp_oauth_credentials_store = "file"

[model_providers.scripted]
name = "scripted"
base_url = "{model.address}/v1"
env_key = "OPENAI_API_KEY"
wire_api = "responses"

[mcp_servers.zikra]
url = "{live_server.url}/mcp"
default_tools_approval_mode = "approve"
""")
        with login("codex", "mcp", "login", "zikra") as terminal:
            let_in(terminal)
        done = run("codex", "exec", "--skip-git-repo-check", ASK, OPENAI_API_KEY="scripted")

    assert done.returncode == 0, done.stdout + done.stderr
    check(model.heard(openai_results), "Codex")


def test_claude_code_logs_in_and_searches(login, let_in, run, home, live_server, decision, collaborator):
    server = {"type": "http", "url": f"{live_server.url}/mcp"}
    (home / ".claude.json").write_text(json.dumps({"mcpServers": {"zikra": server}}))
    with login("claude", "mcp", "login", "zikra") as terminal:
        let_in(terminal)
    with scripted_model(SEARCH) as model:
        done = run(
            *("claude", "-p", ASK, "--allowedTools", "mcp__zikra__zikra_search", "--output-format", "json"),
            ANTHROPIC_BASE_URL=model.address,
            ANTHROPIC_API_KEY="scripted",
            **QUIET,
        )

    assert done.returncode == 0, done.stdout + done.stderr
    check(model.heard(anthropic_results), "Claude Code")
