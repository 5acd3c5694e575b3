"""Putting the client and its hooks onto a machine, and taking every trace of them off again."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from zikra_client import agents, places
from zikra_client.agents import Agent, Change, Connection, connection_here
from zikra_client.json_editing import NotReadable

BACKUP = ".zikra-bak"
PROGRAM = """\
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from zikra_client.{module} import {verb}

sys.exit({verb}(sys.argv[1:]))
"""


class Edit(NamedTuple):
    """What becomes of one file of an agent. before: None when there is no such file. problem: why it is left alone."""

    file: str
    before: str | None
    after: str
    holds_token: bool
    problem: str = ""

    @property
    def is_needed(self) -> bool:
        """Whether anything is to be written."""
        return not self.problem and self.after != (self.before or "")

    def diff(self, secret: str = "") -> str:
        """The change, line by line, without the token."""
        lines = difflib.unified_diff(
            (self.before or "").splitlines(keepends=True), self.after.splitlines(keepends=True), self.file, self.file
        )
        told = "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
        return told.replace(secret, "[the token]") if secret else told


def edits_for(chosen: Iterable[Agent], connection: Connection) -> list[Edit]:
    """What installing would change in agents' files; each file once."""
    by_file: dict[str, list[Change]] = {}
    for agent in chosen:
        for change in agent.changes(connection):
            by_file.setdefault(os.path.realpath(change.file), []).append(change)
    return [_edit(file, changes) for file, changes in by_file.items()]


def _edit(file: str, changes: list[Change]) -> Edit:
    holds_token = any(change.holds_token for change in changes)
    try:
        before = _text_of(file)
        after = before or ""
        for change in changes:
            if not change.is_in(after):
                after = change.put(after)
    except (NotReadable, OSError, UnicodeDecodeError) as error:
        return Edit(file, None, "", holds_token, f"{file} is left alone: {error}")
    return Edit(file, before, after, holds_token)


def write_client(sources: Mapping[str, str]) -> None:
    """Write the client's own files (name -> source), and the two programs that agents start."""
    folder = places.path_of("client", "zikra_client")
    if os.path.isdir(folder):
        for name in set(os.listdir(folder)) - set(sources):
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                os.unlink(path)
    for name, source in sources.items():
        _write_if_new(os.path.join(folder, name), source)
    _write_if_new(places.path_of("client", places.HOOK_PROGRAM), PROGRAM.format(module="hook", verb="run"))
    _write_if_new(places.path_of("client", "zikra"), PROGRAM.format(module="connecting", verb="main"))


def write_settings(connection: Connection, *, project: str = "", machine: str = "") -> None:
    """Keep where the portal is and the token; a value that is not given stays as it was."""
    held = places.settings()
    told = {"server": connection.server.rstrip("/"), "project": project, "machine": machine}
    wanted = {**held, **{name: value for name, value in told.items() if value}}
    _write_if_new(places.path_of("config.json"), json.dumps(wanted, indent=2) + "\n")
    _write_if_new(places.path_of("token"), connection.token + "\n")


def apply(edits: Iterable[Edit]) -> list[str]:
    """Write what is needed, each file as a whole; what it was before is kept beside it. Answers the files written."""
    record = places.read_json(places.path_of("installed.json"))
    written = []
    for edit in edits:
        if not edit.is_needed:
            continue
        if edit.file not in record:
            mode = stat.S_IMODE(os.stat(edit.file).st_mode) if edit.before is not None else None
            record[edit.file] = {"was_there": edit.before is not None, "mode": mode}
            if edit.before is not None:
                shutil.copy2(edit.file, edit.file + BACKUP)
        elif _digest(edit.before or "") != record[edit.file].get("written"):
            # Somebody else wrote there since: what it was at first is no longer what it should be again.
            record[edit.file]["was_changed"] = True
        _write(edit.file, edit.after, 0o600 if edit.holds_token else record[edit.file]["mode"])
        record[edit.file]["written"] = _digest(edit.after)
        written.append(edit.file)
        places.write_private(places.path_of("installed.json"), json.dumps(record, indent=2) + "\n")
    return written


def take_back(chosen: Iterable[Agent] = agents.AGENTS) -> list[str]:
    """Undo what `apply` wrote: a file that nobody changed since is as it was before, byte for byte; from any other only
    what is ours is taken out. Answers the files changed. A file that cannot be read any more is left alone and told."""
    record = places.read_json(places.path_of("installed.json"))
    connection = connection_here()
    changes: dict[str, list[Change]] = {}
    for agent in chosen:
        for change in agent.changes(connection):
            changes.setdefault(os.path.realpath(change.file), []).append(change)
    undone = []
    for file, held in list(record.items()):
        if file in changes:
            undone += [file] if _restore(file, held, changes[file]) else []
            record.pop(file)
            places.write_private(places.path_of("installed.json"), json.dumps(record, indent=2) + "\n")
    return undone


def _restore(file: str, held: dict[str, Any], changes: list[Change]) -> bool:
    backup = file + BACKUP
    try:
        text = _text_of(file)
        if text is None:
            return False
        if _digest(text) == held.get("written") and not held.get("was_changed"):
            if held["was_there"]:
                os.replace(backup, file)
            else:
                os.unlink(file)
            return True
        for change in changes:
            text = change.taken_out(text)
        _write(file, text, held.get("mode"))
    except (NotReadable, OSError, UnicodeDecodeError):
        return False
    if os.path.exists(backup):
        os.unlink(backup)
    return True


def _text_of(file: str) -> str | None:
    try:
        with open(file, encoding="utf-8", newline="") as opened:
            return opened.read()
    except FileNotFoundError:
        return None


def _write(file: str, text: str, mode: int | None) -> None:
    """Write a file as a whole or not at all; mode: its rights, as usual for new files with None."""
    os.makedirs(os.path.dirname(file), exist_ok=True)
    draft = f"{file}.{os.getpid()}.new"
    with open(draft, "w", encoding="utf-8", newline="", opener=_closed_to_others) as opened:
        opened.write(text)
    os.chmod(draft, 0o644 if mode is None else mode)
    os.replace(draft, file)


def _closed_to_others(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write_if_new(path: str, text: str) -> None:
    try:
        if _text_of(path) == text:
            return
    except UnicodeDecodeError:
        pass
    places.write_private(path, text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()
