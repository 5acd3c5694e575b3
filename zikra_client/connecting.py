"""The command line of the client: install, uninstall, status, doctor, statusline, hook, send."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from zikra_client import VERSION, installing, places, plugin, spool
from zikra_client.agents import AGENTS, Agent, Connection, connection_here
from zikra_client.codex_trust import untrusted_events
from zikra_client.sending import ask, send_waiting

# What lies nearer than this is the network's doing, not the clock's.
SKEW_SECONDS = 60
# Older than this, and nothing sends any more.
OLD_SECONDS = 600
TOLD_FIRST = ("-h", "--help", "--version")
TOKEN_VARIABLE = "ZIKRA_TOKEN"  # noqa: S105


def main(arguments: list[str], *, server: str = "", sources: Mapping[str, str] | None = None) -> int:
    """Run one command; answers its exit code. server and sources: given by the file that a portal serves."""
    # The line of the Connect page names no command: its words are those of `install`.
    words = (
        arguments if arguments and (arguments[0] in COMMANDS or arguments[0] in TOLD_FIRST) else ["install", *arguments]
    )
    asked = _parser(server).parse_args(words)
    command: Callable[[argparse.Namespace, Mapping[str, str]], int] = COMMANDS[asked.command]
    try:
        return command(asked, sources if sources is not None else _own_sources())
    except OSError as error:
        _say(f"{error.filename or 'The disk'}: {error.strerror or error}", to=sys.stderr)
        return 1


def _parser(server: str) -> argparse.ArgumentParser:
    names = ", ".join(agent.name for agent in AGENTS)
    parser = argparse.ArgumentParser(
        prog="zikra", description="Connects coding agents on this machine to a Zikra portal."
    )
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(dest="command", required=True)
    install = commands.add_parser("install", help="connect the agents that are found here")
    install.add_argument("--server", default=server, help="the portal's address")
    install.add_argument(
        "--token", default="", help=f"a token of the portal; else {TOKEN_VARIABLE}, else the one from before"
    )
    install.add_argument("--agent", action="append", default=[], metavar="NAME", help=f"only this one; {names}")
    install.add_argument("--project", default="", help="put everything into this project")
    install.add_argument("--machine", default="", help="what this machine is called on the portal")
    install.add_argument("--dry-run", action="store_true", help="print what would change, and change nothing")
    uninstall = commands.add_parser("uninstall", help="take everything off this machine again")
    uninstall.add_argument("--agent", action="append", default=[], metavar="NAME", help="only this one")
    commands.add_parser("status", help="where events go, and how many wait")
    commands.add_parser("doctor", help="check everything, one line each")
    commands.add_parser("send", help="send what waits now")
    commands.add_parser("statusline", help="one line for Claude Code")
    return parser


# --- install and uninstall -------------------------------------------------------------------------------------------


def _install(asked: argparse.Namespace, sources: Mapping[str, str]) -> int:
    held = places.settings()
    token = asked.token or os.environ.get(TOKEN_VARIABLE, "") or places.token()
    server = (asked.server or str(held.get("server", ""))).rstrip("/")
    if not server or not token:
        _say(
            "Give the portal's address and a token: --server URL --token TOKEN. The portal's Connect page has the line.",
            to=sys.stderr,
        )
        return 2
    chosen = _chosen(asked.agent)
    if chosen is None:
        return 2
    connection = Connection(server, token, places.machine_in_headers(asked.machine))
    if not asked.dry_run:
        answer = ask("GET", "/identity", server=server, token=token)
        if answer.status != 200:
            _say(f"Nothing was changed. {_refused(answer.status, answer.body, server)}", to=sys.stderr)
            return 1
    found = [agent for agent in chosen if asked.agent or agent.is_used()]
    edits = installing.edits_for(found, connection)
    if asked.dry_run:
        for edit in edits:
            _say(edit.problem or edit.diff(token) or f"{edit.file}: no change")
        return 0
    installing.write_client(sources)
    installing.write_settings(connection, project=asked.project, machine=asked.machine)
    written = installing.apply(edits)
    for edit in edits:
        if edit.problem:
            _say(edit.problem, to=sys.stderr)
    _tell_installed(found, written, server)
    return 1 if any(edit.problem for edit in edits) else 0


def _tell_installed(found: list[Agent], written: list[str], server: str) -> None:
    if not found:
        _say("No agent was found here. Name one: --agent claude-code, codex, gemini-cli, cursor or opencode.")
        return
    _say(f"Connected to {server}: {', '.join(agent.label for agent in found)}.")
    for file in written:
        _say(f"  wrote {file}")
    if not written:
        _say("  nothing to change: everything was there already")
    if any(agent.name == "codex" for agent in found) and untrusted_events():
        _say("Codex asks once whether it may run the hooks; say yes, or it skips them in silence.")


def _uninstall(asked: argparse.Namespace, sources: Mapping[str, str]) -> int:
    chosen = _chosen(asked.agent)
    if chosen is None:
        return 2
    waiting = len(spool.waiting())
    if waiting:
        send_waiting(attempts=1)
        waiting = len(spool.waiting())
    for file in installing.take_back(chosen):
        _say(f"  restored {file}")
    if asked.agent:
        return 0
    if waiting:
        _say(f"{waiting} events have not reached the portal; they stay in {spool.directory()}.")
        for name in ("client", "transcripts"):
            shutil.rmtree(places.path_of(name), ignore_errors=True)
        return 0
    shutil.rmtree(places.home(), ignore_errors=True)
    _say("Everything is off this machine again.")
    return 0


def _chosen(names: list[str]) -> list[Agent] | None:
    known = {agent.name: agent for agent in AGENTS}
    unknown = [name for name in names if name not in known]
    if unknown:
        _say(f"There is no agent {unknown[0]!r}; known are {', '.join(known)}.", to=sys.stderr)
        return None
    return [known[name] for name in names] or list(AGENTS)


def _own_sources() -> dict[str, str]:
    """The client's own files, when it runs from them."""
    folder = os.path.dirname(os.path.abspath(__file__))
    names = sorted(name for name in os.listdir(folder) if name.endswith(".py"))
    sources = {}
    for name in names:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            sources[name] = file.read()
    return sources


