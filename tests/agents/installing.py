"""Real MCP clients from npm, outside the work tree: `python -m tests.agents.installing` installs them and says where.

Nothing of them is committed; the versions below are what the tests were written against. A directory is made once for
each set of versions and then only used.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = {
    # The clients below need a newer Node.js than some distributions have.
    "node": "22.23.3",
    "@anthropic-ai/claude-code": "2.1.197",
    "@openai/codex": "0.169.0",
    "@google/gemini-cli": "0.61.0",
    "opencode-ai": "1.18.33",
    "@modelcontextprotocol/inspector": "2.12.0",
    # The first line of versions that knows the protocol of 2026-07-28.
    "@modelcontextprotocol/conformance": "0.2.0-alpha.12",
}
INSTALL_SECONDS = 900


def npm() -> str | None:
    """Where npm is; None where it is missing."""
    return shutil.which("npm")


def programs() -> Path:
    """The directory of the installed programs, installing them if need be. Raises when npm fails."""
    place = _place()
    place.mkdir(parents=True, exist_ok=True)
    finished = place / "finished"
    # Test processes that start together wait for the first.
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            _install(place)
            finished.touch()
    return place / "node_modules" / ".bin"


def _place() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    versions = hashlib.sha256(repr(sorted(PACKAGES.items())).encode()).hexdigest()[:12]
    return cache / "zikra-test-clients" / versions


def _install(place: Path) -> None:
    wanted = [f"{name}@{version}" for name, version in PACKAGES.items()]
    (place / "package.json").write_text('{"private": true}\n')
    command = [npm() or "npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error", *wanted]
    subprocess.run(command, cwd=place, check=True, timeout=INSTALL_SECONDS, stdout=sys.stderr)


if __name__ == "__main__":
    sys.stdout.write(f"{programs()}\n")
