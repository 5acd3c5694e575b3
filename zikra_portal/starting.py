"""Start the whole portal: servers, migrations, web, worker and beat, as one foreground process tree."""

import contextlib
import errno
import hashlib
import http.client
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import environ
import psycopg
import redis
from celery import Celery

from zikra_portal.embedded.account import Account, account_for_servers
from zikra_portal.embedded.data_directory import DataDirectory
from zikra_portal.embedded.errors import StartError
from zikra_portal.embedded.postgresql import EmbeddedPostgresql
from zikra_portal.embedded.valkey import EmbeddedValkey, broker_url, environment_of_servers
from zikra_portal.supervision import Part, PartFailedError, StopRequested, Supervisor

BASE_DIR = Path(__file__).resolve().parent.parent
OLDEST_POSTGRESQL = 160000  # 16.0, as PostgreSQL counts
CONNECT_SECONDS = 5
# Connections that wait while the web starts, or starts again after it was killed.
WAITING_CONNECTIONS = 512
# Web answers go before background work; on an idle machine the worker still gets everything.
WORKER_NICENESS = 10
# What the system says, and what PostgreSQL says where a page found room for its first half only.
FULL = ("No space left on device", ": wrote only ")
Say = Callable[[str], None]


def says_full(text: str) -> bool:
    """Whether a part's last words are those of a full disk."""
    return any(words in text for words in FULL)


@dataclass(frozen=True)
class Choices:
    """What the person who starts the portal chose: the data directory, and the address and port (0: any free)."""

    data_dir: Path
    host: str
    port: int


def run_portal(choices: Choices, say: Say) -> None:
    """Start the portal, print `Ready: …` when everything answers, and keep it alive until asked to stop.

    say: prints one line. Raises StartError when it cannot start or go on; everything is stopped by then.
    """
    # Logs and keys are nobody else's to read.
    os.umask(0o077)
    data = DataDirectory(choices.data_dir)
    data.make()
    with data.locked(), _disk_full_explained(data), Supervisor(data.logs, data.run, say) as supervisor:
        supervisor.clear_leftovers()
        try:
            with _listening(choices.host, choices.port) as door, contextlib.suppress(StopRequested):
                portal = _Portal(data, supervisor, door, choices.host, say)
                portal.start()
                say(f"Ready: {portal.address}")
                supervisor.watch()
            say("Stopping")
        finally:
            data.remove_addresses()
    say("Stopped")


def read_env_file() -> None:
    """Take settings from the `.env` file (or the one that ZIKRA_ENV_FILE names) that the environment does not set."""
    environ.Env.read_env(os.environ.get("ZIKRA_ENV_FILE") or str(BASE_DIR / ".env"))


