"""The client as Claude Code's plugin runs it: the same hooks, spool and token as the installer's.

An event is told once: where the installer has wired Claude Code too, the plugin's hooks leave it to those.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any, NoReturn

from zikra_client import places
from zikra_client.ending import leave

# How Claude Code names an installed plugin: its own name and the marketplace's.
PLUGIN = "zikra@zikra"
# Claude Code gives a plugin's hooks what the person typed into its settings.
TOKEN_OPTION = "CLAUDE_PLUGIN_OPTION_TOKEN"  # noqa: S105


def run(arguments: list[str], server: str) -> NoReturn:
    """Handle one event of the plugin that this portal served, and end."""
    leave(main(arguments, server))


def main(arguments: list[str], server: str) -> int:
    """Handle one event of the plugin that this portal served; answers 0 whatever happens."""
    if not belongs_to(server) or is_told_by_the_installer():
        return 0
    # Where nothing can be kept on this disk, the hook itself copes.
    with suppress(OSError):
        keep_token(server, os.environ.get(TOKEN_OPTION, ""))
    from zikra_client.hook import main as hook

    return hook(arguments)


def belongs_to(server: str) -> bool:
    """Whether this machine tells its events to this portal, or to none yet: a token is no other portal's business."""
    held = str(places.settings().get("server") or "")
    return held.rstrip("/") in ("", server.rstrip("/"))


def is_told_by_the_installer() -> bool:
    """Whether the installer's hooks stand in Claude Code's settings."""
    return f"/{places.HOOK_PROGRAM}" in _settings_text()


def is_enabled() -> bool:
    """Whether Claude Code runs the plugin."""
    try:
        held: Any = json.loads(_settings_text() or "{}")
    except ValueError:
        return False
    enabled = held.get("enabledPlugins") if isinstance(held, dict) else None
    return isinstance(enabled, dict) and enabled.get(PLUGIN) is True


def keep_token(server: str, token: str) -> None:
    """Keep the token that was typed into the plugin's settings, unless the installer keeps one. Raises OSError."""
    if not token or token == places.token() or os.path.exists(places.path_of("installed.json")):
        return
    settings = {**places.settings(), "server": server.rstrip("/")}
    places.write_private(places.path_of("config.json"), json.dumps(settings, indent=2) + "\n")
    places.write_private(places.path_of("token"), token + "\n")


def _settings_text() -> str:
    folder = os.environ.get("CLAUDE_CONFIG_DIR") or os.path.join(os.path.expanduser("~"), ".claude")
    try:
        with open(os.path.join(folder, "settings.json"), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
