"""Which project work in a directory belongs to, and which files in it are nobody's business."""

from __future__ import annotations

import fnmatch
import os
import re
from typing import NamedTuple

MARKER_FILE = ".zikra.toml"
NAME_LENGTH = 100
NOT_IN_A_NAME = re.compile(r"[^\w./:@+ -]+")
REMOTES = ("upstream", "origin")
# Where agents lay working copies inside a repository, so that the copy's own name says nothing.
COPIES = re.compile(r"[/\\]\.claude[/\\]worktrees[/\\].*$")


class Place(NamedTuple):
    """What a directory tells. project: chosen by somebody, empty when nobody did. repository: what its work is called
    otherwise. branch: the one that is checked out. ignore_paths: patterns of paths to leave out."""

    project: str
    repository: str = ""
    branch: str = ""
    server: str = ""
    ignore_paths: tuple[str, ...] = ()

    def leaves_out(self, path: str) -> bool:
        """Whether the marker file says that nothing about this path is captured."""
        return any(
            fnmatch.fnmatch(path, pattern) or f"/{pattern.strip('/*')}/" in path for pattern in self.ignore_paths
        )


def place_of(directory: str, default_project: str = "") -> Place:
    """Which project a directory's work belongs to.

    A marker file `.zikra.toml` in it or the nearest directory above chooses one; else the installer may have been given
    one. Where nobody chose, the repository's remote names it (upstream before origin), so that clones and working
    copies meet; then the directory's own name.
    """
    path = COPIES.sub("", os.path.abspath(directory or "."))
    marker = _marker_above(path)
    repository = _repository_above(path)
    branch = _branch(_git_directory(path)) if repository else ""
    remote = _remote_name(repository) if repository else ""
    chosen = as_name(str(marker.get("project") or default_project))
    derived = as_name(remote) or as_name(os.path.basename(os.path.dirname(repository) if repository else path))
    ignored = marker.get("ignore_paths")
    return Place(
        chosen,
        derived,
        branch,
        str(marker.get("server") or ""),
        tuple(ignored) if isinstance(ignored, list) else (),
    )


def as_name(text: str) -> str:
    """A text as a project may be called: letters, digits and . _ - / : @ + or blanks, not beginning with a sign."""
    return NOT_IN_A_NAME.sub("-", text).lstrip("./:@+ -").strip()[:NAME_LENGTH].strip()


def remote_as_name(address: str) -> str:
    """A repository's address without scheme, credentials, host and `.git`: `acme/app`, however it was cloned."""
    trimmed = address.strip().rstrip("/")
    if trimmed.endswith(".git"):
        trimmed = trimmed[:-4]
    with_scheme = re.match(r"[a-z][a-z0-9+.-]*://[^/]*/(.+)", trimmed, re.IGNORECASE)
    like_scp = re.match(r"(?:[^@/\s]+@)?[^:/\s]+:(?!//)(.+)", trimmed)
    found = with_scheme or like_scp
    parts = [part for part in (found.group(1) if found else trimmed).split("/") if part]
    # A path on a disk says only its last part; an address says who keeps it too.
    return "/".join(parts if found else parts[-1:]).lstrip("~")


def _marker_above(path: str) -> dict[str, object]:
    folder = path
    while True:
        marker = os.path.join(folder, MARKER_FILE)
        if os.path.isfile(marker):
            return _read_marker(marker)
        above = os.path.dirname(folder)
        if above == folder:
            return {}
        folder = above


def _read_marker(path: str) -> dict[str, object]:
    """The few lines of TOML that a marker may hold: texts, and one list of texts. Python 3.9 reads no TOML itself."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read(65_536)
    except OSError:
        return {}
    found: dict[str, object] = {}
    for match in re.finditer(r"^[ \t]*(project|server)[ \t]*=[ \t]*([\"'])(.*?)\2", text, re.MULTILINE):
        found.setdefault(match.group(1), match.group(3))
    listed = re.search(r"^[ \t]*ignore_paths[ \t]*=[ \t]*\[(.*?)\]", text, re.MULTILINE | re.DOTALL)
    if listed:
        found["ignore_paths"] = [match.group(2) for match in re.finditer(r"([\"'])(.*?)\1", listed.group(1))]
    return found


def _git_directory(path: str) -> str:
    """The `.git` of the working copy around a path: a directory, or what its file names; empty outside of one."""
    folder = path
    while True:
        mark = os.path.join(folder, ".git")
        if os.path.isdir(mark):
            return mark
        if os.path.isfile(mark):
            try:
                with open(mark, encoding="utf-8", errors="replace") as file:
                    named = file.read(4096).partition("gitdir:")[2].strip()
            except OSError:
                return ""
            return os.path.normpath(os.path.join(folder, named)) if named else ""
        above = os.path.dirname(folder)
        if above == folder:
            return ""
        folder = above


def _repository_above(path: str) -> str:
    """The repository's own `.git` directory; a working copy beside it leads to it."""
    own = _git_directory(path)
    if own and os.path.basename(os.path.dirname(own)) == "worktrees":
        return os.path.dirname(os.path.dirname(own))
    return own


def _branch(git_directory: str) -> str:
    try:
        with open(os.path.join(git_directory, "HEAD"), encoding="utf-8", errors="replace") as file:
            head = file.read(1024).strip()
    except OSError:
        return ""
    return head[len("ref: refs/heads/") :] if head.startswith("ref: refs/heads/") else ""


def _remote_name(repository: str) -> str:
    try:
        with open(os.path.join(repository, "config"), encoding="utf-8", errors="replace") as file:
            config = file.read(262_144)
    except OSError:
        return ""
    for remote in REMOTES:
        section = re.search(rf'^\[remote "{remote}"\]([^\[]*)', config, re.MULTILINE)
        address = section and re.search(r"^\s*url\s*=\s*(.+?)\s*$", section.group(1), re.MULTILINE)
        if address:
            return remote_as_name(address.group(1).strip('"'))
    return ""