# --- status and doctor -----------------------------------------------------------------------------------------------


def _status(asked: argparse.Namespace, sources: Mapping[str, str]) -> int:
    state, (count, age) = spool.state(), spool.backlog()
    _say(f"portal    {places.settings().get('server') or 'none: run the installer'}")
    _say(f"machine   {places.machine_name()}")
    _say(f"agents    {', '.join(_wired()) or 'none'}")
    _say(f"waiting   {count} events" + (f", the oldest for {_length(age)}" if count else ""))
    if state.get("sent_at"):
        _say(f"sent      {_length(time.time() - state['sent_at'])} ago")
    if state.get("dropped"):
        _say(f"let go    {state['dropped']} events that were too old or too many")
    if state.get("problem"):
        _say(f"problem   {state['problem']}")
    return 0


def _doctor(asked: argparse.Namespace, sources: Mapping[str, str]) -> int:
    checks = [*_check_portal(), *_check_agents(), _check_spool()]
    for is_well, words in checks:
        _say(f"{'ok  ' if is_well else 'BAD '} {words}")
    return 0 if all(is_well for is_well, _ in checks) else 1


def _check_portal() -> list[tuple[bool, str]]:
    server = str(places.settings().get("server", ""))
    if not server or not places.token():
        return [(False, "no portal is set: run the installer again")]
    answer = ask("GET", "/identity", timeout=5)
    if answer.status != 200:
        return [(False, _refused(answer.status, answer.body, server))]
    told = json.loads(answer.body)
    projects = "all projects" if told.get("all_projects") else ", ".join(told.get("projects") or []) or "no project"
    checks = [(True, f"{server} answers (version {told.get('version')})")]
    may_write = told.get("level") != "read"
    checks.append(
        (
            may_write,
            f"the token is a {told.get('role')}'s, for {projects}" + ("" if may_write else ": it may not write"),
        )
    )
    if answer.date:
        skew = time.time() - parsedate_to_datetime(answer.date).timestamp()
        checks.append(
            (
                abs(skew) < SKEW_SECONDS,
                f"this machine's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the portal's",
            )
        )
    return checks


