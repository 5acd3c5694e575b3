"""The portal's data directory: what lies where, who may see it, and that only one portal uses it.

postgresql/     the embedded cluster            run/portal.env  addresses for other commands, while it runs
valkey/         the queue's append-only file    run/sockets/    sockets of the embedded servers
log/            one file a part                 run/*.pid       the parts' processes
secret.key      keys sessions and token hashes  owner.token     the first owner's token
up.lock         held while the portal runs      owner.password  their name and password for the pages
"""

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from zikra_portal.embedded.account import Account
from zikra_portal.embedded.errors import StartError

# A Unix socket's path has room for 107 bytes on Linux and 103 on macOS; PostgreSQL's file name takes 14 of them.
LONGEST_SOCKET_DIRECTORY = 85
MEGABYTE = 1024 * 1024
# A new cluster takes 47 MB and its write-ahead log 80 MB; below the smaller number PostgreSQL cannot even start.
SPACE_FOR_A_NEW_CLUSTER = 160 * MEGABYTE
SPACE_TO_START = 32 * MEGABYTE
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class DataDirectory:
    """The data directory at `path`."""

    path: Path

    @property
    def postgresql(self) -> Path:
        """The embedded PostgreSQL cluster."""
        return self.path / "postgresql"

    @property
    def valkey(self) -> Path:
        """The embedded Valkey's files."""
        return self.path / "valkey"

    @property
    def logs(self) -> Path:
        """The parts' logs."""
        return self.path / "log"

    @property
    def run(self) -> Path:
        """What is true only while the portal runs."""
        return self.path / "run"

    @property
    def owner_token(self) -> Path:
        """The file of the first owner's token."""
        return self.path / "owner.token"

    @property
    def owner_password(self) -> Path:
        """The file of the first owner's name and password for the pages."""
        return self.path / "owner.password"

    @property
    def prepared(self) -> Path:
        """What the database was last prepared for."""
        return self.path / "prepared"

    @property
    def addresses(self) -> Path:
        """The file that tells other commands where the servers are."""
        return self.run / "portal.env"

    def make(self) -> None:
        """Make the directory and what belongs in it, closed to other users.

        Raises StartError when it cannot be made or written, holds something else, or lies on a full disk.
        """
        with self.explained():
            self._refuse_foreign_files()
            # Root's servers run as another account, which must pass through to its own directories.
            passage = 0o711 if os.geteuid() == 0 else 0o700
            for directory, mode in ((self.path, passage), (self.run, passage), (self.logs, 0o700)):
                if not directory.exists():
                    directory.mkdir(parents=True)
                    directory.chmod(mode)
            with tempfile.TemporaryFile(dir=self.path) as probe:
                probe.write(b"can this be written?")
        new = not self.postgresql.exists()
        self._refuse_a_full_disk(SPACE_FOR_A_NEW_CLUSTER if new else SPACE_TO_START)

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Turn the system's refusals inside into a StartError that names this directory."""
        try:
            yield
        except OSError as error:
            if error.errno in DISK_FULL:
                raise self.disk_full() from error
            what = f"{error.strerror or error} ({error.filename or self.path})"
            raise StartError(
                f"The data directory {self.path} cannot be used: {what}. Name another with --data-dir"
            ) from error

    def disk_full(self) -> StartError:
        """Answer the error that says that this directory's disk is full."""
        return StartError(
            f"The disk that holds {self.path} is full ({self._free() // MEGABYTE} MB free): free some space and start "
            "again, or name another --data-dir"
        )

    def is_disk_full(self) -> bool:
        """Answer whether so little is free that nothing more can be written."""
        return self._free() < MEGABYTE

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for this process alone.

        Raises StartError naming the pid of the portal that holds it already.
        """
        with self.explained():
            lock = (self.path / "up.lock").open("a+")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                lock.seek(0)
                pid = lock.read().strip() or "unknown"
                raise StartError(f"A portal is already running on {self.path}, pid {pid}") from error
            with self.explained():
                lock.truncate(0)
                lock.write(str(os.getpid()))
                lock.flush()
            yield

    def make_socket_directory(self, account: Account, say: Callable[[str], None]) -> Path:
        """Answer a directory for the servers' sockets that only `account` can enter.

        It is `run/sockets`, or a temporary one where that path would be too long for a socket.
        """
        directory = self.run / "sockets"
        if len(os.fsencode(directory)) > LONGEST_SOCKET_DIRECTORY:
            directory = self._short_socket_directory(account)
        with self.explained():
            directory.mkdir(exist_ok=True)
            account.give(directory)
        account.open_the_way_to(directory, say)
        return directory

    def secret_key(self) -> str:
        """Answer the secret of this directory's portal; make and keep one (0600) the first time."""
        file = self.path / "secret.key"
        with self.explained():
            if not file.exists():
                write_privately(file, secrets.token_urlsafe(50) + "\n")
            return file.read_text().strip()

    def write_addresses(self, values: Mapping[str, str]) -> None:
        """Tell other commands on this machine where the running portal's servers are (0600)."""
        with self.explained():
            write_privately(self.addresses, "".join(f"{name}='{value}'\n" for name, value in values.items()))

    def remove_addresses(self) -> None:
        """Take that back when the portal stops."""
        self.addresses.unlink(missing_ok=True)

    def _short_socket_directory(self, account: Account) -> Path:
        # The link is how the next start, and a person, finds it.
        link = self.run / "sockets.elsewhere"
        with contextlib.suppress(OSError):
            known = Path(os.readlink(link))
            status = known.lstat()
            if stat.S_ISDIR(status.st_mode) and status.st_uid == account.uid and not status.st_mode & 0o077:
                return known
        with self.explained():
            made = Path(tempfile.mkdtemp(prefix="zikra-", dir="/tmp"))
            link.unlink(missing_ok=True)
            link.symlink_to(made)
        return made

    def _refuse_foreign_files(self) -> None:
        if not self.path.exists():
            return
        names = {entry.name for entry in self.path.iterdir() if not entry.name.startswith(".")} - {"lost+found"}
        if names and not names & {"run", "log", "postgresql", "secret.key"}:
            raise StartError(
                f"{self.path} holds files that are not the portal's ({min(names)}): name an empty or new --data-dir"
            )

    def _refuse_a_full_disk(self, needed: int) -> None:
        if self._free() < needed:
            raise StartError(
                f"The disk that holds {self.path} is full: {self._free() // MEGABYTE} MB are free and the portal needs "
                f"{needed // MEGABYTE} MB to start. Free some space or name another --data-dir"
            )

    def _free(self) -> int:
        return shutil.disk_usage(self.path).free


def write_privately(file: Path, text: str) -> None:
    """Write a whole file that only its owner reads; raises OSError, and then what was there before stays.

    It is written beside its place and moved there, so that no half of it is ever read.
    """
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w") as handle:
            handle.write(text)
        os.replace(name, file)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
