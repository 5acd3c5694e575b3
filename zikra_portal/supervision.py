"""One foreground process tree: start the parts, keep them alive, stop them in order.

A part that dies is started again after a growing pause; one that keeps dying ends the whole tree with one
clear line. Each part leads a process group of its own, so that Ctrl-C reaches only this process, which then
stops the parts in the reverse of the order they were started in. Linux tells the parts when this process is
killed; what survives anyway is found at the next start by the files in which every part's process is
written down.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import psutil

from zikra_portal.embedded.account import Account
from zikra_portal.embedded.data_directory import write_privately
from zikra_portal.embedded.errors import StartError
from zikra_portal.embedded.processes import signal_group, start_process

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# How often a part is asked whether it answers by now, in seconds.
READY_PAUSE = 0.1
# How long the loop sleeps when nothing happens; a signal or a dying part wakes it at once.
IDLE_SECONDS = 5.0
# Seconds before the first, second, … new start; the last one counts for all that follow.
RESTART_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)
# How often it is asked whether what a dead part needs is back, in seconds.
NEEDS_PAUSE = 0.5
# A part that ends this often within the window has a fault that another start does not heal.
DEATHS_TO_GIVE_UP = 6
DEATH_WINDOW_SECONDS = 60.0
# Before a part has answered for the first time its fault is most likely a wrong setting: say so soon.
DEATHS_TO_GIVE_UP_BEFORE_READY = 2
# A log is moved aside (one generation is kept) when it has grown past this.
LOG_BYTES = 10 * 1024 * 1024
LOG_CHECK_SECONDS = 60.0
TAIL_LINES = 15
# The start time of a process is known to a hundredth of a second; clocks are adjusted by less than this.
SAME_START_SECONDS = 1.0
# What a part that was left over gets to end by itself; PostgreSQL may have a checkpoint to write.
LEFTOVER_SECONDS = {"postgresql": 30.0}
OTHER_LEFTOVER_SECONDS = 5.0


class StopRequested(Exception):
    """Someone asked the portal to stop."""


@dataclass(frozen=True)
class Part:
    """A process that the portal consists of.

    name: what it is called in messages, logs and pid files. command, environment, directory, account,
    keep_open: how it is started, see `start_process`. niceness: how far it steps back once it has answered; while
    it starts everybody waits for it. answers: whether it does its work by now.
    needs_answer: whether what it cannot work without answers; until then it is not started again, and its end
    is not held against it. ready_seconds: how long that may take. stop_steps: signals to stop it with, each with
    the seconds it is given; what is left is killed. signal_when_orphaned: what it gets when this process is
    killed. before_start: what must be done before every start of it.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    stop_steps: Sequence[tuple[int, float]] = ((signal.SIGTERM, 10.0),)
    answers: Callable[[], bool] = lambda: True
    needs_answer: Callable[[], bool] = lambda: True
    ready_seconds: float = 60.0
    signal_when_orphaned: int = signal.SIGTERM
    directory: Path | None = None
    account: Account | None = None
    niceness: int = 0
    keep_open: Iterable[int] = ()
    before_start: Callable[[], None] = lambda: None


class PartFailedError(StartError):
    """A part ended and another start will not help; `details` are the last lines of its log."""

    def __init__(self, message: str, log: str) -> None:
        super().__init__(message)
        self.log = log
        self.details = [line for line in log.splitlines() if line.strip()][-TAIL_LINES:]


@dataclass
class _Running:
    part: Part
    process: subprocess.Popen[bytes]
    log_offset: int
    ready: bool = False
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=DEATHS_TO_GIVE_UP))
    start_again_at: float | None = None


