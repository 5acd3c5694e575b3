"""Celery beat's scheduler: django-celery-beat's, which a database that is away for a moment does not end."""

import logging
import time

from django.db import InterfaceError, OperationalError, close_old_connections
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

RETRY_SECONDS = 1.0

logger = logging.getLogger(__name__)


class PatientScheduler(DatabaseScheduler):
    """The schedule in the database, read again for as long as it takes until the database answers.

    A task that falls due meanwhile could not have worked either; it is sent once the schedule is read.
    """

    def all_as_schedule(self) -> dict[str, ModelEntry]:
        """Answer the entries of all jobs that are not paused, by name; wait where the database is away."""
        while True:
            try:
                return super().all_as_schedule()
            except (OperationalError, InterfaceError) as error:
                logger.warning("The schedule cannot be read (%s); trying again", " ".join(str(error).split()))
            time.sleep(RETRY_SECONDS)
            close_old_connections()
