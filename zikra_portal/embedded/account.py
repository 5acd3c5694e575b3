"""Who runs the embedded servers: the caller, or an unprivileged system account when the caller is root.

PostgreSQL refuses to run as root, so root's servers belong to an account of their own that may read the
server binaries and its own directories, and nothing else.
"""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zikra_portal.embedded.errors import StartError

SYSTEM_ACCOUNT = "zikra-portal"
FALLBACK_ACCOUNT = "nobody"


@dataclass(frozen=True)
class Account:
    """A user of this machine whom the servers run as.

    uid, gid: numeric ids. switch: true when the process must change to it, because the caller is root.
    """

    uid: int
    gid: int
    switch: bool

    def give(self, directory: Path) -> None:
        """Make `directory` this account's own and closed to everyone else (mode 0700)."""
        if self.switch:
            os.chown(directory, self.uid, self.gid)
        directory.chmod(0o700)

    def open_the_way_to(self, path: Path, say: Callable[[str], None]) -> None:
        """Let this account pass through the directories above `path`, when the caller is root.

        A directory it cannot pass gets the one permission to be passed through (o+x), never to be listed;
        `say` is told each one.
        """
        if not self.switch:
            return
        for directory in reversed(path.resolve().parents):
            status = directory.stat()
            if self._may_pass(status):
                continue
            directory.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)
            say(f"Permission o+x given on {directory}, so that the embedded servers' account can reach {path}")

    def _may_pass(self, status: os.stat_result) -> bool:
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def account_for_servers(existing_data: Path | None = None) -> Account:
    """Answer the account that runs the embedded servers.

    existing_data: a server's data directory from an earlier start; root goes on as its owner. An ordinary
    user always runs the servers as themselves. Root takes the system account `zikra-portal`, which is made
    when it is missing, or `nobody` where no account can be made.
    Raises StartError when root finds neither.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), switch=False)
    if existing_data is not None and existing_data.exists() and existing_data.stat().st_uid != 0:
        status = existing_data.stat()
        return Account(status.st_uid, status.st_gid, switch=True)
    entry = _entry(SYSTEM_ACCOUNT) or _make_system_account() or _entry(FALLBACK_ACCOUNT)
    if entry is None:
        raise StartError(
            f"PostgreSQL does not run as root and this machine has neither an account '{SYSTEM_ACCOUNT}' nor "
            f"'{FALLBACK_ACCOUNT}': start the portal as an ordinary user"
        )
    return Account(entry.pw_uid, entry.pw_gid, switch=True)


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _make_system_account() -> pwd.struct_passwd | None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return None
    arguments = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    arguments += ["--shell", "/usr/sbin/nologin", SYSTEM_ACCOUNT]
    subprocess.run([useradd, *arguments], capture_output=True, check=False)  # noqa: S603 a fixed command
    # Another start may have made it in the same moment: what counts is that it is there.
    return _entry(SYSTEM_ACCOUNT)
