"""`up` as a person meets it: one real portal, killed in every way, and the refusals."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from zikra_portal.embedded.errors import StartError
from zikra_portal.starting import check_postgresql, check_redis, web_answers, without_password

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
PARTS = ("beat", "postgresql", "valkey", "web", "worker")
READY_SECONDS = 90


def own_environment(**more: str) -> dict[str, str]:
    """The environment of a person who has set nothing."""
    mine = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ZIKRA_DATA_DIR", "PORTAL_URL", "PYTEST_CURRENT_TEST")
    return {name: value for name, value in os.environ.items() if name not in mine} | more


def run_up(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "manage.py"), "up", "--port", "0", *arguments]
    return subprocess.run(
        command, env=own_environment(**environment), capture_output=True, text=True, check=False, timeout=READY_SECONDS
    )


class Portal:
    """A portal that `up` runs in a process of its own."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.lines: list[str] = []
        command = [sys.executable, str(ROOT / "manage.py"), "up", "--data-dir", str(data_dir), "--port", "0"]
        self.process = subprocess.Popen(
            command,
            env=own_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.until(lambda: self.address is not None or self.process.poll() is not None, READY_SECONDS)
        assert self.address is not None, "\n".join(self.lines)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def address(self) -> str | None:
        ready = [line.removeprefix("Ready: ") for line in self.lines if line.startswith("Ready: ")]
        return ready[0] if ready else None

    @property
    def port(self) -> int:
        assert self.address is not None
        return int(self.address.rpartition(":")[2])

    def pid(self, part: str) -> int:
        return int(json.loads((self.data_dir / "run" / f"{part}.pid").read_text())["pid"])

    def pids(self) -> dict[str, int]:
        return {part: self.pid(part) for part in PARTS}

    def database(self) -> psycopg.Connection:
        url = re.search(r"^DATABASE_URL='(.*)'$", (self.data_dir / "run" / "portal.env").read_text(), re.MULTILINE)
        assert url is not None
        return psycopg.connect(url[1], autocommit=True)

    def answers(self) -> bool:
        return web_answers("127.0.0.1", self.port, "")

    def everything(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        code = self.process.wait(60)
        self.reader.join(5)
        return code

    @staticmethod
    def until(condition: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="zu-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def portals(place: Path) -> Iterator[list[Portal]]:
    """The portal that runs now is the last one; a test that ends it starts the next."""
    started = [Portal(place / "data")]
    yield started
    for portal in started:
        if portal.process.poll() is None:
            portal.end(signal.SIGTERM)


@pytest.fixture
def portal(portals: list[Portal]) -> Portal:
    return portals[-1]


def test_it_says_where_to_go_and_answers(portal: Portal) -> None:
    assert portal.lines[-1] == f"Ready: http://127.0.0.1:{portal.port}"
    assert portal.lines[0] == f"PostgreSQL       embedded, {portal.data_dir / 'postgresql'} (new)"
    assert len(portal.lines) <= 8
    for path in ("health", "ready"):
        with urllib.request.urlopen(f"{portal.address}/{path}", timeout=10) as answer:
            assert json.load(answer)["status"] == "ok"


def test_the_owner_finds_a_token_and_nobody_else_does(portal: Portal) -> None:
    token = portal.data_dir / "owner.token"
    assert f"Owner’s token    {token}" in portal.lines
    assert len(token.read_text().strip()) > 40
    for closed in (token, portal.data_dir / "secret.key", portal.data_dir / "run" / "portal.env"):
        assert stat.S_IMODE(closed.stat().st_mode) == 0o600


def test_only_the_web_listens_on_a_port(portal: Portal) -> None:
    ports = {
        (process.pid, connection.laddr.port)
        for process in portal.everything()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert {port for _, port in ports} == {portal.port}
    assert portal.pid("postgresql") not in {pid for pid, _ in ports}
    assert portal.pid("valkey") not in {pid for pid, _ in ports}


def test_no_part_runs_with_root_rights_over_the_data(portal: Portal) -> None:
    for part in ("postgresql", "valkey"):
        assert psutil.Process(portal.pid(part)).uids().effective == (portal.data_dir / part).stat().st_uid
        assert psutil.Process(portal.pid(part)).uids().effective != 0


def test_other_commands_reach_the_running_portal(portal: Portal) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "showmigrations", "--plan", "access"],
        env=own_environment(ZIKRA_DATA_DIR=str(portal.data_dir)),
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    assert "[X]  access.0001_initial" in done.stdout
    assert "[ ]" not in done.stdout


def test_a_second_start_on_its_data_is_refused(portal: Portal) -> None:
    done = run_up("--data-dir", str(portal.data_dir))
    message = f"A portal is already running on {portal.data_dir}, pid {portal.process.pid}\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message)


def test_a_taken_port_is_named(portal: Portal, place: Path) -> None:
    done = run_up("--data-dir", str(place / "other"), "--port", str(portal.port))
    message = f"Port {portal.port} on 127.0.0.1 is taken by another program: stop it or name another port with --port\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message)


def test_every_killed_part_comes_back_and_nothing_acknowledged_is_lost(portal: Portal) -> None:
    with portal.database() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'acknowledged' AS word")
    before = portal.pids()
    for killed in (("web", "worker", "beat"), ("valkey", "postgresql")):
        for part in killed:
            os.kill(before[part], signal.SIGKILL)
        for part in killed:
            portal.until(lambda part=part: portal.pid(part) != before[part], 20)
        portal.until(portal.answers, 30)
    with portal.database() as connection:
        assert connection.execute("SELECT word FROM kept").fetchone() == ("acknowledged",)
    portal.until(lambda: worker_pings(portal), 30)
    # Nobody else fell with them.
    assert sorted(line for line in portal.lines if "ended" in line) == [
        f"{part} ended (killed by SIGKILL); starting it again" for part in PARTS
    ]


def worker_pings(portal: Portal) -> bool:
    from zikra_portal.embedded.valkey import broker_url
    from zikra_portal.starting import worker_answers

    address = broker_url(f"unix://{portal.data_dir}/run/sockets/valkey.sock?db=0")
    return worker_answers(address, f"portal-{portal.port}@{socket.gethostname()}")


def test_a_killed_web_process_and_a_killed_session_are_replaced_inside_their_parts(portal: Portal) -> None:
    before = portal.pids()
    victim = psutil.Process(before["web"]).children()[0]
    with portal.database() as connection:
        backend = connection.info.backend_pid
        victim.kill()
        os.kill(backend, signal.SIGKILL)
    portal.until(lambda: not lives(victim), 10)
    portal.until(portal.answers, 30)
    assert portal.pids() == before


def test_a_killed_supervisor_takes_everything_along_and_the_next_start_has_the_data(portals: list[Portal]) -> None:
    killed = portals[-1]
    family = killed.everything()
    assert len(family) > len(PARTS)
    killed.process.kill()
    killed.process.wait()
    portals.append(Portal(killed.data_dir))
    assert [process for process in family if lives(process)] == []
    with portals[-1].database() as connection:
        assert connection.execute("SELECT word FROM kept").fetchone() == ("acknowledged",)
    assert "Migrations       up to date" in portals[-1].lines


@pytest.mark.parametrize("number", [signal.SIGTERM])
def test_asked_to_stop_it_stops_everything_and_says_so(portal: Portal, number: int) -> None:
    family = portal.everything()
    assert portal.end(number) == 0
    assert portal.lines[-2:] == ["Stopping", "Stopped"]
    assert [process for process in family if lives(process)] == []
    assert [entry.name for entry in (portal.data_dir / "run").iterdir()] == ["sockets"]
    assert "database system is shut down" in (portal.data_dir / "log" / "postgresql.log").read_text().splitlines()[-1]
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{portal.address}/health", timeout=2)


def test_interrupted_while_it_starts_it_stops_cleanly(place: Path) -> None:
    command = [sys.executable, str(ROOT / "manage.py"), "up", "--data-dir", str(place / "data"), "--port", "0"]
    starting = subprocess.Popen(command, env=own_environment(), stdout=subprocess.PIPE, text=True)
    assert starting.stdout is not None
    assert starting.stdout.readline().startswith("PostgreSQL       embedded")
    family = psutil.Process(starting.pid).children(recursive=True)
    starting.send_signal(signal.SIGINT)
    rest, _ = starting.communicate(timeout=30)
    assert starting.returncode == 0
    assert rest.splitlines()[-2:] == ["Stopping", "Stopped"]
    assert [process for process in family if lives(process)] == []


class TestRefusals:
    """One clear line, code 1, nothing left running."""

    def refused(self, *arguments: str, **environment: str) -> str:
        done = run_up(*arguments, **environment)
        assert done.returncode == 1
        assert "Traceback" not in done.stdout + done.stderr
        assert "Ready" not in done.stdout
        return done.stderr.removesuffix("\n")

    def test_a_data_directory_that_cannot_be_made(self) -> None:
        said = self.refused("--data-dir", "/dev/null/data")
        assert said == (
            "The data directory /dev/null/data cannot be used: Not a directory (/dev/null/data). "
            "Name another with --data-dir"
        )

    def test_a_cluster_of_a_newer_postgresql(self, place: Path) -> None:
        cluster = place / "newer" / "postgresql"
        cluster.mkdir(parents=True)
        (cluster / "PG_VERSION").write_text("19\n")
        said = self.refused("--data-dir", str(place / "newer"))
        assert said.startswith(f"{cluster} was made by PostgreSQL 19 and this portal brings PostgreSQL 18: dump it")

    def test_a_host_that_is_not_here(self, place: Path) -> None:
        said = self.refused("--data-dir", str(place / "host"), "--host", "203.0.113.9")
        assert re.fullmatch(r"The portal cannot listen on 203.0.113.9 port \d+: Cannot assign requested address", said)

    def test_a_database_of_ones_own_that_does_not_answer(self, place: Path) -> None:
        url = "postgresql://ana:hush@127.0.0.1:1/zikra"
        said = self.refused("--data-dir", str(place / "own"), DATABASE_URL=url)
        assert said.startswith(
            "The PostgreSQL of DATABASE_URL (postgresql://ana:…@127.0.0.1:1/zikra) does not answer: "
        )
        assert "hush" not in said
        assert "\n" not in said

    @pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="a small disk can only be made by root")
    @pytest.mark.parametrize(("megabytes", "stage"), [(20, "before it starts"), (170, "while it runs")])
    def test_a_full_disk(self, place: Path, megabytes: int, stage: str) -> None:
        disk = place / f"disk{megabytes}"
        disk.mkdir()
        size = f"size={megabytes}m,mode=711"
        if subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(disk)], check=False).returncode != 0:
            pytest.skip("this machine lets nobody mount")
        filler = None
        try:
            if stage == "while it runs":
                filler = fill_once_there_is_a_cluster(disk)
            said = self.refused("--data-dir", str(disk / "data"))
        finally:
            if filler is not None:
                filler.join(10)
            subprocess.run(["umount", "-l", str(disk)], check=True)
        assert f"The disk that holds {disk / 'data'} is full" in said.splitlines()[-1]


