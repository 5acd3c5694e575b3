"""The plugin's hook as Claude Code runs it: it tells an event that nobody else tells, and keeps the typed token."""

import json
import os
import stat
import subprocess
import sys

import pytest

from api.plugin.files import plugin_files
from zikra_client import places, spool
from zikra_client.agents import AGENTS, Connection, Hook

PORTAL = "http://127.0.0.1:1"
PROMPT = {"session_id": "s1", "hook_event_name": "UserPromptSubmit", "prompt": "add logins"}


@pytest.fixture
def plugin(tmp_path):
    """The plugin's files, as they are installed."""
    folder = tmp_path / "plugin"
    for name, file in plugin_files(PORTAL).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(file.text)
    return folder


@pytest.fixture
def tell(client_home, plugin, tmp_path):
    """Runs a hook of the plugin by the command that its file names."""

    def told(**environment):
        hooks = json.loads((plugin / "hooks" / "hooks.json").read_text())["hooks"]
        ((entry,),) = (row["hooks"] for row in hooks["UserPromptSubmit"])
        return subprocess.run(
            ["sh", "-c", entry["command"]],
            input=json.dumps({**PROMPT, "cwd": str(tmp_path)}), capture_output=True, text=True, check=False, timeout=60,
            env={
                "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]), "HOME": str(tmp_path),
                "ZIKRA_HOME": str(client_home), "CLAUDE_PLUGIN_ROOT": str(plugin), **environment,
            },
        )  # fmt: skip

    return told


def headers(plugin, client_home):
    """What Claude Code is given for its connection."""
    server = json.loads((plugin / ".mcp.json").read_text())["mcpServers"]["zikra"]
    done = subprocess.run(
        ["sh", "-c", server["headersHelper"]],
        capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"], "ZIKRA_HOME": str(client_home)},
    )  # fmt: skip
    return json.loads(done.stdout)


def test_it_keeps_the_event_and_the_typed_token(tell, plugin, client_home):
    assert headers(plugin, client_home) == {}
    done = tell(CLAUDE_PLUGIN_OPTION_TOKEN="zikra_typed")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(spool.waiting()) == 1
    assert (places.token(), places.settings()) == ("zikra_typed", {"server": PORTAL})
    assert stat.S_IMODE(os.stat(places.path_of("token")).st_mode) == 0o600
    assert headers(plugin, client_home) == {
        "Authorization": "Bearer zikra_typed",
        "X-Zikra-Machine": places.machine_in_headers(),
    }
    tell(CLAUDE_PLUGIN_OPTION_TOKEN="zikra_newer")
    assert (len(spool.waiting()), places.token()) == (2, "zikra_newer")


@pytest.mark.parametrize("machine", ["anvil", 'Zoë\'s "forge" \\1 $HOME\n', "x" * 200])
def test_its_connection_names_the_machine_as_the_client_does(plugin, client_home, machine):
    places.write_private(places.path_of("config.json"), json.dumps({"server": PORTAL, "machine": machine}))
    places.write_private(places.path_of("token"), "zikra_installed\n")
    assert headers(plugin, client_home) == {
        "Authorization": "Bearer zikra_installed",
        "X-Zikra-Machine": places.machine_in_headers(),
    }


def test_the_installers_token_stays(tell):
    places.write_private(places.path_of("config.json"), json.dumps({"server": PORTAL, "machine": "anvil"}))
    places.write_private(places.path_of("token"), "zikra_installed\n")
    places.write_private(places.path_of("installed.json"), "{}")
    tell(CLAUDE_PLUGIN_OPTION_TOKEN="zikra_typed")
    assert len(spool.waiting()) == 1
    assert (places.token(), places.settings()["machine"]) == ("zikra_installed", "anvil")


def test_an_event_that_the_installers_hook_tells_is_not_told_twice(tell, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    claude_code = next(agent for agent in AGENTS if agent.name == "claude-code")
    hooks = [change for change in claude_code.changes(Connection(PORTAL, "t")) if isinstance(change, Hook)]
    text = ""
    for change in hooks:
        text = change.put(text)
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude" / "settings.json").write_text(text)
    assert tell().returncode == 0
    assert spool.waiting() == []
    text = hooks[0].taken_out(text)
    for change in hooks:
        text = change.taken_out(text)
    (tmp_path / ".claude" / "settings.json").write_text(text)
    tell()
    assert len(spool.waiting()) == 1


def test_a_machine_of_another_portal_tells_this_one_nothing(tell, plugin, client_home):
    places.write_private(places.path_of("config.json"), json.dumps({"server": "https://elsewhere.example"}))
    places.write_private(places.path_of("token"), "zikra_elsewhere\n")
    assert tell(CLAUDE_PLUGIN_OPTION_TOKEN="zikra_typed").returncode == 0
    assert (spool.waiting(), places.token()) == ([], "zikra_elsewhere")
    assert headers(plugin, client_home) == {}
