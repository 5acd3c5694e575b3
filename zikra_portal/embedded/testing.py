"""A pytest plugin: a real PostgreSQL and Valkey for the test session, before Django reads its settings.

Named in pytest's options as `-p zikra_portal.embedded.testing`. The session's first process starts one of
each in a temporary directory, hands DATABASE_URL and REDIS_URL to the processes of pytest-xdist in the
environment, and stops them at the end. Where one of the two is set already, that server is used.
"""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from zikra_portal.embedded.account import account_for_servers
from zikra_portal.embedded.postgresql import SETTINGS_FOR_TESTS, EmbeddedPostgresql
from zikra_portal.embedded.processes import start_process, stop_process
from zikra_portal.embedded.valkey import EmbeddedValkey, environment_of_servers

STOP_SECONDS = 10.0


class ServersForTests:
    """The servers of one test session."""

    def __init__(self) -> None:
        self.directory: Path | None = None
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start what the environment does not name yet, and name it there."""
        # Settings of the developer's own portal have no place in a test.
        os.environ["ZIKRA_ENV_FILE"] = os.devnull
        os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(50))
        # Short, because a socket's path has about 100 bytes.
        self.directory = Path(tempfile.mkdtemp(prefix="zikra-test-"))
        os.environ["ZIKRA_DATA_DIR"] = str(self.directory)
        account = account_for_servers()
        self.directory.chmod(0o711)
        sockets = self.directory / "sockets"
        sockets.mkdir()
        account.give(sockets)
        if not os.environ.get("REDIS_URL"):
            valkey = EmbeddedValkey(self.directory / "valkey", sockets, account, durable=False)
            valkey.prepare(print)
            self._run(valkey)
            os.environ["REDIS_URL"] = valkey.url()
        if not os.environ.get("DATABASE_URL"):
            postgresql = EmbeddedPostgresql(self.directory / "postgresql", sockets, account, SETTINGS_FOR_TESTS)
            postgresql.prepare(print)
            self._run(postgresql)
            postgresql.make_database()
            os.environ["DATABASE_URL"] = postgresql.url()

    def stop(self) -> None:
        """Stop what was started and remove its files."""
        for process in self.processes:
            stop_process(process, ask_with=signal.SIGINT, seconds=STOP_SECONDS)
        self.processes.clear()
        if self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = None

    def _run(self, server: EmbeddedPostgresql | EmbeddedValkey) -> None:
        assert self.directory is not None
        name = type(server).__name__
        with (self.directory / f"{name}.log").open("ab") as log:
            process = start_process(
                server.command(),
                environment=environment_of_servers(),
                output=log,
                account=server.account,
                directory=server.data,
                signal_when_orphaned=signal.SIGINT,
            )
        self.processes.append(process)
        server.wait_until_ready(lambda: process.poll() is None)


servers = ServersForTests()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Iterator[None]:
    """Start the servers before pytest-django reads the settings in this same hook."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        servers.start()
    else:
        os.environ["REDIS_URL"] = redis_url_for_worker(os.environ["REDIS_URL"], worker)
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop the servers at the end of the session."""
    servers.stop()


def redis_url_for_worker(url: str, worker: str) -> str:
    """Answer the address of a Redis database that worker `worker` of pytest-xdist ("gw0", "gw1", …) has to itself."""
    number = 1 + int(worker.removeprefix("gw"))
    if url.startswith("unix://"):
        return f"{url.partition('?')[0]}?db={number}"
    return urlunsplit(urlsplit(url)._replace(path=f"/{number}"))
