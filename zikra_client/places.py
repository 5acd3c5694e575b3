"""Where the client keeps its things: one directory, readable by its owner only."""

from __future__ import annotations

import json
import os
from typing import Any

PRIVATE_FILE, PRIVATE_DIRECTORY = 0o600, 0o700
# What agents' settings start; by this word an entry of ours is known.
HOOK_PROGRAM = "zikra-hook"


def home() -> str:
    """The client's directory: ZIKRA_HOME, else `.zikra` in the person's home."""
    return os.environ.get("ZIKRA_HOME") or os.path.join(os.path.expanduser("~"), ".zikra")


def path_of(*parts: str) -> str:
    """A path inside the client's directory."""
    return os.path.join(home(), *parts)


def make_private(directory: str) -> str:
    """The directory, made when it is missing, closed to others; so is the client's own around it."""
    os.makedirs(home(), mode=PRIVATE_DIRECTORY, exist_ok=True)
    os.makedirs(directory, mode=PRIVATE_DIRECTORY, exist_ok=True)
    return directory


def write_private(path: str, text: str, *, durable: bool = False) -> None:
    """Write a file as a whole or not at all, readable by its owner only. durable: wait until the disk has it."""
    make_private(os.path.dirname(path))
    draft = f"{path}.{os.getpid()}.{os.urandom(4).hex()}"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def marks_of(session_id: str) -> str:
    """The file of a session that a hook has told of: how far its transcript has been read."""
    name = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in session_id)[:100]
    return path_of("transcripts", f"{name}.json")


def read_json(path: str) -> dict[str, Any]:
    """The object in a JSON file; empty when there is none, or nothing that can be read."""
    try:
        with open(path, encoding="utf-8") as file:
            held = json.load(file)
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def settings() -> dict[str, Any]:
    """What the installer wrote: `server`, and perhaps `project` and `machine`."""
    return read_json(path_of("config.json"))


def token() -> str:
    """The token that events are sent with; empty before the installer ran."""
    try:
        with open(path_of("token"), encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""


def machine_name() -> str:
    """What this machine is called on the portal."""
    return str(settings().get("machine") or os.uname().nodename or "unnamed")[:100]


def machine_in_headers(name: str = "") -> str:
    """The machine's name, or another one, as a header takes it: printable ASCII, "?" for everything else."""
    said = (name or machine_name())[:100].encode("ascii", "replace").decode()
    return "".join(letter if letter.isprintable() else "?" for letter in said)