class Supervisor:
    """Keeps the parts of one portal alive; use it as a context manager, from the main thread.

    logs, pids: directories for the parts' logs and pid files. say: told one line for whatever a person at
    the terminal should know.
    """

    def __init__(self, logs: Path, pids: Path, say: Callable[[str], None]) -> None:
        self.logs = logs
        self.pids = pids
        self.say = say
        self._running: dict[str, _Running] = {}
        self._stop_requests = 0
        self._logs_checked_at = time.monotonic()
        self._handlers: dict[int, object] = {}
        self._wake: tuple[int, int] | None = None

    def __enter__(self) -> "Supervisor":
        """Take over the signals that ask to stop."""
        self._wake = os.pipe()
        for end in self._wake:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            self._handlers[number] = signal.signal(number, self._request_stop)
        self._handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop every part, last started first, and give the signals back."""
        try:
            self.stop_all()
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in self._handlers.items():
                signal.signal(number, handler)  # type: ignore[arg-type]
            for end in self._wake or ():
                os.close(end)

    def start(self, part: Part) -> None:
        """Start a part and keep it alive from now on; do not wait until it answers.

        Raises PartFailedError when its command cannot be run at all.
        """
        self._move_large_log_aside(part.name)
        process, offset = self._launch(part)
        self._running[part.name] = _Running(part, process, offset)

    def run_once(self, part: Part) -> str:
        """Run a part to its end while the others are kept alive; answer what it wrote.

        Raises PartFailedError when it ends with another code than 0, StopRequested when someone asks to stop.
        """
        self._move_large_log_aside(part.name)
        process, offset = self._launch(part)
        try:
            while process.poll() is None:
                self.pause(IDLE_SECONDS)
        finally:
            signal_group(process, signal.SIGKILL)
            process.wait()
            self._pid_file(part.name).unlink(missing_ok=True)
        if process.returncode != 0:
            raise self._failure(part, f"{part.name} failed ({_how(process.returncode)})", offset)
        return self._written_since(part, offset)

    def runs(self, name: str) -> bool:
        """Answer whether the part's process lives; raises StopRequested when someone asked to stop."""
        self._raise_if_asked()
        return self._running[name].process.poll() is None

    def failure(self, name: str, said: str) -> "PartFailedError":
        """Answer the error that says `said` of a part, with the end of its log."""
        running = self._running[name]
        return self._failure(running.part, said, running.log_offset)

    def wait_until_ready(self, names: Sequence[str]) -> None:
        """Wait until every named part answers.

        Raises PartFailedError when one keeps dying or does not answer in its time, StopRequested when someone
        asks to stop.
        """
        began = time.monotonic()
        waiting = [self._running[name] for name in names]
        while waiting:
            for running in list(waiting):
                if running.process.poll() is None and running.part.answers():
                    running.ready = True
                    self._step_back(running)
                    waiting.remove(running)
                elif time.monotonic() - began > running.part.ready_seconds:
                    said = f"{running.part.name} did not answer within {running.part.ready_seconds:.0f} seconds"
                    raise self._failure(running.part, said, running.log_offset)
            if waiting:
                self.pause(READY_PAUSE)

    def watch(self) -> None:
        """Keep the parts alive until someone asks to stop.

        Raises PartFailedError when one keeps dying.
        """
        with contextlib.suppress(StopRequested):
            while True:
                self.pause(IDLE_SECONDS)

    def pause(self, seconds: float) -> None:
        """Let at most `seconds` pass, starting again what died.

        Raises StopRequested when someone asked to stop, PartFailedError when a part keeps dying.
        """
        self._raise_if_asked()
        self._sleep(min([seconds, *self._seconds_to_next_start()]))
        self._raise_if_asked()
        for running in self._running.values():
            self._tend(running)
        self._keep_logs_small()

    def stop_all(self) -> None:
        """Stop every part, last started first."""
        while self._running:
            _, running = self._running.popitem()
            self._stop(running)

    def clear_leftovers(self) -> None:
        """End what an earlier start left running because it was killed; it is known by pid and start time."""
        servers_last = sorted(self.pids.glob("*.pid"), key=lambda file: file.stem in ("valkey", "postgresql"))
        for file in servers_last:
            process = _process_of(file)
            if process is not None:
                self.say(f"Stopping {file.stem} (pid {process.pid}), left over from a portal that was killed")
                _end_leftover(process, file.stem)
            file.unlink(missing_ok=True)

    def log_of(self, name: str) -> Path:
        """Answer the file that a part's output goes to."""
        return self.logs / f"{name}.log"

    def _launch(self, part: Part) -> tuple[subprocess.Popen[bytes], int]:
        part.before_start()
        with self.log_of(part.name).open("ab") as log:
            offset = log.tell()
            try:
                process = start_process(
                    part.command,
                    environment=part.environment,
                    output=log,
                    account=part.account,
                    directory=part.directory,
                    signal_when_orphaned=part.signal_when_orphaned,
                    keep_open=part.keep_open,
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise PartFailedError(f"{part.name} cannot be started: {error}", "") from error
        # Without its pid file a part runs as well; on a full disk that matters more.
        with contextlib.suppress(psutil.Error, OSError):
            started = psutil.Process(process.pid).create_time()
            write_privately(self._pid_file(part.name), json.dumps({"pid": process.pid, "started": started}))
        return process, offset

    def _tend(self, running: _Running) -> None:
        if running.process.poll() is None:
            return
        if running.start_again_at is None:
            self._plan_new_start(running)
        elif time.monotonic() >= running.start_again_at:
            if not running.part.needs_answer():
                running.start_again_at = time.monotonic() + NEEDS_PAUSE
                return
            running.start_again_at = None
            running.process, running.log_offset = self._launch(running.part)
            self._step_back(running)

    @staticmethod
    def _step_back(running: _Running) -> None:
        if running.ready and running.part.niceness:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PGRP, running.process.pid, running.part.niceness)

    def _plan_new_start(self, running: _Running) -> None:
        now = time.monotonic()
        # Its own children have lost their parent and would hold its port, files or memory.
        signal_group(running.process, signal.SIGKILL)
        while running.deaths and now - running.deaths[0] > DEATH_WINDOW_SECONDS:
            running.deaths.popleft()
        if running.part.needs_answer():
            running.deaths.append(now)
        how = _how(running.process.returncode)
        limit = DEATHS_TO_GIVE_UP if running.ready else DEATHS_TO_GIVE_UP_BEFORE_READY
        count = len(running.deaths)
        if count >= limit:
            said = f"{running.part.name} ended {count} times within {now - running.deaths[0]:.0f} s ({how})"
            raise self._failure(running.part, said, running.log_offset)
        self.say(f"{running.part.name} ended ({how}); starting it again")
        running.start_again_at = now + RESTART_PAUSES[min(max(count, 1), len(RESTART_PAUSES)) - 1]

    def _seconds_to_next_start(self) -> list[float]:
        now = time.monotonic()
        planned = [running.start_again_at for running in self._running.values() if running.start_again_at is not None]
        return [max(0.0, moment - now) for moment in planned]

    def _stop(self, running: _Running) -> None:
        process = running.process
        for number, seconds in running.part.stop_steps:
            if process.poll() is None:
                process.send_signal(number)
            # A second Ctrl-C means: now.
            if self._ended_within(process, seconds if self._stop_requests < 2 else min(seconds, 2.0)):
                break
        else:
            self.say(f"{running.part.name} did not stop in time and was killed; see {self.log_of(running.part.name)}")
        signal_group(process, signal.SIGKILL)
        process.wait()
        self._pid_file(running.part.name).unlink(missing_ok=True)

    def _ended_within(self, process: subprocess.Popen[bytes], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while process.poll() is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._sleep(min(left, 0.2))
        return True

    def _sleep(self, seconds: float) -> None:
        if self._wake is None:
            time.sleep(seconds)
            return
        select.select([self._wake[0]], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake[0], 512):
                pass

    def _request_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_requests += 1

    def _raise_if_asked(self) -> None:
        if self._stop_requests:
            raise StopRequested

    def _pid_file(self, name: str) -> Path:
        return self.pids / f"{name}.pid"

    def _written_since(self, part: Part, offset: int) -> str:
        with self.log_of(part.name).open("rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")

    def _failure(self, part: Part, said: str, offset: int) -> PartFailedError:
        return PartFailedError(f"{said}; its log is {self.log_of(part.name)}", self._written_since(part, offset))

    def _move_large_log_aside(self, name: str) -> None:
        log = self.log_of(name)
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))

    def _keep_logs_small(self) -> None:
        if time.monotonic() - self._logs_checked_at < LOG_CHECK_SECONDS:
            return
        self._logs_checked_at = time.monotonic()
        for log in map(self.log_of, self._running):
            if log.exists() and log.stat().st_size > LOG_BYTES:
                # The part holds the file open for appending: keep the file, move only what is in it.
                with contextlib.suppress(OSError):
                    log.with_suffix(".log.1").write_bytes(log.read_bytes())
                os.truncate(log, 0)


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _process_of(file: Path) -> psutil.Process | None:
    try:
        written = json.loads(file.read_text())
        process = psutil.Process(int(written["pid"]))
        same = abs(process.create_time() - float(written["started"])) < SAME_START_SECONDS
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return process if same and process.status() != psutil.STATUS_ZOMBIE else None


def _end_leftover(process: psutil.Process, name: str) -> None:
    seconds = LEFTOVER_SECONDS.get(name, OTHER_LEFTOVER_SECONDS)
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        # PostgreSQL takes SIGTERM for "when the last session has ended".
        process.send_signal(signal.SIGINT if name == "postgresql" else signal.SIGTERM)
        try:
            process.wait(seconds)
        except psutil.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(seconds)
