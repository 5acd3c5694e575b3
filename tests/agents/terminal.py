"""Programs at a terminal of their own, as a person would run them."""

import os
import pty
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.agents.machine import WAIT_SECONDS, wait_for

# What moves the cursor or colours words; and where words stand apart, programs may move the cursor as well.
CONTROLS = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?<>=]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>78]|\s+")


class Terminal:
    """A program at a terminal, and what it has written there."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self.text = ""
        self._master = master
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._master, 4096)
            except OSError:
                return
            self.text += piece.decode(errors="replace")

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def wait_for(self, words: str) -> None:
        """Wait until these words have been drawn, whatever blanks stand between them."""
        wanted = CONTROLS.sub("", words)
        try:
            wait_for(lambda: wanted in CONTROLS.sub("", self.text), f"{words!r} is drawn")
        except AssertionError as error:
            raise AssertionError(f"{error}; there is {CONTROLS.sub(' ', self.text)[-2000:]!r}") from None

    def ends(self) -> int:
        """Its exit code, when it ends by itself."""
        return self.process.wait(timeout=WAIT_SECONDS)


@contextmanager
def at_a_terminal(command: list[str], environment: dict[str, str], cwd: Path, columns: int) -> Iterator[Terminal]:
    """Run a program at a terminal so wide; it is gone afterwards."""
    master, slave = pty.openpty()
    subprocess.run(["stty", "cols", str(columns), "rows", "40"], stdin=slave, check=True)
    process = subprocess.Popen(
        command, env=environment, cwd=cwd, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(master)
