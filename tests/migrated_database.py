"""One migrated database, which the processes of a test run copy: to migrate one takes each of them ten seconds."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection


def migrated_once(run: str) -> str:
    """The name of this run's migrated database; made by the process that asks first, while the others wait.

    run: a word that only the processes of this run share.
    """
    name = f"test_zikra_{run}"
    with _alone(Path(settings.DATA_DIR) / "migrating.lock"):
        if not _exists(name):
            with _named(name):
                connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
                # Nobody may be connected to what is copied.
                connection.close()
    return name


def drop_migrated(name: str) -> None:
    """Drop it at a process's end. Who asks for it once more makes it anew."""
    with _alone(Path(settings.DATA_DIR) / "migrating.lock"), connection.creation._nodb_cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {connection.ops.quote_name(name)}")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _exists(name: str) -> bool:
    with connection.creation._nodb_cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_database WHERE datname = %s)", [name])
        return bool(cursor.fetchone()[0])


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Has Django make its test database under another name, and takes that back."""
    test, before = connection.settings_dict["TEST"], connection.settings_dict["NAME"]
    own, test["NAME"] = test["NAME"], name
    try:
        yield
    finally:
        test["NAME"] = own
        connection.settings_dict["NAME"] = settings.DATABASES[connection.alias]["NAME"] = before
