"""Claude Code, Codex, Gemini CLI and OpenCode with their files as docs/mcp.md prints them: they list the tools and search.

Each runs headless in a fresh home against a scripted model; what it got from the portal is read in what it then sent to
the model.
"""

import json
import re
from pathlib import Path

import pytest

from access.roles import Role
from api.mcp.instructions import INSTRUCTIONS
from api.mcp.tools import tool_name
from api.registry import registry
from tests.agents.conftest import AGENTS
from tests.agents.scripted_model import (
    Step,
    anthropic_results,
    anthropic_system,
    anthropic_tools,
    chat_results,
    chat_tools,
    gemini_results,
    gemini_tools,
    openai_results,
    openai_tools,
    scripted_model,
)

pytestmark = AGENTS
PAGE = (Path(__file__).parents[2] / "docs" / "mcp.md").read_text()
PRINTED_ADDRESS = "http://127.0.0.1:7723"
SEARCH = Step("zikra_search", {"query": "how do we sign tokens?"})
ASK = "How do we sign tokens?"


def printed(file: str) -> str:
    """The block that the page prints for a file."""
    found = re.search(rf"^`{re.escape(file)}`[^\n]*\n\n```\w+\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/mcp.md prints no block for {file}"
    return found[1]


@pytest.fixture
def write(home, live_server):
    """`write("~/.claude.json")` puts the page's block there, with this portal's address."""

    def written(file: str, before: str = "") -> Path:
        path = home / file.removeprefix("~/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(before + printed(file).replace(PRINTED_ADDRESS, live_server.url))
        return path

    return written


def tools_of_a_collaborator() -> set[str]:
    """What the portal lists for the role."""
    may = {tool_name(command) for command in registry.all() if Role.COLLABORATOR.includes(command.role)}
    return may | {"search", "fetch"}


def tools_of_an_owner() -> set[str]:
    """Every tool there is."""
    return {tool_name(command) for command in registry.all()} | {"search", "fetch"}


def check(names: set[str], results: set[str], prefix: str) -> None:
    """The client offered every tool of the role and no other, and told its model what the search found."""
    assert {name.removeprefix(prefix) for name in names} & tools_of_an_owner() == tools_of_a_collaborator()
    assert len(results) == 1
    (answer,) = results
    assert "Tokens are signed with RS256" in answer
    assert "services verify them without the secret" in answer


def test_claude_code(run, write, home, decision, collaborator):
    write("~/.claude.json")
    write("~/.claude/settings.json")
    with scripted_model(SEARCH) as model:
        done = run(
            *("claude", "-p", ASK, "--output-format", "json"),
            ANTHROPIC_BASE_URL=model.address,
            ANTHROPIC_API_KEY="scripted",
            ZIKRA_TOKEN=collaborator.secret,
            CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
            DISABLE_TELEMETRY="1",
            DISABLE_AUTOUPDATER="1",
        )

    assert done.returncode == 0, done.stdout + done.stderr
    check(model.heard(anthropic_tools), model.heard(anthropic_results), "mcp__zikra__")
    # Whole: it cuts what is longer than 2,048 characters.
    assert INSTRUCTIONS.strip() in "\n".join(model.heard(anthropic_system))


def test_codex(run, write, home, decision, collaborator):
    provider = """\
model = "scripted"
model_provider = "scripted"

[model_providers.scripted]
name = "scripted"
base_url = "ADDRESS/v1"
env_key = "OPENAI_API_KEY"
wire_api = "responses"

"""
    with scripted_model(SEARCH) as model:
        write("~/.codex/config.toml", provider.replace("ADDRESS", model.address))
        done = run(
            *("codex", "exec", "--skip-git-repo-check", ASK),
            OPENAI_API_KEY="scripted",
            ZIKRA_TOKEN=collaborator.secret,
        )

    assert done.returncode == 0, done.stdout + done.stderr
    check(model.heard(openai_tools), model.heard(openai_results), "")


def test_gemini_cli(run, write, home, decision, collaborator):
    path = write("~/.gemini/settings.json")
    settings = json.loads(path.read_text()) | {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    path.write_text(json.dumps(settings))
    with scripted_model(SEARCH) as model:
        done = run(
            *("gemini", "--skip-trust", "-p", ASK),
            GEMINI_API_KEY="scripted",
            GOOGLE_GEMINI_BASE_URL=model.address,
            ZIKRA_TOKEN=collaborator.secret,
        )

    assert done.returncode == 0, done.stdout + done.stderr
    check(model.heard(gemini_tools), model.heard(gemini_results), "mcp_zikra_")


def test_opencode(run, write, decision, collaborator):
    path = write("~/.config/opencode/opencode.json")
    with scripted_model(SEARCH) as model:
        options = {"baseURL": f"{model.address}/v1", "apiKey": "scripted"}
        provider = {"npm": "@ai-sdk/openai-compatible", "options": options, "models": {"scripted": {}}}
        path.write_text(json.dumps(json.loads(path.read_text()) | {"provider": {"scripted": provider}}))
        done = run(
            *("opencode", "run", "--model", "scripted/scripted", ASK),
            ZIKRA_TOKEN=collaborator.secret,
            OPENCODE_DISABLE_MODELS_FETCH="1",
            OPENCODE_DISABLE_AUTOUPDATE="1",
        )

    assert done.returncode == 0, done.stdout + done.stderr
    check(model.heard(chat_tools), model.heard(chat_results), "zikra_")
