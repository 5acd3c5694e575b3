"""Beat's reading of the schedule while the database goes away."""

import logging

import psycopg
import pytest
from django.db import connection

from zikra_portal import beat
from zikra_portal.celery import app


@pytest.mark.django_db(transaction=True)
def test_a_schedule_is_read_again_when_the_database_went_away(monkeypatch, caplog):
    monkeypatch.setattr(beat, "RETRY_SECONDS", 0.01)
    scheduler = beat.PatientScheduler(app=app, lazy=True)
    expected = scheduler.all_as_schedule()
    with psycopg.connect(connection.connection.info.dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])
    with caplog.at_level(logging.WARNING, logger="zikra_portal.beat"):
        assert sorted(scheduler.all_as_schedule()) == sorted(expected) != []
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == ["The schedule cannot be read"]