class _Portal:
    def __init__(self, data: DataDirectory, supervisor: Supervisor, door: socket.socket, host: str, say: Say) -> None:
        self.data = data
        self.supervisor = supervisor
        self.door = door
        self.say = say
        self.port: int = door.getsockname()[1]
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        self.environment = dict(os.environ)

    def start(self) -> None:
        """Start every part in its order and wait until all answer."""
        self._name_settings()
        self._start_servers()
        self.data.write_addresses(
            {name: self.environment[name] for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY")}
        )
        # Preparing takes seconds that nobody need wait for when the last start left nothing to prepare.
        prepared = self._is_prepared()
        if not prepared:
            self._prepare_database()
        parts = [self._web(), self._worker(), self._beat()]
        for part in parts:
            self.supervisor.start(part)
        if prepared:
            self._prepare_database()
        self.supervisor.wait_until_ready([part.name for part in parts])
        self.say(f"Web and worker   logs in {self.data.logs}")

    def _name_settings(self) -> None:
        self.environment["ZIKRA_DATA_DIR"] = str(self.data.path)
        self.environment["DJANGO_SETTINGS_MODULE"] = "zikra_portal.settings"
        self.environment.setdefault("PORTAL_URL", f"http://{_reachable(self.door)[0]}:{self.port}")
        if not self.environment.get("SECRET_KEY"):
            self.environment["SECRET_KEY"] = self.data.secret_key()

    def _start_servers(self) -> None:
        database_url, redis_url = self.environment.get("DATABASE_URL"), self.environment.get("REDIS_URL")
        if database_url:
            check_postgresql(database_url)
            self.say(f"PostgreSQL       {without_password(database_url)}")
        else:
            self._start_postgresql(EmbeddedPostgresql(self.data.postgresql, self._sockets, self._account))
        if redis_url:
            check_redis(redis_url)
            self.say(f"Redis            {without_password(redis_url)}")
        else:
            self._start_valkey(EmbeddedValkey(self.data.valkey, self._sockets, self._account))

    @cached_property
    def _account(self) -> Account:
        return account_for_servers(self.data.postgresql)

    @cached_property
    def _sockets(self) -> Path:
        return self.data.make_socket_directory(self._account, self.say)

    def _start_postgresql(self, server: EmbeddedPostgresql) -> None:
        with self.data.explained():
            made = server.prepare(self.say)
        self.supervisor.start(
            Part(
                "postgresql",
                server.command(),
                environment_of_servers(),
                # Fast shutdown: ends the sessions and writes a checkpoint. Immediate shutdown if that hangs.
                stop_steps=((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0)),
                signal_when_orphaned=signal.SIGINT,
                account=server.account,
                directory=server.data,
            )
        )
        self._wait_for_server("postgresql", server)
        server.make_database()
        self.environment["DATABASE_URL"] = server.url()
        self.say(f"PostgreSQL       embedded, {server.data}{' (new)' if made else ''}")

    def _start_valkey(self, server: EmbeddedValkey) -> None:
        with self.data.explained():
            server.prepare(self.say)
        self.supervisor.start(
            Part(
                "valkey",
                server.command(),
                environment_of_servers(),
                account=server.account,
                directory=server.data,
                before_start=lambda: server.prepare(self.say),
            )
        )
        self._wait_for_server("valkey", server)
        self.environment["REDIS_URL"] = server.url()
        self.say(f"Valkey           embedded, {server.data}")

    def _wait_for_server(self, name: str, server: EmbeddedPostgresql | EmbeddedValkey) -> None:
        try:
            server.wait_until_ready(lambda: self.supervisor.runs(name))
        except StartError as error:
            raise self.supervisor.failure(name, str(error)) from error

    def _prepare_database(self) -> None:
        command = [sys.executable, str(BASE_DIR / "manage.py"), "prepare", "--data-dir", str(self.data.path)]
        written = self.supervisor.run_once(Part("prepare", command, self.environment, directory=BASE_DIR))
        applied = written.count("  Applying ")
        self.say(f"Migrations       {f'{applied} applied' if applied else 'up to date'}")
        for label, file in (("token", self.data.owner_token), ("password", self.data.owner_password)):
            if file.exists():
                self.say(f"{f'Owner’s {label}':<17}{file}")
        with self.data.explained():
            self.data.prepared.write_text(self._fingerprint())

    def _is_prepared(self) -> bool:
        try:
            return self.data.prepared.read_text() == self._fingerprint()
        except (FileNotFoundError, psycopg.Error):
            return False

    def _fingerprint(self) -> str:
        """Answer what stays the same as long as there is nothing to migrate: the code's side and the database's."""
        with psycopg.connect(**_connection_arguments(self.environment["DATABASE_URL"])) as connection:
            applied = connection.execute("SELECT count(*), max(id) FROM django_migrations").fetchone()
        code = hashlib.sha256((BASE_DIR / "requirements.txt").read_bytes())
        for migration in sorted(BASE_DIR.glob("*/migrations/*.py")):
            code.update(migration.read_bytes())
        return f"{code.hexdigest()} {applied}"

    def _servers_answer(self) -> bool:
        try:
            check_redis(self.environment["REDIS_URL"])
            check_postgresql(self.environment["DATABASE_URL"])
        except StartError:
            return False
        return True

    def _web(self) -> Part:
        descriptor = self.door.fileno()
        return Part(
            "web",
            [sys.executable, "-m", "gunicorn", "-c", "python:zikra_portal.web_server"],
            {**self.environment, "ZIKRA_BIND": f"fd://{descriptor}"},
            needs_answer=self._servers_answer,
            answers=lambda: web_answers(*_reachable(self.door), self.environment.get("ALLOWED_HOSTS", "")),
            directory=BASE_DIR,
            keep_open=[descriptor],
        )

    def _worker(self) -> Part:
        concurrency = self.environment.get("WORKER_PROCESSES", "2")
        # Celery's talk with other workers at its start takes a second and tells a lone one nothing.
        alone = ["--without-mingle", "--without-gossip"]
        name = f"portal-{self.port}"
        broker = broker_url(self.environment["REDIS_URL"])
        return Part(
            "worker",
            [*_CELERY, "worker", "--loglevel", "INFO", "--concurrency", concurrency, *alone, "-n", f"{name}@%h"],
            self.environment,
            needs_answer=self._servers_answer,
            answers=lambda: worker_answers(broker, f"{name}@{socket.gethostname()}"),
            # Warm: the running tasks end. Cold: they are given back to the queue.
            stop_steps=((signal.SIGTERM, 15.0), (signal.SIGQUIT, 5.0)),
            # The queue dies in the same moment, and no clean end is possible without it.
            signal_when_orphaned=signal.SIGKILL,
            directory=BASE_DIR,
            niceness=WORKER_NICENESS,
        )

    def _beat(self) -> Part:
        # Beat writes this once it is set up, right before its first tick.
        lock = self.data.run / "beat.lock"
        return Part(
            "beat",
            [*_CELERY, "beat", "--loglevel", "INFO", "--pidfile", str(lock)],
            self.environment,
            needs_answer=self._servers_answer,
            answers=lock.exists,
            stop_steps=((signal.SIGTERM, 5.0),),
            directory=BASE_DIR,
            niceness=WORKER_NICENESS,
            before_start=lambda: lock.unlink(missing_ok=True),
        )


# `prepare` makes the checks of the same code beside it; they would import every page once more for each of them.
_CELERY = [sys.executable, "-m", "celery", "-A", "zikra_portal", "--skip-checks"]


def check_postgresql(url: str) -> None:
    """Ask the operator's PostgreSQL whether the portal can use it.

    Raises StartError when it does not answer, is older than 16 or lacks pgvector.
    """
    server = f"The PostgreSQL of DATABASE_URL ({without_password(url)})"
    try:
        with psycopg.connect(**_connection_arguments(url)) as connection:
            version = connection.info.server_version
            vector = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").fetchone()
    except psycopg.Error as error:
        raise StartError(f"{server} does not answer: {' '.join(str(error).split())}") from error
    if version < OLDEST_POSTGRESQL:
        raise StartError(f"{server} is version {version // 10000}; the portal needs PostgreSQL 16 or newer")
    if vector is None:
        raise StartError(f"{server} has no pgvector: install its extension 'vector' there")


def _connection_arguments(url: str) -> dict[str, Any]:
    parts = environ.Env.db_url_config(url)
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    arguments = {name: parts[key] for name, key in names.items() if parts.get(key)}
    return {**arguments, **parts.get("OPTIONS", {}), "connect_timeout": CONNECT_SECONDS}


def check_redis(url: str) -> None:
    """Ask the operator's Redis server whether it answers; raises StartError when not."""
    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=CONNECT_SECONDS
        ) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise StartError(f"The server of REDIS_URL ({without_password(url)}) does not answer: {error}") from error