def _check_agents() -> list[tuple[bool, str]]:
    connection = connection_here()
    checks = [_check_agent(agent, connection) for agent in AGENTS if agent.is_used()]
    return checks or [(False, "no agent was found on this machine")]


def _check_agent(agent: Agent, connection: Connection) -> tuple[bool, str]:
    edits = installing.edits_for([agent], connection)
    problems = [edit.problem for edit in edits if edit.problem]
    missing = [edit.file for edit in edits if edit.is_needed]
    wired = "wired by its plugin" if missing and _has_plugin(agent) else "wired"
    if problems:
        return False, problems[0]
    if missing and wired == "wired":
        return False, f"{agent.label}: {missing[0]} lacks entries; run the installer again"
    seen = _last_seen(agent.name)
    waiting = untrusted_events() if agent.name == "codex" else []
    if waiting:
        words = f"{agent.label}: skips hooks that nobody has trusted ({', '.join(waiting)})"
        return False, f"{words}; start codex and say yes, or trust them under /hooks"
    if agent.hooked and seen is None:
        return True, f"{agent.label}: {wired}, and has told nothing yet"
    return True, f"{agent.label}: {wired}" + (f", last heard of {_length(time.time() - seen)} ago" if seen else "")


def _has_plugin(agent: Agent) -> bool:
    return agent.name == "claude-code" and plugin.is_enabled()


def _check_spool() -> tuple[bool, str]:
    count, age = spool.backlog()
    state = spool.state()
    words = f"{count} events wait" + (f", the oldest for {_length(age)}" if count else "")
    if state.get("problem"):
        words += f". {state['problem']}"
    if state.get("hook_problem"):
        words += f". The last trouble of a hook: {state['hook_problem']}"
    return age < OLD_SECONDS and not state.get("hook_problem"), words


def _wired() -> list[str]:
    connection = connection_here()
    return [
        agent.label
        for agent in AGENTS
        if agent.is_used()
        and (
            _has_plugin(agent)
            or not any(edit.is_needed or edit.problem for edit in installing.edits_for([agent], connection))
        )
    ]


def _last_seen(agent: str) -> float | None:
    try:
        return os.stat(places.path_of("seen", agent)).st_mtime
    except OSError:
        return None


def _refused(status: int, body: str, server: str) -> str:
    if status == 0:
        return f"{server} was not reached: {body[:200]}"
    if status == 401:
        return f"{server} does not know this token. Make a new one on the portal's Connect page."
    return f"{server} answered {status}: {body[:200]}"


def _length(seconds: float) -> str:
    for size, word in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {word}"
    return f"{max(0, int(seconds))} s"


# --- small commands --------------------------------------------------------------------------------------------------


def _send(asked: argparse.Namespace, sources: Mapping[str, str]) -> int:
    sent = send_waiting(attempts=1)
    _say(f"{sent.taken} events sent, {len(spool.waiting())} wait." + (f" {sent.problem}" if sent.problem else ""))
    return 1 if sent.problem else 0


def _statusline(asked: argparse.Namespace, sources: Mapping[str, str]) -> int:
    from zikra_client.status_line import line

    raw = sys.stdin.read()
    try:
        told: Any = json.loads(raw) if raw.strip() else {}
    except ValueError:
        told = {}
    _say(line(told if isinstance(told, dict) else {}))
    return 0


def _say(words: str, *, to: Any = None) -> None:
    print(words, file=to or sys.stdout)


COMMANDS: dict[str, Callable[[argparse.Namespace, Mapping[str, str]], int]] = {
    "install": _install,
    "uninstall": _uninstall,
    "status": _status,
    "doctor": _doctor,
    "send": _send,
    "statusline": _statusline,
}
