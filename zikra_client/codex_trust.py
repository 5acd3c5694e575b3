"""Which of our hooks Codex does not run because nobody has trusted them, as its own settings tell.

Codex keeps a hash of each hook that a person has trusted in `config.toml`, under `[hooks.state."FILE:EVENT:GROUP:HOOK"]`,
and skips every other hook in silence. The hash is that of the hook as Codex reads it (seen in 0.169): JSON with sorted
names and no blanks.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import Any

from zikra_client.agents import is_ours
from zikra_client.json_editing import NotReadable, value_at

# Codex gives these no matcher, whatever stands in the file.
WITHOUT_MATCHER = frozenset({"user_prompt_submit", "stop"})
USUAL_SECONDS = 600
# It lets no hook hold up its own end for longer.
MOST_SECONDS = {"session_end": 3}
TABLE = re.compile(r"^[ \t]*\[hooks\.state\.(\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*')\][ \t]*(?:#.*)?$", re.MULTILINE)
TRUSTED = re.compile(r"^[ \t]*trusted_hash[ \t]*=[ \t]*[\"']([^\"'\n]*)[\"']", re.MULTILINE)
SWITCHED_OFF = re.compile(r"^[ \t]*enabled[ \t]*=[ \t]*false\b", re.MULTILINE)


def codex_folder() -> str:
    """Where Codex keeps its settings."""
    return os.environ.get("CODEX_HOME") or os.path.join(os.path.expanduser("~"), ".codex")


def untrusted_events(folder: str = "") -> list[str]:
    """Events whose hook of ours Codex skips, under the names of `hooks.json`; empty where none of ours is wired."""
    file = os.path.join(folder or codex_folder(), "hooks.json")
    try:
        hooks = value_at(_text_of(file), ("hooks",))
        states = _states(_text_of(os.path.join(folder or codex_folder(), "config.toml")))
    except (OSError, NotReadable):
        return []
    if not isinstance(hooks, dict):
        return []
    # Codex names a file by where it leads.
    names = {file, os.path.realpath(file)}
    return [event for event, groups in hooks.items() if not _is_trusted(names, event, groups, states)]


def hook_hash(event: str, matcher: Any, hook: dict[str, Any]) -> str:
    """What Codex keeps of a command that a person has trusted. event: in snake case."""
    seconds = int(hook.get("timeout") or USUAL_SECONDS)
    read = {
        "type": "command",
        "command": hook.get("command"),
        "timeout": max(1, min(seconds, MOST_SECONDS.get(event, seconds))),
        "async": bool(hook.get("async")),
    }
    identity: dict[str, Any] = {"event_name": event, "hooks": [read]}
    if isinstance(matcher, str) and event not in WITHOUT_MATCHER:
        identity["matcher"] = matcher
    plain = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(plain.encode("utf-8", errors="surrogatepass")).hexdigest()


def _is_trusted(names: set[str], event: str, groups: Any, states: dict[str, str]) -> bool:
    """Whether each of our hooks for an event is one that was trusted as it stands now."""
    word = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", event).lower()
    for group_at, group in enumerate(groups if isinstance(groups, list) else []):
        held = group.get("hooks") if isinstance(group, dict) else None
        for hook_at, hook in enumerate(held if isinstance(held, list) else []):
            if not isinstance(hook, dict) or not is_ours(hook):
                continue
            wanted = hook_hash(word, group.get("matcher"), hook)
            if wanted not in {states.get(f"{name}:{word}:{group_at}:{hook_at}") for name in names}:
                return False
    return True


def _states(text: str) -> dict[str, str]:
    """The trusted hash of each hook that is named in the settings and not switched off."""
    states = {}
    for table in TABLE.finditer(text):
        lines = text[table.end() :]
        following = re.search(r"^[ \t]*\[", lines, re.MULTILINE)
        lines = lines[: following.start()] if following else lines
        found = TRUSTED.search(lines)
        if found and not SWITCHED_OFF.search(lines):
            states[_unquoted(table.group(1))] = found.group(1)
    return states


def _unquoted(word: str) -> str:
    if word.startswith("'"):
        return word[1:-1]
    try:
        return str(json.loads(word))
    except ValueError:
        return word[1:-1]


def _text_of(file: str) -> str:
    with open(file, encoding="utf-8", errors="replace") as opened:
        return opened.read()
