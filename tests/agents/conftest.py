"""Real clients against the running portal, each in a fresh home."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection

from memories.models import Memory
from memories.saving import save_memory
from tests.agents.installing import npm, programs
from tests.agents.machine import RUN_SECONDS, WAIT_SECONDS, wait_for
from tests.conftest import Person
from zikra_portal.celery import app as celery

# The marks of every file of these tests: `pytestmark = AGENTS`.
AGENTS = [
    pytest.mark.agents,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(npm() is None, reason="npm is missing, which installs the clients"),
]
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


@pytest.fixture
def worker(live_server, tmp_path) -> Iterator[None]:
    """A Celery worker as the portal runs it, on this test's database and broker."""
    cache.clear()
    celery.control.purge()
    address = urlsplit(os.environ["DATABASE_URL"])
    name = str(connection.settings_dict["NAME"])
    environment = {
        **os.environ,
        "DATABASE_URL": urlunsplit(address._replace(path=f"/{name}")),
        "SECRET_KEY": settings.SECRET_KEY,
        "DJANGO_SETTINGS_MODULE": "zikra_portal.settings",
    }
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "zikra_portal", "worker", "--pool", "solo", "--loglevel", "info"],
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            wait_for(lambda: b" ready." in (tmp_path / "worker.log").read_bytes(), "the worker is ready")
            yield
        finally:
            process.terminate()
            process.wait(timeout=WAIT_SECONDS)


@pytest.fixture
def shop(home) -> Path:
    """A repository that the agents work in."""
    made = home / "shop"
    made.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", str(made)], check=True)
    return made
