"""Which transcripts lie on this machine, and which of them belong to one session."""

from __future__ import annotations

import json
import os
import stat
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from runs.transcripts import LATEST, Session, claude_code, codex, moment_of, text_of

# A line holds one message; with pictures in it that is some megabytes. What is longer is not read into memory.
LONGEST_LINE = 64 * 1024 * 1024
# So many lines tell when a session began and whether it began as a copy of another one.
FIRST_LINES = 50
NOT_JSON_LINES = ".zst"


@dataclass(frozen=True)
class Homes:
    """Where the two programs keep what they write."""

    claude_code: tuple[Path, ...]
    codex: tuple[Path, ...]

    @classmethod
    def of(cls, home: Path | None, environment: Mapping[str, str]) -> Homes:
        """The folders of a home, or of the person who runs this: their CLAUDE_CONFIG_DIR and CODEX_HOME then count."""
        if home is None:
            home = Path(environment.get("HOME") or Path.home())
            claude, codex_home = environment.get("CLAUDE_CONFIG_DIR"), environment.get("CODEX_HOME")
        else:
            claude, codex_home = None, None
        folders = [Path(name.strip()) for name in (claude or "").split(",") if name.strip()]
        folders = folders or [home / ".claude", home / ".config" / "claude"]
        own = Path(codex_home) if codex_home else home / ".codex"
        return cls(
            claude_code=tuple(folder / "projects" for folder in folders),
            codex=(own / "sessions", own / "archived_sessions"),
        )

    @property
    def folders(self) -> tuple[Path, ...]:
        """All of them."""
        return (*self.claude_code, *self.codex)


@dataclass(frozen=True)
class Unread:
    """A file that was not read, and why."""

    path: Path
    reason: str

    @property
    def name(self) -> str:
        """The file's name, fit to be shown."""
        return text_of(self.path.name)


@dataclass
class Library:
    """The transcripts of some homes, by session.

    claude_code: each session's files; codex: the rollouts of all its threads. Both stand in the order to read them in:
    what others were copied from comes first. size: bytes in all.
    """

    claude_code: dict[str, list[Path]] = field(default_factory=dict)
    codex: dict[str, list[tuple[codex.Thread, Path]]] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)
    size: int = 0

    def __len__(self) -> int:
        return len(self.claude_code) + len(self.codex)


def find_transcripts(homes: Homes) -> Library:
    """Look for transcripts and sort them by session. Reads only the beginning of each file."""
    library = Library()
    _find_claude_code(homes, library)
    _find_codex(homes, library)
    return library


def read_sessions(library: Library, on_read: Callable[[int], None] = lambda _: None) -> Iterator[Session]:
    """Each session's facts, one after the other; on_read is told of bytes as they are read.

    A message that several sessions hold, because one was forked from the other, counts in the earlier one.
    """
    taken: set[int] = set()
    for name, paths in library.claude_code.items():
        session = claude_code.read(_lines_of(paths, library, on_read), taken=taken, session_id=name)
        taken |= session.keys
        yield session
    yield from _codex_sessions(library, on_read)


def _codex_sessions(library: Library, on_read: Callable[[int], None]) -> Iterator[Session]:
    parents = {thread.parent_id for threads in library.codex.values() for thread, _ in threads}
    told: dict[str, frozenset[int]] = {}
    for name, threads in library.codex.items():
        whole = Session(agent=codex.AGENT, session_id=name)
        for thread, path in threads:
            lines = _lines_of([path], library, on_read)
            part = codex.read(lines, thread_id=thread.thread_id, parent=told.get(thread.parent_id))
            whole = whole.joined(part)
            if thread.thread_id in parents:
                told[thread.thread_id] = part.keys
        yield whole


# --- files ------------------------------------------------------------------------------------------------------------


