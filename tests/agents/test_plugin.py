"""The plugin as Claude Code installs it from a portal: hooks and memory in one step, each event told once."""

import json
import stat
import subprocess

import pytest

from api.plugin.files import plugin_files, plugin_repository
from runs.models import CapturedEvent, CapturedKind, Run
from tests.agents.conftest import AGENTS
from tests.agents.machine import Machine, claude, quiet_claude, spool_of, wait_for, wait_longer_for_context
from tests.agents.scripted_model import ScriptedModel, Step, anthropic_results, anthropic_tools, scripted_model
from zikra_client import VERSION
from zikra_client.plugin import PLUGIN

pytestmark = AGENTS
STEPS = (Step("zikra_search", {"query": "how do we sign tokens?"}), Step("Bash", {"command": "echo signing"}))
OF_PLUGIN, OF_LINE = "mcp__plugin_zikra_zikra", "mcp__zikra"
ASK = "How do we sign tokens?"
KINDS = ["session-start", "user-prompt", "post-tool-use", "post-tool-use", "stop", "session-end"]


@pytest.fixture
def machine(home, shop) -> Machine:
    """Nothing is installed there but the agents."""
    return Machine(home, shop)


def shell(machine: Machine, line: str) -> str:
    """What a line says that a person runs."""
    environment = machine.environment(**quiet_claude(ScriptedModel([])))
    done = subprocess.run(
        ["bash", "-c", line],
        env=environment,
        cwd=machine.home,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install_plugin(machine: Machine, portal: str, *words: str) -> None:
    """The two lines of docs/connect.md."""
    shell(machine, f"claude plugin marketplace add {portal}/zikra.git")
    shell(machine, " ".join(["claude plugin install zikra@zikra", *words]))


def told() -> list[str]:
    """Kinds of the events of the one session, in their order, once it has ended."""
    wait_for(lambda: CapturedEvent.objects.filter(kind=CapturedKind.SESSION_END).exists(), "the session's end came")
    wait_for(lambda: not CapturedEvent.objects.waiting().exists(), "its events are worked")
    return list(CapturedEvent.objects.order_by("at", "sequence").values_list("kind", flat=True))


def check_search(model: ScriptedModel, prefix: str) -> None:
    """The memory's tools were there under this prefix alone, and the search was answered."""
    tools = {name for name in model.heard(anthropic_tools) if name.startswith("mcp__")}
    assert {name.rpartition("__")[0] for name in tools} == {prefix}
    assert "Tokens are signed with RS256" in "\n".join(model.heard(anthropic_results))


def check_session(machine: Machine) -> None:
    """One session with its cost, and nothing left behind on the machine."""
    run = Run.objects.get()
    assert (run.agent, run.person, run.status) == ("claude-code", "carl", "success")
    assert run.usage.get().tokens_input == 100 * (len(STEPS) + 1)
    assert spool_of(machine) == []


def test_the_plugin_alone_tells_sessions_and_answers(machine, worker, live_server, collaborator, decision):
    install_plugin(machine, live_server.url, f"--config token={collaborator.secret}")
    public = [path for path in (machine.home / ".claude" / "plugins").rglob("*") if path.is_file()]
    assert len(public) > len(plugin_files(live_server.url))
    assert [path for path in public if collaborator.secret.encode() in path.read_bytes()] == []

    with scripted_model(*STEPS) as model, claude(machine, model, ASK, OF_PLUGIN):
        pass
    check_search(model, OF_PLUGIN)
    assert told() == KINDS
    check_session(machine)
    holders = [
        path for path in machine.home.rglob("*") if path.is_file() and collaborator.secret.encode() in path.read_bytes()
    ]
    assert {str(path.relative_to(machine.home)) for path in holders} == {".claude/.credentials.json", ".zikra/token"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in holders} == {0o600}
    doctor = shell(machine, "python3 ~/.claude/plugins/cache/zikra/zikra/*/zikra doctor; true")
    assert "Claude Code: wired by its plugin, last heard of" in doctor


def test_beside_the_line_each_event_is_told_once(machine, worker, live_server, collaborator, decision):
    line = f"curl -fsSL {live_server.url}/connect.py | python3 - --token {collaborator.secret} --agent claude-code"
    shell(machine, line)
    wait_longer_for_context(machine)
    install_plugin(machine, live_server.url)
    with scripted_model(*STEPS) as model, claude(machine, model, ASK, OF_LINE, OF_PLUGIN):
        pass
    check_search(model, OF_LINE)
    assert told() == KINDS
    check_session(machine)
    assert json.loads((machine.home / ".claude" / "settings.json").read_text())["enabledPlugins"] == {PLUGIN: True}


def test_claude_code_finds_nothing_wrong_with_it_and_takes_the_next_version(machine, live_server, settings):
    install_plugin(machine, live_server.url)
    cache = machine.home / ".claude" / "plugins" / "cache" / "zikra" / "zikra"
    assert [held.name for held in cache.iterdir()] == [VERSION]
    marketplace = machine.home / ".claude" / "plugins" / "marketplaces" / "zikra"
    for place in (marketplace, marketplace / "plugin"):
        assert "Validation passed" in shell(machine, f"claude plugin validate --strict {place}")
    settings.VERSION = "99.0.0"
    plugin_repository.cache_clear()
    try:
        shell(machine, "claude plugin marketplace update zikra && claude plugin update zikra@zikra")
    finally:
        plugin_repository.cache_clear()
    assert (cache / "99.0.0" / "zikra-hook").is_file()
    assert "99.0.0" in shell(machine, "claude plugin list")


def test_installed_again_it_has_the_newer_token(machine, live_server):
    kept = machine.home / ".claude" / ".credentials.json"
    install_plugin(machine, live_server.url, "--config token=zikra_first")
    assert "zikra_first" in kept.read_text()
    shell(
        machine, "claude plugin uninstall zikra@zikra && claude plugin install zikra@zikra --config token=zikra_second"
    )
    assert "zikra_second" in kept.read_text()
    assert "zikra_first" not in kept.read_text()
