"""The backend that `ENGINE` names: Django's own, but for how it checks a connection that it kept."""

import select
import time

from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSQLWrapper
from psycopg.pq import ConnStatus

# A server that went away without a word is noticed by a question; nobody is asked twice within so many seconds.
ASKED_AGAIN_SECONDS = 5.0


class DatabaseWrapper(PostgreSQLWrapper):
    """Django asks the server `SELECT 1` before each request's first statement, a tenth of the time of a small request.

    Here the kernel is asked first: a connection that the server has ended, or has something to say on, is readable.
    One that is quiet, and on which the server answered within the last seconds, is taken as it is.
    """

    # Django's own flags, which its type hints leave out.
    health_check_enabled: bool
    health_check_done: bool
    _answered_at = float("-inf")

    def connect(self) -> None:
        """Open a connection; the server has just answered on it."""
        super().connect()
        self._answered_at = time.monotonic()

    def close_if_health_check_failed(self) -> None:
        """Close a connection whose server is gone; the next statement opens another."""
        if self.connection is None or not self.health_check_enabled or self.health_check_done:
            return
        now = time.monotonic()
        if now - self._answered_at < ASKED_AGAIN_SECONDS and self._is_quiet():
            self.health_check_done = True
            return
        super().close_if_health_check_failed()
        self._answered_at = now

    def _is_quiet(self) -> bool:
        """Whether nothing waits to be read: no answer, no notice, no end of the connection."""
        server = self.connection.pgconn
        if server.status != ConnStatus.OK:
            return False
        waiting = select.poll()
        waiting.register(server.socket, select.POLLIN)
        return not waiting.poll(0)