def _find_claude_code(homes: Homes, library: Library) -> None:
    found: dict[str, list[Path]] = defaultdict(list)
    for folder in homes.claude_code:
        for path in _files(folder, library):
            name = _claude_code_session(path.relative_to(folder), path, library)
            if name:
                found[name].append(path)
    order = {name: _beginning(paths) for name, paths in found.items()}
    library.claude_code = {name: sorted(found[name]) for name in sorted(found, key=lambda name: (*order[name], name))}


def _claude_code_session(inside: Path, path: Path, library: Library) -> str:
    """The session that a file belongs to: its own name, or the folder's where a subagent wrote it."""
    if len(inside.parts) > 2:
        return text_of(inside.parts[1])
    if not path.stem.startswith("agent-"):
        return text_of(path.stem)
    # Older versions laid subagents' files beside the session's; only their lines tell whose they are.
    names = [text_of(record.get("sessionId")) for record in _first_records(path)]
    name = next(filter(None, names), "")
    if not name:
        library.unread.append(Unread(path, "not a transcript that is known here"))
    return name


def _beginning(paths: list[Path]) -> tuple[datetime, bool]:
    """When a session began, and whether as a copy: then it tells of an earlier time after a later one, or says so."""
    times, is_copy = [], False
    for path in paths:
        own = []
        for record in _first_records(path):
            moment = moment_of(record.get("timestamp"))
            own += [moment] if moment else []
            is_copy = is_copy or bool(record.get("forkedFrom"))
        is_copy = is_copy or (bool(own) and own[0] > min(own))
        times += own
    return min(times, default=LATEST), is_copy


def _find_codex(homes: Homes, library: Library) -> None:
    found: dict[str, tuple[codex.Thread, Path]] = {}
    for folder in homes.codex:
        for path in _files(folder, library):
            thread = next(filter(None, map(codex.thread_of, _first_records(path, 5))), None)
            if thread is None:
                library.unread.append(Unread(path, "not a transcript that is known here"))
            else:
                found.setdefault(thread.thread_id, (thread, path))
    grouped: dict[str, list[tuple[codex.Thread, Path]]] = defaultdict(list)
    for thread, path in sorted(found.values(), key=lambda entry: (entry[0].born_at or LATEST, entry[0].thread_id)):
        grouped[thread.session_id].append((thread, path))
    library.codex = dict(grouped)


def _files(folder: Path, library: Library) -> Iterator[Path]:
    """The transcripts below a folder that hold anything."""

    def complain(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            library.unread.append(Unread(Path(error.filename or folder), "cannot be read"))

    for directory, _, names in os.walk(folder, onerror=complain):
        for name in sorted(names):
            path = Path(directory, name)
            if name.endswith(f".jsonl{NOT_JSON_LINES}"):
                library.unread.append(Unread(path, "compressed"))
            elif name.endswith(".jsonl") and _holds_anything(path, library):
                yield path


def _holds_anything(path: Path, library: Library) -> bool:
    try:
        told = path.stat()
    except OSError:
        told = None
    if told is None or not stat.S_ISREG(told.st_mode) or not os.access(path, os.R_OK):
        library.unread.append(Unread(path, "cannot be read"))
        return False
    if not told.st_size:
        library.unread.append(Unread(path, "empty"))
    library.size += told.st_size
    return told.st_size > 0


def _lines_of(paths: list[Path], library: Library, on_read: Callable[[int], None]) -> Iterator[bytes]:
    """The lines of files, one at a time; of a line that is too long only the beginning, which is no JSON."""
    for path in paths:
        try:
            with path.open("rb") as file:
                while line := file.readline(LONGEST_LINE):
                    on_read(len(line))
                    yield line if len(line) < LONGEST_LINE else line[:100]
                    while len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                        line = file.readline(LONGEST_LINE)
                        on_read(len(line))
        except OSError:
            library.unread.append(Unread(path, "cannot be read"))


def _first_records(path: Path, most: int = FIRST_LINES) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            for _ in range(most):
                line = file.readline(LONGEST_LINE)
                if not line:
                    return
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(record, dict):
                    yield record
    except OSError:
        return
