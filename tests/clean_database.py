"""Back to a freshly migrated database after a test that committed, many times quicker than Django's flush.

`flush` truncates every table and then makes permissions and first rows anew by Python. Here the first rows are copied
aside once, and afterwards only tables that hold something are emptied and get their first rows again.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from django.test import TransactionTestCase

ASIDE = "first_rows"
LAST_WRITES_SECONDS = 10.0
TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'django_migrations' ORDER BY relname
"""
COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""


class FirstRows:
    """The rows that a freshly migrated database has."""

    def __init__(self) -> None:
        """Copy them aside, into a schema of their own."""
        with connection.cursor() as cursor:
            cursor.execute(TABLES)
            self._tables = [_quoted(name) for (name,) in cursor.fetchall()]
            cursor.execute(f"DROP SCHEMA IF EXISTS {ASIDE} CASCADE; CREATE SCHEMA {ASIDE}")
            self._seeded = self._that_hold_something()
            self._columns = {table: self._columns_of(table) for table in self._seeded}
            for table in self._seeded:
                cursor.execute(f"CREATE TABLE {ASIDE}.{table} AS SELECT {self._columns[table]} FROM public.{table}")

    def bring_back(self) -> None:
        """Make the database hold these rows and nothing else. Sequences go on.

        What a browser sent last may still be written: it is waited for, at most LAST_WRITES_SECONDS.
        """
        until = time.monotonic() + LAST_WRITES_SECONDS
        while True:
            try:
                return self._bring_back_alone()
            except OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def _bring_back_alone(self) -> None:
        """Do it, or raise OperationalError while somebody else writes: to wait with locks in hand would be a deadlock."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {', '.join(self._tables)} IN SHARE ROW EXCLUSIVE MODE NOWAIT")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            for table in self._that_hold_something():
                cursor.execute(f"DELETE FROM {table}")
            for table, columns in self._columns.items():
                cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {ASIDE}.{table}")

    def _that_hold_something(self) -> list[str]:
        asked = (f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in self._tables)
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(asked))
            return [table for (table,) in cursor.fetchall()]

    def _columns_of(self, table: str) -> str:
        with connection.cursor() as cursor:
            cursor.execute(COLUMNS, [table])
            return ", ".join(_quoted(name) for (name,) in cursor.fetchall())


@contextmanager
def first_rows_after_each_test(first_rows: FirstRows) -> Iterator[None]:
    """Bring them back after every test that commits, instead of Django's flush."""
    flush = TransactionTestCase._fixture_teardown
    TransactionTestCase._fixture_teardown = lambda _test: first_rows.bring_back()
    try:
        yield
    finally:
        TransactionTestCase._fixture_teardown = flush


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
