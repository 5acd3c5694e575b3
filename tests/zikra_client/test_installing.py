"""The one-liner on a fresh home against a real portal: agents wired, events there, and no trace after uninstalling."""

import json
import os
import stat
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request

import pytest
from django.utils import timezone

from api.client_file import client_file
from runs.models import CapturedEvent, Machine

pytestmark = pytest.mark.django_db(transaction=True)

CODEX = '# mine\nmodel = "gpt-5"'
CLAUDE = """{
  // my own hooks
  "hooks": { "Stop": [ { "matcher": "", "hooks": [ { "type": "command", "command": "say done" } ] } ] },
  "theme": "dark",
}
"""
CURSOR_BROKEN = '{"mcpServers": {'
AGENTS = ("claude-code", "codex", "gemini-cli", "cursor", "opencode", "vscode", "zed")


@pytest.fixture
def home(tmp_path):
    """A home with settings of some agents, one of them broken."""
    written = {".codex/config.toml": CODEX, ".claude/settings.json": CLAUDE, ".cursor/mcp.json": CURSOR_BROKEN}
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def everything_below(home):
    return {
        str(path.relative_to(home)): (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        for path in home.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def run_client(home, server, *words):
    return subprocess.run(
        [sys.executable, "-I", "-", *words],
        input=client_file(server), capture_output=True, check=False, timeout=120,
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
    )  # fmt: skip


def install(home, server, person, *words):
    names = [word for name in AGENTS for word in ("--agent", name)]
    return run_client(home, server, "--token", person.secret, *names, *words)


def test_the_one_liner_wires_the_agents_and_leaves_broken_settings_alone(home, live_server, collaborator):
    before = everything_below(home)
    done = install(home, live_server.url, collaborator)
    assert done.returncode == 1, done.stderr
    assert "cursor/mcp.json is left alone: line 1, column 17 is no JSON" in done.stderr.decode()
    after = everything_below(home)
    assert after[".cursor/mcp.json"] == before[".cursor/mcp.json"]
    claude = json.loads(after[".claude.json"][0])
    assert claude["mcpServers"]["zikra"]["url"] == f"{live_server.url}/mcp"
    assert b"// my own hooks" in after[".claude/settings.json"][0]
    assert b"say done" in after[".claude/settings.json"][0]
    assert after[".codex/config.toml"][0].startswith(CODEX.encode())
    assert set(json.loads(after[".codex/hooks.json"][0])["hooks"]) == {
        *("SessionStart", "UserPromptSubmit", "PostToolUse", "PreCompact", "Stop", "SessionEnd")
    }
    holders = [name for name, (held, _) in after.items() if collaborator.secret.encode() in held]
    assert sorted(holders) == sorted(
        [
            ".claude.json",
            ".codex/config.toml",
            ".config/Code/User/mcp.json",
            ".config/zed/settings.json",
            ".gemini/settings.json",
            ".zikra/token",
        ]
    )
    assert {after[name][1] for name in holders} == {0o600}


def test_a_second_install_changes_nothing(home, live_server, collaborator):
    install(home, live_server.url, collaborator)
    first = everything_below(home)
    install(home, live_server.url, collaborator)
    assert everything_below(home) == first


# An entry's headers, by the file that holds them.
HEADERS = {
    ".claude.json": lambda held: held["mcpServers"]["zikra"]["headers"],
    ".codex/config.toml": lambda held: held["mcp_servers"]["zikra"]["http_headers"],
    ".gemini/settings.json": lambda held: held["mcpServers"]["zikra"]["headers"],
    ".config/opencode/opencode.json": lambda held: held["mcp"]["zikra"]["headers"],
    ".config/Code/User/mcp.json": lambda held: held["servers"]["zikra"]["headers"],
    ".config/zed/settings.json": lambda held: held["context_servers"]["zikra"]["headers"],
}


def test_every_memory_entry_names_the_machine_so_that_it_can_be_refused(home, live_server, collaborator):
    said = 'Zoë\'s "forge" \\1'
    install(home, live_server.url, collaborator, "--machine", said, "--agent", "claude-desktop")
    told = {}
    for name, headers in HEADERS.items():
        text = (home / name).read_text()
        told[name] = headers(tomllib.loads(text) if name.endswith(".toml") else json.loads(text))
    assert {name: held["X-Zikra-Machine"] for name, held in told.items()} == dict.fromkeys(
        HEADERS, said.replace("ë", "?")
    )
    desktop = json.loads((home / ".config/Claude/claude_desktop_config.json").read_text())["mcpServers"]["zikra"]
    assert desktop["args"][-2:] == ["--header", "X-Zikra-Machine:${ZIKRA_MACHINE}"]
    assert desktop["env"]["ZIKRA_MACHINE"] == said.replace("ë", "?")
    before = everything_below(home)
    install(home, live_server.url, collaborator, "--agent", "claude-desktop")
    assert everything_below(home) == before

    def ask():
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()
        more = {"Content-Type": "application/json", "MCP-Protocol-Version": "2025-06-18"}
        request = urllib.request.Request(f"{live_server.url}/mcp", body, {**told[".codex/config.toml"], **more})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as refused:
            return refused.code

    assert ask() == 200
    Machine.objects.create(
        holder=f"member:{collaborator.member.pk}", name=said.replace("ë", "?"), member=collaborator.member,
        token=collaborator.token, refused_at=timezone.now(),
    )  # fmt: skip
    assert ask() == 403


def test_uninstalling_gives_back_every_byte(home, live_server, collaborator):
    before = everything_below(home)
    install(home, live_server.url, collaborator)
    done = run_client(home, live_server.url, "uninstall")
    assert done.returncode == 0, done.stderr
    assert everything_below(home) == before


def test_what_others_wrote_since_stays(home, live_server, collaborator):
    install(home, live_server.url, collaborator)
    settings = home / ".claude" / "settings.json"
    settings.write_text(settings.read_text().replace('"dark"', '"light"'))
    config = home / ".codex" / "config.toml"
    config.write_text(config.read_text() + "\n[tui]\ntheme = 1\n")
    run_client(home, live_server.url, "uninstall")
    assert settings.read_text() == CLAUDE.replace('"dark"', '"light"')
    assert config.read_text() == CODEX + "\n[tui]\ntheme = 1\n"


def test_a_dry_run_tells_the_change_without_the_token_and_writes_nothing(home, live_server, collaborator):
    before = everything_below(home)
    done = install(home, live_server.url, collaborator, "--dry-run")
    assert b"+[mcp_servers.zikra]" in done.stdout
    assert collaborator.secret.encode() not in done.stdout + done.stderr
    assert everything_below(home) == before


def test_a_token_that_the_portal_does_not_know_changes_nothing(home, live_server):
    before = everything_below(home)
    done = run_client(home, live_server.url, "--token", "zikra_no_such")
    assert done.returncode == 1
    assert b"Nothing was changed." in done.stderr
    assert everything_below(home) == before


def test_a_link_is_followed(home, live_server, collaborator):
    real = home / "dotfiles" / "gemini.json"
    real.parent.mkdir()
    real.write_text("{}\n")
    (home / ".gemini").mkdir()
    (home / ".gemini" / "settings.json").symlink_to(real)
    install(home, live_server.url, collaborator)
    assert (home / ".gemini" / "settings.json").is_symlink()
    assert "zikra" in json.loads(real.read_text())["mcpServers"]
    run_client(home, live_server.url, "uninstall")
    assert real.read_text() == "{}\n"


def test_a_wired_hook_reaches_the_portal_and_the_doctor_says_so(home, live_server, collaborator, app):
    install(home, live_server.url, collaborator)
    hooks = json.loads((home / ".gemini" / "settings.json").read_text())["hooks"]
    command = hooks["BeforeAgent"][0]["hooks"][0]["command"]
    assert collaborator.secret not in command
    payload = {"session_id": "s1", "cwd": str(home), "hook_event_name": "BeforeAgent", "prompt": "add logins"}
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        command, shell=True, input=json.dumps(payload).encode(), capture_output=True, env=environment, check=True
    )
    assert (done.stdout, done.stderr) == (b"", b"")
    deadline = time.monotonic() + 30
    while not CapturedEvent.objects.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    event = CapturedEvent.objects.get()
    assert (event.project, event.session_id) == (app, "s1")
    told = run_client(home, live_server.url, "doctor").stdout.decode()
    assert f"ok   {live_server.url} answers" in told
    assert "ok   the token is a collaborator's, for app" in told
    assert "ok   Gemini CLI: wired, last heard of" in told
    assert (
        "BAD  Codex: skips hooks that nobody has trusted "
        "(SessionStart, UserPromptSubmit, PostToolUse, PreCompact, Stop, SessionEnd); start codex and say yes"
    ) in told
    assert event.client["untrusted"] == ["codex"]
    assert "BAD  Cursor" not in told.replace(str(home), "") or "left alone" in told
