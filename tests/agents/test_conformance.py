"""The protocol's own conformance suite against the running portal.

Many of its checks ask for tools, prompts and resources that a server made for the suite has ("test_simple_text" …); those
that an ordinary server cannot meet are listed here, so that any other failure, and any of these that passes, is seen.
"""

import json
import re
from pathlib import Path

import pytest

from tests.agents.bearer_door import bearer_door
from tests.agents.conftest import AGENTS

pytestmark = AGENTS
# The suite's directories: the scenario and the moment.
RESULTS_OF = re.compile(r"server-(.+?)-\d{4}-\d\d-\d\dT[\d-]+Z")
SCENARIO_MILLISECONDS = 120_000

# Checks that call a tool, prompt or resource of the suite's own server.
NEEDS_THE_SUITE_S_SERVER = {
    *("tools-call-simple-text", "tools-call-image", "tools-call-audio", "tools-call-embedded-resource"),
    *("tools-call-mixed-content", "tools-call-error", "tools-call-with-progress"),
    *("resources-read-text", "resources-read-binary", "resources-templates-read"),
    *("prompts-get-simple", "prompts-get-with-args", "prompts-get-embedded-resource", "prompts-get-with-image"),
}
# What the server declares no capability for: it neither logs to clients, asks them anything, completes words nor pushes.
NOT_OFFERED = {"completion-complete"}
HANDSHAKE_ONLY = {
    *("logging-set-level", "tools-call-with-logging", "tools-call-sampling", "tools-call-elicitation"),
    *("resources-subscribe", "resources-unsubscribe"),
}
FROM_2025_11_25 = {
    "json-schema-2020-12-tool-found",
    *("elicitation-sep1034-general", "elicitation-sep1330-general"),
    # Warnings: streams are for servers with sessions, and this one keeps none.
    *("server-sse-multiple-streams-session", "server-sse-polling-session"),
}
FROM_2026_07_28 = {
    "json-schema-2020-12-tool-found",
    # A tool with an argument that must be repeated in a header.
    *("sep-2243-server-no-xmcp-tool", "sep-2243-server-decode-base64", "sep-2243-server-validate-param-match"),
    *("sep-2243-server-reject-invalid-param-chars", "sep-2243-server-reject-param-mismatch"),
    # Tools that ask the client something before they answer.
    *("sep-2322-elicitation-incomplete", "sep-2322-list-roots-incomplete", "sep-2322-sampling-incomplete"),
    *("sep-2322-respect-client-capabilities", "sep-2322-ignore-unexpected-params"),
    *("sep-2322-missing-response-rerequests", "sep-2322-multi-round-r1", "sep-2322-multiple-inputs-incomplete"),
    *("sep-2322-non-tool-incomplete", "sep-2322-request-state-incomplete", "sep-2322-result-type-included"),
    "sep-2322-reject-tampered-state",
    # Tools that need a client's capability, stream or log.
    *("sep-2575-server-rejects-undeclared-capability", "sep-2575-missing-capability-http-400"),
    *("sep-2575-http-server-no-independent-requests-on-stream", "sep-2575-server-no-log-without-loglevel"),
}
UNMET = {
    "2025-06-18": NEEDS_THE_SUITE_S_SERVER | NOT_OFFERED | HANDSHAKE_ONLY,
    "2025-11-25": NEEDS_THE_SUITE_S_SERVER | NOT_OFFERED | HANDSHAKE_ONLY | FROM_2025_11_25,
    "2026-07-28": NEEDS_THE_SUITE_S_SERVER | NOT_OFFERED | FROM_2026_07_28,
}
# Whole scenarios that an ordinary server can pass, and must.
PASSED = {
    "2025-06-18": {"server-initialize", "ping", "tools-list", "resources-list", "prompts-list"},
    "2025-11-25": {"server-initialize", "ping", "tools-list", "resources-list", "prompts-list", "dns-rebinding-protection"},
    "2026-07-28": {
        *("tools-list", "resources-list", "prompts-list", "dns-rebinding-protection", "caching", "http-header-validation"),
        *("sep-2164-resource-not-found", "input-required-result-unsupported-methods"),
    },
}  # fmt: skip


def checks_in(results: Path) -> list[dict[str, str]]:
    """Every check that was made, with the name of its scenario."""
    return [
        {**check, "scenario": RESULTS_OF.fullmatch(file.parent.name)[1]}
        for file in results.rglob("checks.json")
        for check in json.loads(file.read_text())
    ]


@pytest.mark.parametrize("version", UNMET)
def test_whatever_an_ordinary_server_can_meet_is_met(live_server, run, home, collaborator, decision, version):
    results = home / "results"
    with bearer_door(live_server.url, collaborator.secret) as address:
        done = run(
            *("conformance", "server", "--url", f"{address}/mcp"),
            *("--suite", "all", "--spec-version", version, "-o", str(results)),
            *("--timeout", str(SCENARIO_MILLISECONDS)),
        )
    checks = checks_in(results)

    unmet = {
        check["id"]: check.get("errorMessage", "") for check in checks if check["status"] in ("FAILURE", "WARNING")
    }
    assert {name: words for name, words in unmet.items() if name not in UNMET[version]} == {}, done.stderr
    assert set(unmet) == UNMET[version]
    succeeded = {check["scenario"] for check in checks if check["status"] == "SUCCESS"}
    failed = {check["scenario"] for check in checks if check["status"] == "FAILURE"}
    assert PASSED[version] <= succeeded - failed
