"""Which hooks Codex skips, told from its own settings. The hashes are those that Codex 0.169 keeps."""

import json

import pytest

from zikra_client.agents import BLOCK_BEGINS, BLOCK_ENDS, Block
from zikra_client.codex_trust import hook_hash, untrusted_events

COMMAND = "/usr/bin/python3 -I -S /home/ana/.zikra/client/zikra-hook codex "


def hooks_of(*events, before=()):
    return {
        "hooks": {
            event: [
                *before,
                {"matcher": "", "hooks": [{"type": "command", "command": COMMAND + event, "timeout": 10}]},
            ]
            for event in events
        }
    }


@pytest.fixture
def folder(tmp_path):
    def written(hooks, config=""):
        (tmp_path / "hooks.json").write_text(json.dumps(hooks))
        (tmp_path / "config.toml").write_text(config)
        return str(tmp_path)

    return written


def trusted(folder, event, word, place="0:0", text=None, more=""):
    wanted = text or hook_hash(word, "", {"command": COMMAND + event, "timeout": 10})
    return f'[hooks.state."{folder}/hooks.json:{word}:{place}"]\ntrusted_hash = "{wanted}"\n{more}\n'


def test_what_nobody_trusted_is_named(folder):
    assert untrusted_events(folder(hooks_of("SessionStart", "Stop"))) == ["SessionStart", "Stop"]


def test_what_is_trusted_as_it_stands_is_not(folder, tmp_path):
    config = 'model = "gpt-5"\n\n[hooks.state]\n\n'
    config += trusted(tmp_path, "SessionStart", "session_start") + trusted(tmp_path, "Stop", "stop")
    assert untrusted_events(folder(hooks_of("SessionStart", "Stop"), config)) == []


def test_what_changed_since_or_is_switched_off_is_skipped_again(folder, tmp_path):
    old = trusted(tmp_path, "Stop", "stop", text="sha256:" + "0" * 64)
    off = trusted(tmp_path, "SessionStart", "session_start", more="enabled = false\n")
    assert untrusted_events(folder(hooks_of("SessionStart", "Stop"), old + off)) == ["SessionStart", "Stop"]


def test_others_hooks_are_not_ours_to_tell_of(folder, tmp_path):
    others = {"hooks": [{"type": "command", "command": "say done"}]}
    assert untrusted_events(folder({"hooks": {"Stop": [others]}})) == []
    config = trusted(tmp_path, "Stop", "stop", place="1:0")
    assert untrusted_events(folder(hooks_of("Stop", before=[others]), config)) == []


def test_without_codex_there_is_nothing_to_trust(tmp_path):
    assert untrusted_events(str(tmp_path / "none")) == []


def test_the_hash_is_that_of_codex():
    """Told by the program itself (its app server's `hooks/list`) for these very hooks."""
    assert {event: hook_hash(word, "", {"command": COMMAND + event, "timeout": 10}) for event, word in HASHED} == {
        "PostToolUse": "sha256:7078a882de34eda26b9cff5714fd4ee1a182351fa8b208f2693831e1ac98ea67",
        "Stop": "sha256:8e518dbe0f955ca450a4b32b7598f69840e5abc9c90b3d12e078f2b05e4c98b3",
        "SessionEnd": "sha256:f470760c6d757a887bf1a4021daf50ac931e515526dbdfaefdc578f4e2cea8a6",
    }


HASHED = (("PostToolUse", "post_tool_use"), ("Stop", "stop"), ("SessionEnd", "session_end"))


# --- the tables that Codex writes between our marks -------------------------------------------------------------------

BLOCK = Block(
    "config.toml", "mcp_servers.zikra", '[mcp_servers.zikra]\nurl = "u"\n\n[mcp_servers.zikra.http_headers]\na = "b"\n'
)
TRUST = '[hooks.state]\n\n[hooks.state."f:stop:0:0"]\ntrusted_hash = "sha256:1"\n'


@pytest.mark.parametrize("before", ["", "# mine", 'model = "gpt-5"\n'])
def test_our_tables_go_without_a_trace(before):
    assert BLOCK.taken_out(BLOCK.put(before)) == before
    assert BLOCK.is_in(BLOCK.put(before))
    assert not BLOCK.is_in(before)


def test_what_codex_writes_between_our_marks_stays():
    text = BLOCK.put('model = "gpt-5"\n').replace(f"{BLOCK_ENDS}\n", f"\n{TRUST}{BLOCK_ENDS}\n")
    assert BLOCK.is_in(text)
    assert BLOCK.put(text).count(BLOCK_BEGINS) == 1
    assert BLOCK.put(text) == BLOCK.put(f'model = "gpt-5"\n\n{TRUST}')
    assert BLOCK.taken_out(text) == f'model = "gpt-5"\n\n{TRUST}'
