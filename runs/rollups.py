"""Sums by day that keep a year of runs quick to add up, and the marks that keep them true.

A day's sums are rolled up once it is over. Whoever changes a run marks its day, in the same transaction: from then on
until it is rolled up again the day's sums come from the runs themselves.
"""

from datetime import date

from django.db import connection

from runs.models import RolledDay

# A number of our own for advisory locks on days, so that they never meet another lock of the database.
LOCK_CLASS = 0x5A52


def mark_changed(project_id: int, *days: date) -> None:
    """Say that runs of these days change in this transaction. Call it before the transaction ends.

    Holds a shared lock on each day until then: a roll-up of the day waits for it, and so sees the change.
    """
    for day in sorted(set(days)):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [LOCK_CLASS, _lock_of(project_id, day)])
        RolledDay.objects.filter(project_id=project_id, day=day, is_dirty=False).update(is_dirty=True)


def _lock_of(project_id: int, day: date) -> int:
    """A number of 31 bits for a project's day; two days that share one only wait for each other."""
    return hash((project_id, day.toordinal())) & 0x7FFFFFFF
