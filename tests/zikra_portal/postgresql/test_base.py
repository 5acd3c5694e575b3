"""Kept connections: the server is asked now and then, and one that went away is replaced before anybody notices."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection, connections

from zikra_portal.postgresql import base

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def kept(monkeypatch) -> Iterator[list[int]]:
    """A connection that a request has left open; the list grows by each question whether it lives."""
    asked: list[int] = []
    real = base.DatabaseWrapper.is_usable

    def counted(self) -> bool:
        asked.append(1)
        return real(self)

    monkeypatch.setattr(base.DatabaseWrapper, "is_usable", counted)
    monkeypatch.setitem(connection.settings_dict, "CONN_HEALTH_CHECKS", True)
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    yield asked
    connection.close()


@contextmanager
def request() -> Iterator[int]:
    """What Django does with a connection around a request; gives the server's process that answers in it."""
    connections["default"].close_if_unusable_or_obsolete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        yield cursor.fetchone()[0]


def test_a_connection_in_use_is_not_asked_before_each_request(kept):
    with request() as first:
        pass
    for _ in range(3):
        with request() as process:
            assert process == first
    assert kept == []


def test_a_connection_that_rested_is_asked_once(kept, monkeypatch):
    with request() as first:
        pass
    now = base.time.monotonic()
    monkeypatch.setattr(base.time, "monotonic", lambda: now + base.ASKED_AGAIN_SECONDS)
    for _ in range(2):
        with request() as process:
            assert process == first
    assert kept == [1]


def test_a_connection_that_the_server_ended_is_replaced_at_once(kept):
    with request() as first:
        pass
    with psycopg.connect(connection.connection.info.dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
    with request() as second:
        assert second != first
    assert kept == [1]
