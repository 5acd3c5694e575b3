"""Real clients against the running portal, each in a fresh home."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from memories.models import Memory
from memories.saving import save_memory
from tests.agents.installing import npm, programs
from tests.conftest import Person

# The marks of every file of these tests: `pytestmark = AGENTS`.
AGENTS = [
    pytest.mark.agents,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(npm() is None, reason="npm is missing, which installs the clients"),
]
# A busy machine makes a client of seconds one of minutes.
RUN_SECONDS = 400

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def decision(collaborator: Person, app) -> Memory:
    """What the clients are to find."""
    text = "Signing tokens with RS256, so that services verify them without the secret."
    return save_memory(collaborator.caller, app, "decision", "Tokens are signed with RS256", content_md=text).memory


@pytest.fixture
def home(tmp_path) -> Path:
    """A home directory that no client has seen."""
    made = tmp_path / "home"
    made.mkdir()
    return made


@pytest.fixture
def run(home) -> Run:
    """`run("codex", "exec", "hello", TOKEN="x")` runs an installed client with nothing of this machine's environment."""
    place = programs()

    def ran(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        path = f"{place}{os.pathsep}/usr/local/bin{os.pathsep}/usr/bin{os.pathsep}/bin"
        return subprocess.run(
            [str(place / name), *arguments],
            env={"PATH": path, "HOME": str(home), "TERM": "xterm", **environment},
            cwd=home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )

    return ran
