"""docs/mcp.md: every block can be read by what it is for, and says where the portal is and how to show a token.

Which clients read them is tried in tests/agents/.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parents[3] / "docs" / "mcp.md").read_text()
BLOCKS = re.findall(r"^`([^`]+)`[^\n]*(?:\n[^\n`]+)*\n\n```(json|toml)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
READERS = {"json": json.loads, "toml": tomllib.loads}


def texts_in(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for one in inner for text in texts_in(one)]


def test_each_client_has_its_file():
    assert [file for file, _, _ in BLOCKS] == [
        "~/.claude.json",
        "~/.claude/settings.json",
        "~/.codex/config.toml",
        "~/.gemini/settings.json",
        "~/.cursor/mcp.json",
        "~/.config/opencode/opencode.json",
        ".vscode/mcp.json",
        "claude_desktop_config.json",
        "~/.config/zed/settings.json",
    ]


@pytest.mark.parametrize(("file", "kind", "text"), BLOCKS, ids=[file for file, _, _ in BLOCKS])
def test_each_block_can_be_read_and_names_the_door_and_a_token(file, kind, text):
    words = texts_in(READERS[kind](text))
    if file == "~/.claude/settings.json":
        assert words == ["mcp__zikra"]
        return

    assert "http://127.0.0.1:7723/mcp" in words
    assert any("ZIKRA_TOKEN" in word or "zikra-token" in word or "zikra_…" in word for word in words)
