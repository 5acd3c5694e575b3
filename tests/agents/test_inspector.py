"""MCP Inspector's command line against the running portal."""

import json
from typing import Any

import pytest

from access.roles import Role
from api.mcp.tools import tool_name
from api.registry import registry
from memories.saving import save_memory
from tests.agents.conftest import AGENTS

pytestmark = AGENTS
TOOL_IS_ERROR = 5


@pytest.fixture
def inspect(run, live_server, collaborator):
    """`inspect("tools/list", …)` asks as the collaborator; gives the exit status, the answer and what it complained of."""

    def inspected(method: str, *options: str, secret: str = collaborator.secret) -> tuple[int, Any, str]:
        done = run(
            *("mcp-inspector", "--cli", f"{live_server.url}/mcp", "--transport", "http"),
            *("--header", f"Authorization: Bearer {secret}", "--method", method, *options),
        )
        return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None, done.stderr

    return inspected


def test_every_tool_of_the_role_is_listed_and_no_schema_is_complained_of(inspect):
    status, answer, complaints = inspect("tools/list", "--strict")

    may = [tool_name(command) for command in registry.all() if Role.COLLABORATOR.includes(command.role)]
    assert (status, complaints) == (0, "")
    assert [tool["name"] for tool in answer["tools"]] == [*may, "search", "fetch"]


def test_a_tool_answers(inspect, decision):
    status, answer, _ = inspect("tools/call", "--tool-name", "zikra_search", "--tool-arg", "query=signed tokens")

    assert (status, answer["isError"]) == (0, False)
    assert [row["id"] for row in answer["structuredContent"]["results"]] == [str(decision.pk)]


def test_a_refusal_is_an_error_in_words(inspect):
    status, answer, complaints = inspect(
        "tools/call", "--tool-name", "zikra_save_memory", "--tool-arg", "content_md=No title."
    )

    assert (status, answer["isError"]) == (TOOL_IS_ERROR, True)
    assert answer["content"][0]["text"].startswith("title is required")
    assert "tool_is_error" in complaints


def test_resources_and_prompts_are_listed_and_read(inspect, collaborator, app, decision):
    save_memory(collaborator.caller, app, "prompt", "Review a migration", content_md="Read it twice.")

    uri = f"zikra://memory/{decision.pk}"
    listed = inspect("resources/list")[1]["resources"]
    read = inspect("resources/read", "--uri", uri)[1]["contents"]
    got = inspect("prompts/get", "--prompt-name", "review-a-migration")[1]["messages"]

    assert [row["uri"] for row in listed][1:] == [uri]
    assert [row["text"].partition("\n")[0] for row in read] == ["# Tokens are signed with RS256"]
    assert [message["content"]["text"] for message in got] == ["Read it twice."]


def test_a_wrong_token_reaches_nothing(inspect):
    status, answer, complaints = inspect("tools/list", secret="zikra_0000000000_wrong")

    assert (status != 0, answer) == (True, None)
    assert "401" in complaints or "Unauthorized" in complaints or "auth" in complaints
