"""What a repository or a directory is called, when a project is to be named after it."""

import configparser
import re
from pathlib import Path

from access.models import PROJECT_NAME_LENGTH

# Where agents lay working copies inside a repository, so that the copy's own name says nothing.
COPIES = re.compile(r"[/\\]\.claude[/\\]worktrees[/\\].*$")
NOT_IN_A_NAME = re.compile(r"[^\w.\-:@+ ]+")


def project_name_of(directory: str, repository: str = "") -> str:
    """A project's name for work in a directory: its repository's, else the directory's, "" where neither tells one.

    directory: as the transcript names it; it may not exist here. repository: an address that the transcript tells.
    Where the directory exists, its repository is asked.
    """
    path = COPIES.sub("", directory)
    return as_project_name(repository) or as_project_name(_asked(path)) or as_project_name(path)


def _asked(directory: str) -> str:
    """The repository around a directory: the address it was cloned from, else where it lies, "" without one."""
    here = Path(directory)
    if not directory or not here.is_absolute():
        return ""
    try:
        for folder in (here, *here.parents):
            mark = folder / ".git"
            if mark.exists():
                return _cloned_from(_shared(mark)) or str(_shared(mark).parent)
    except OSError:
        return ""
    return ""


def _shared(mark: Path) -> Path:
    """The repository's own `.git`; a working copy beside it has a file that names it."""
    if mark.is_dir():
        return mark
    named = Path(mark.read_text(errors="replace").partition("gitdir:")[2].strip())
    own = (mark.parent / named).resolve()
    return own.parent.parent if own.parent.name == "worktrees" else mark


def _cloned_from(repository: Path) -> str:
    config = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        config.read(repository / "config", encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return ""
    return config.get('remote "origin"', "url", fallback="") or ""


def as_project_name(place: str) -> str:
    """The last part of a path or address, as a project may be called; "" where nothing of it may."""
    last = re.split(r"[/\\:]", place.strip().rstrip("/\\"))[-1].removesuffix(".git")
    return NOT_IN_A_NAME.sub("-", last).lstrip(".-:@+ ").strip()[:PROJECT_NAME_LENGTH].strip()