def web_answers(host: str, port: int, allowed_hosts: str) -> bool:
    """Answer whether `GET /ready` is answered with 200.

    allowed_hosts: the setting ALLOWED_HOSTS, whose first name the request must carry.
    """
    first = allowed_hosts.split(",")[0].strip().lstrip(".")
    connection = http.client.HTTPConnection(host, port, timeout=1)
    try:
        connection.request("GET", "/ready", headers={"Host": first} if first and first != "*" else {})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def worker_answers(broker: str, name: str) -> bool:
    """Answer whether the Celery worker `name` answers a ping through `broker`."""
    with Celery("ready", broker=broker, set_as_current=False) as app:
        try:
            return bool(app.control.ping(destination=[name], timeout=0.5, limit=1))
        except (redis.RedisError, OSError):
            return False


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise StartError(f"--host {host} is no address of this machine: {error.strerror}") from error
    with socket.socket(family, kind, protocol) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(address)
            door.listen(WAITING_CONNECTIONS)
        except PermissionError as error:
            raise StartError(f"Port {port} is reserved for root: name one from 1024 up with --port") from error
        except OSError as error:
            raise StartError(_why_no_port(host, port, error)) from error
        yield door


def _why_no_port(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken by another program: stop it or name another port with --port"
    return f"The portal cannot listen on {host} port {port}: {error.strerror}"


def _reachable(door: socket.socket) -> tuple[str, int]:
    host, port = door.getsockname()[:2]
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port  # noqa: S104 compared, not bound


def without_password(url: str) -> str:
    """Answer `url` with its password hidden, for messages."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user_and_password, _, server = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user_and_password.partition(':')[0]}:…@{server}"))


@contextlib.contextmanager
def _disk_full_explained(data: DataDirectory) -> Iterator[None]:
    try:
        with data.explained():
            yield
    except PartFailedError as error:
        # The part that failed says so in its log, unless the log had no room for it.
        if says_full(error.log) or says_full(str(error)) or data.is_disk_full():
            raise data.disk_full() from error
        raise
    except StartError as error:
        if says_full(str(error)):
            raise data.disk_full() from error
        raise