def fill_once_there_is_a_cluster(disk: Path) -> threading.Thread:
    """Fill `disk` to its last byte as soon as a cluster is being made on it."""

    def fill() -> None:
        deadline = time.monotonic() + 30
        while not list(disk.glob("data/postgresql*/base")) and time.monotonic() < deadline:
            time.sleep(0.005)
        try:
            with (disk / "filler").open("wb", buffering=0) as filler:
                while True:
                    filler.write(b"x" * 65536)
        except OSError:
            return

    thread = threading.Thread(target=fill)
    thread.start()
    return thread


def test_servers_of_ones_own_are_asked_before_anything_starts() -> None:
    # The servers of this test session are such servers.
    check_postgresql(os.environ["DATABASE_URL"])
    check_redis(os.environ["REDIS_URL"])
    with pytest.raises(StartError, match=r"REDIS_URL \(redis://127.0.0.1:1/0\) does not answer"):
        check_redis("redis://127.0.0.1:1/0")


def test_a_password_is_never_shown() -> None:
    assert without_password("redis://:hush@queue:6379/0") == "redis://:…@queue:6379/0"
    assert without_password("postgresql://ana:hush@db/zikra?a=b") == "postgresql://ana:…@db/zikra?a=b"
    assert without_password("unix:///run/valkey.sock?db=0") == "unix:///run/valkey.sock?db=0"


def test_help_lists_up_among_the_commands() -> None:
    command = [sys.executable, str(ROOT / "manage.py"), "up", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=own_environment())
    assert "--data-dir" in done.stdout
    assert "Ctrl-C stops it." in " ".join(done.stdout.split())
