"""The process tree, with real processes that live for a moment."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from zikra_portal.supervision import LOG_BYTES, Part, PartFailedError, StopRequested, Supervisor

pytestmark = pytest.mark.processes

SLEEPER = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)
DYING = "import sys; print('first line'); print('the reason'); sys.exit(3)"
PARENT = (
    "import subprocess, sys, time; c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    "print('child', c.pid, flush=True); time.sleep(600)"
)


def part(name: str, code: str, **more: object) -> Part:
    return Part(name, [sys.executable, "-c", code], dict(os.environ), **more)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    for name in ("log", "run"):
        (tmp_path / name).mkdir()
    with Supervisor(tmp_path / "log", tmp_path / "run", said.append) as running:
        yield running


def pid_of(supervisor: Supervisor, name: str) -> int:
    return int(json.loads((supervisor.pids / f"{name}.pid").read_text())["pid"])


def until(condition: Callable[[], bool], supervisor: Supervisor, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        supervisor.pause(0.05)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_killed_part_is_started_again(supervisor: Supervisor, said: list[str]) -> None:
    supervisor.start(part("sleeper", SLEEPER))
    supervisor.wait_until_ready(["sleeper"])
    first = pid_of(supervisor, "sleeper")
    os.kill(first, signal.SIGKILL)
    until(lambda: pid_of(supervisor, "sleeper") != first, supervisor)
    assert supervisor.runs("sleeper")
    assert said == ["sleeper ended (killed by SIGKILL); starting it again"]


def test_a_pid_file_is_replaced_and_never_half_there(supervisor: Supervisor) -> None:
    supervisor.start(part("sleeper", SLEEPER))
    first = pid_of(supervisor, "sleeper")
    seen_before = supervisor.pids / "seen before"
    os.link(supervisor.pids / "sleeper.pid", seen_before)
    os.kill(first, signal.SIGKILL)
    until(lambda: pid_of(supervisor, "sleeper") != first, supervisor)
    assert json.loads(seen_before.read_text())["pid"] == first


def test_the_children_of_a_killed_part_are_ended_before_it_starts_again(supervisor: Supervisor) -> None:
    log = supervisor.log_of("parent")
    supervisor.start(part("parent", PARENT, answers=lambda: "child" in log.read_text()))
    supervisor.wait_until_ready(["parent"])
    child = int(log.read_text().split()[1])
    os.kill(pid_of(supervisor, "parent"), signal.SIGKILL)
    until(lambda: is_gone(child), supervisor)


def test_a_part_that_dies_twice_before_it_answers_ends_the_start(supervisor: Supervisor) -> None:
    supervisor.start(part("dying", DYING, answers=lambda: False))
    with pytest.raises(PartFailedError) as caught:
        supervisor.wait_until_ready(["dying"])
    assert str(caught.value).startswith("dying ended 2 times within 0 s (exit code 3); its log is ")
    assert caught.value.details == ["first line", "the reason"]


def test_a_part_that_keeps_dying_later_ends_the_portal(
    supervisor: Supervisor, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zikra_portal.supervision.RESTART_PAUSES", (0.01,))
    supervisor.start(part("sleeper", SLEEPER))
    supervisor.wait_until_ready(["sleeper"])
    seen: set[int] = set()

    def kill_every_new_one() -> bool:
        pid = pid_of(supervisor, "sleeper")
        if pid not in seen:
            seen.add(pid)
            os.kill(pid, signal.SIGKILL)
        return False

    with pytest.raises(PartFailedError, match="sleeper ended 6 times"):
        until(kill_every_new_one, supervisor)
    assert len(seen) == 6
    assert said == ["sleeper ended (killed by SIGKILL); starting it again"] * 5


def test_a_part_waits_for_what_it_needs_and_its_end_is_not_held_against_it(
    supervisor: Supervisor, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zikra_portal.supervision.NEEDS_PAUSE", 0.05)
    asked: list[bool] = []
    supervisor.start(part("needy", SLEEPER, needs_answer=lambda: asked.append(True) or len(asked) > 5))
    first = pid_of(supervisor, "needy")
    os.kill(first, signal.SIGKILL)
    until(lambda: pid_of(supervisor, "needy") != first, supervisor)
    # Once when it ended, then until the answer was yes.
    assert len(asked) == 6
    assert said == ["needy ended (killed by SIGKILL); starting it again"]


def test_a_part_that_never_answers_is_named_with_the_time_it_had(supervisor: Supervisor) -> None:
    supervisor.start(part("silent", SLEEPER, answers=lambda: False, ready_seconds=0.3))
    with pytest.raises(PartFailedError, match="silent did not answer within 0 seconds"):
        supervisor.wait_until_ready(["silent"])


def test_parts_stop_in_reverse_order_and_leave_no_pid_file(tmp_path: Path) -> None:
    order = tmp_path / "order"
    code = (
        "import signal, sys, time\n"
        "def stop(*_):\n    open({path!r}, 'a').write({name!r} + ' ')\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\nprint('up', flush=True)\ntime.sleep(600)"
    )
    with Supervisor(tmp_path, tmp_path, print) as supervisor:
        for name in ("first", "second", "third"):
            log = supervisor.log_of(name)
            ready = lambda log=log: "up" in log.read_text()  # noqa: E731
            supervisor.start(part(name, code.format(path=str(order), name=name), answers=ready))
        supervisor.wait_until_ready(["first", "second", "third"])
    assert order.read_text() == "third second first "
    assert list(tmp_path.glob("*.pid")) == []


def test_a_part_that_does_not_stop_is_killed_and_named(tmp_path: Path, said: list[str]) -> None:
    with Supervisor(tmp_path, tmp_path, said.append) as supervisor:
        log = supervisor.log_of("deaf")
        stop_steps = ((signal.SIGTERM, 0.3),)
        supervisor.start(part("deaf", STUBBORN, stop_steps=stop_steps, answers=lambda: "deaf" in log.read_text()))
        supervisor.wait_until_ready(["deaf"])
        pid = pid_of(supervisor, "deaf")
    assert is_gone(pid)
    assert said == [f"deaf did not stop in time and was killed; see {tmp_path / 'deaf.log'}"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_watch_at_once(supervisor: Supervisor, number: int) -> None:
    supervisor.start(part("sleeper", SLEEPER))
    threading.Timer(0.2, os.kill, (os.getpid(), number)).start()
    began = time.monotonic()
    supervisor.watch()
    assert time.monotonic() - began < 2
    with pytest.raises(StopRequested):
        supervisor.pause(0)


def test_the_handlers_of_the_caller_come_back(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)]
    with Supervisor(tmp_path, tmp_path, print):
        pass
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)] == before


def test_a_step_that_fails_shows_the_end_of_its_own_output(supervisor: Supervisor) -> None:
    assert supervisor.run_once(part("step", "print('done')")) == "done\n"
    with pytest.raises(PartFailedError, match=r"step failed \(exit code 3\)") as caught:
        supervisor.run_once(part("step", DYING))
    assert caught.value.details == ["first line", "the reason"]


def test_a_command_that_is_not_there_is_named(supervisor: Supervisor) -> None:
    with pytest.raises(PartFailedError, match="ghost cannot be started: .*no-such-program"):
        supervisor.start(Part("ghost", ["/no-such-program"], {}))


def test_leftovers_of_a_killed_portal_are_ended_and_strangers_are_not(supervisor: Supervisor, said: list[str]) -> None:
    ours, stranger = (subprocess.Popen([sys.executable, "-c", SLEEPER]) for _ in range(2))
    try:
        started = psutil.Process(ours.pid).create_time()
        (supervisor.pids / "web.pid").write_text(json.dumps({"pid": ours.pid, "started": started}))
        # Its number was given to another process since: the start time differs.
        (supervisor.pids / "beat.pid").write_text(json.dumps({"pid": stranger.pid, "started": started - 100}))
        (supervisor.pids / "worker.pid").write_text("half a file")
        supervisor.clear_leftovers()
        assert ours.wait(10) in (0, -signal.SIGTERM)
        assert stranger.poll() is None
        assert said == [f"Stopping web (pid {ours.pid}), left over from a portal that was killed"]
        assert list(supervisor.pids.glob("*.pid")) == []
    finally:
        for process in (ours, stranger):
            process.kill()
            process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
def test_parts_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from zikra_portal.supervision import Part, Supervisor\n"
        f"with Supervisor(Path({str(tmp_path)!r}), Path({str(tmp_path)!r}), print) as s:\n"
        f"    s.start(Part('sleeper', [sys.executable, '-c', {SLEEPER!r}], dict(os.environ)))\n"
        "    print('started', flush=True)\n"
        "    s.watch()\n"
    )
    root = Path(__file__).parents[2]
    killed = subprocess.Popen([sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "started\n"
    pid = int(json.loads((tmp_path / "sleeper.pid").read_text())["pid"])
    killed.kill()
    killed.wait()
    deadline = time.monotonic() + 5
    while not is_gone(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_large_log_is_moved_aside_at_the_start(supervisor: Supervisor) -> None:
    log = supervisor.log_of("step")
    log.write_bytes(b"x" * (LOG_BYTES + 1))
    supervisor.run_once(part("step", "print('new')"))
    assert log.read_text() == "new\n"
    assert log.with_suffix(".log.1").stat().st_size == LOG_BYTES + 1


def test_a_log_that_grows_large_is_cut_while_its_part_writes_on(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zikra_portal.supervision.LOG_BYTES", 1000)
    monkeypatch.setattr("zikra_portal.supervision.LOG_CHECK_SECONDS", 0.1)
    supervisor.start(part("writer", "import time\nwhile True:\n    print('x' * 99, flush=True); time.sleep(0.005)"))
    aside = supervisor.log_of("writer").with_suffix(".log.1")
    until(aside.exists, supervisor)
    until(lambda: supervisor.log_of("writer").stat().st_size > 0, supervisor)
    assert supervisor.log_of("writer").read_bytes().startswith(b"x")
