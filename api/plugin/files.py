"""The plugin for Claude Code: hooks and memory in one step, with the client's own files.

Formats as Claude Code 2.1.197 reads them; the test with the program itself decides. None of the files holds a token.
"""

import json
from functools import cache
from typing import Any

from django.conf import settings

from api.client_file import client_sources
from api.plugin.repository import File, Repository
from zikra_client.agents import CLAUDE_EVENTS, HOOK_SECONDS
from zikra_client.places import HOOK_PROGRAM

NAME = "zikra"
WORDS = "Shared memory of the team: sessions are kept, handed on and found again."
FOLDER = "plugin"
REPOSITORY = "zikra.git"
PROGRAM = """\
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from zikra_client.{module} import {verb}

sys.exit({verb}(sys.argv[1:], {more}))
"""
# Claude Code asks it for the headers of each connection. It knows no path of the plugin's, so that all of it stands in
# one line; and it gives this portal no other portal's token. The machine's name is as zikra_client/places.py says it.
HEADERS = (
    "import json,os;"
    "home=os.environ.get('ZIKRA_HOME') or os.path.expanduser('~/.zikra');"
    "held=lambda name:os.path.join(home,name);"
    "known=json.load(open(held('config.json'))) if os.path.exists(held('token')) else {{}};"
    "name=str(known.get('machine') or os.uname().nodename or 'unnamed')[:100].encode('ascii','replace').decode();"
    "name=''.join(letter if letter.isprintable() else '?' for letter in name);"
    "print(json.dumps({{'Authorization':'Bearer '+open(held('token')).read().strip(),'X-Zikra-Machine':name}}"
    " if known.get('server')=={server!r} else {{}}))"
)


@cache
def plugin_repository(server: str) -> Repository:
    """The git repository of the marketplace with the one plugin, for a portal's address."""
    files = {".claude-plugin/marketplace.json": File(_json(_marketplace(server)))}
    files |= {f"{FOLDER}/{path}": file for path, file in plugin_files(server).items()}
    return Repository(files, f"Zikra portal <{NAME}@localhost>", f"The plugin of Zikra {settings.VERSION}")


def plugin_files(server: str) -> dict[str, File]:
    """The plugin's own files."""
    more = f"server={server!r}"
    return {
        ".claude-plugin/plugin.json": File(_json(_manifest(server))),
        ".mcp.json": File(_json({"mcpServers": {NAME: _mcp(server)}})),
        "hooks/hooks.json": File(_json({"description": WORDS, "hooks": _hooks()})),
        HOOK_PROGRAM: File(PROGRAM.format(module="plugin", verb="run", more=more), is_program=True),
        NAME: File(PROGRAM.format(module="connecting", verb="main", more=more), is_program=True),
        **{f"zikra_client/{name}": File(source) for name, source in client_sources().items()},
    }


def _marketplace(server: str) -> dict[str, Any]:
    plugin = {"name": NAME, "description": WORDS, "version": settings.VERSION, "source": f"./{FOLDER}"}
    return {
        "name": NAME,
        "owner": {"name": f"The Zikra portal at {server}"},
        "metadata": {"description": WORDS},
        "plugins": [plugin],
    }


def _manifest(server: str) -> dict[str, Any]:
    token = {
        "type": "string",
        "title": "Token",
        "description": f"A token of {server}; its Connect page makes one. Leave it empty where the installer has run.",
        "sensitive": True,
        # Without a value, Claude Code leaves out the connection that names it.
        "default": "",
    }
    return {
        "name": NAME,
        "version": settings.VERSION,
        "description": WORDS,
        "author": {"name": "Zikra portal"},
        "homepage": server,
        "userConfig": {"token": token},
    }


def _mcp(server: str) -> dict[str, Any]:
    return {
        "type": "http",
        "url": f"{server}/mcp",
        # What was typed into the plugin's settings; what the helper says, goes before it.
        "headers": {"Authorization": "Bearer ${user_config.token}"},
        "headersHelper": f'python3 -I -S -c "{HEADERS.format(server=server)}"',
    }


def _hooks() -> dict[str, Any]:
    return {event: [{"hooks": [_hook(event)]}] for event in CLAUDE_EVENTS}


def _hook(event: str) -> dict[str, Any]:
    command = f'python3 -I -S "${{CLAUDE_PLUGIN_ROOT}}/{HOOK_PROGRAM}" claude-code {event}'
    return {"type": "command", "command": command, "timeout": HOOK_SECONDS}


def _json(held: dict[str, Any]) -> str:
    return json.dumps(held, indent=2, ensure_ascii=False) + "\n"
