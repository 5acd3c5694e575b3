"""Starting a process that stops when the one that started it is gone."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from zikra_portal.embedded.account import Account

# prctl(2): the signal that this process gets when its parent dies.
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def start_process(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    output: IO[bytes] | int,
    account: Account | None = None,
    directory: Path | None = None,
    signal_when_orphaned: int = signal.SIGTERM,
    keep_open: Iterable[int] = (),
) -> subprocess.Popen[bytes]:
    """Start `command` as a process group of its own, so that a Ctrl-C reaches only the one who started it.

    output: where its standard output and error go. account: whom to run as; None is the caller.
    signal_when_orphaned: what Linux sends it when the calling thread ends for whatever reason, so call from
    the main thread. keep_open: file descriptors that it inherits.
    Raises OSError when the command cannot be run.
    """
    switch = account is not None and account.switch
    return subprocess.Popen(  # noqa: S603 every caller passes a fixed program
        list(command),
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=directory,
        process_group=0,
        user=account.uid if account is not None and switch else None,
        group=account.gid if account is not None and switch else None,
        extra_groups=[] if switch else None,
        umask=0o077,
        pass_fds=tuple(keep_open),
        # Runs after the change of user, which would clear the signal again.
        preexec_fn=_tie_to_parent(signal_when_orphaned, os.getpid()),
    )


def signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    """Send signal `number` to a process of `start_process` and all that it started in its group; none left is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def stop_process(process: subprocess.Popen[bytes], *, ask_with: int, seconds: float) -> bool:
    """Ask a process to stop, wait at most `seconds`, then kill what is left of its group.

    ask_with: the signal that it takes for a clean stop. Answers whether it stopped by itself.
    """
    if process.poll() is None:
        process.send_signal(ask_with)
    try:
        process.wait(timeout=seconds)
        stopped = True
    except subprocess.TimeoutExpired:
        stopped = False
    signal_group(process, signal.SIGKILL)
    process.wait()
    return stopped


def _tie_to_parent(number: int, parent: int) -> Callable[[], None]:
    def in_child() -> None:
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, number)
            # The parent may have died before the line above took hold.
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGKILL)

    return in_child
