"""Idempotency keys: a call that arrives twice is done once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from access.models import AuditEntry, RoleToken
from api.models import IdempotencyRecord
from api.tasks import purge_idempotency_records
from memories.models import Memory, MemoryVersion
from tests.api.conftest import refusal


def test_the_same_key_answers_the_first_result_and_changes_nothing(tell, collaborator):
    first = tell(collaborator, "save_memory", title="x", content_md="one", idempotency_key="k1")
    tell(collaborator, "save_memory", title="x", content_md="two")
    again = tell(collaborator, "save_memory", title="x", content_md="one", idempotency_key="k1")
    assert again == first
    assert Memory.objects.get().content_md == "two"
    assert (MemoryVersion.objects.count(), AuditEntry.objects.count()) == (2, 2)


def test_header_and_field_mean_the_same_and_an_alias_is_the_same_command(ask, tell, collaborator):
    first = tell(collaborator, "save_memory", title="x", idempotency_key="k1")
    response = ask(collaborator, "store", title="x", headers={"idempotency-key": "k1"})
    assert response.headers["Idempotency-Replayed"] == "true"
    assert response.json() == {**first, "_was_alias": True, "_raw_command": "store"}


def test_another_body_is_a_conflict_and_changes_nothing(ask, tell, collaborator):
    tell(collaborator, "save_memory", title="x", idempotency_key="k1")
    response = ask(collaborator, "save_memory", title="y", idempotency_key="k1")
    assert response.status_code == 409
    assert response.json()["error"].startswith("The idempotency key was used for another save_memory on ")
    assert Memory.objects.count() == 1


def test_a_key_belongs_to_one_caller_and_one_command(tell, owner, collaborator):
    tell(collaborator, "save_memory", title="x", idempotency_key="k1")
    assert tell(owner, "save_memory", title="x", project="app", idempotency_key="k1")["action"] == "unchanged"
    assert tell(collaborator, "log_error", message="x", idempotency_key="k1")["status"] == "logged"


def test_a_refused_call_does_not_use_its_key(ask, tell, collaborator):
    call = {"title": "x", "memory_type": "decision", "idempotency_key": "k1"}
    assert ask(collaborator, "confirm_memory", **call).status_code == 404
    tell(collaborator, "save_memory", title="x", memory_type="decision")
    assert tell(collaborator, "confirm_memory", **call)["confirmed"] is True


def test_a_secret_is_not_kept_for_a_second_answer(tell, owner):
    first = tell(owner, "create_token", label="x", idempotency_key="k1")
    again = tell(owner, "create_token", label="x", idempotency_key="k1")
    assert again == {**first, "token": None, "warning": "Shown with the first answer only: token."}
    assert first["token"] not in str(list(IdempotencyRecord.objects.values()))
    assert RoleToken.objects.filter(label="x").count() == 1


def test_reading_takes_no_key(tell, collaborator, saved):
    counts = [tell(collaborator, "search", query="*", idempotency_key="k1")["total"] for _ in range(2)]
    assert (counts, IdempotencyRecord.objects.count()) == ([1, 1], 0)


@pytest.mark.parametrize(
    ("key", "error"),
    [
        ("k" * 201, "idempotency_key has more than 200 characters"),
        (5, "idempotency_key must be a string, not a number"),
        ({}, "idempotency_key must be a string, not an object"),
        ("a\x00", "idempotency_key holds a NUL character"),
    ],
)
def test_an_odd_key_is_refused(ask, collaborator, key, error):
    assert refusal(ask(collaborator, "save_memory", title="x", idempotency_key=key)) == (400, error)
    assert Memory.objects.count() == 0


@pytest.mark.parametrize("key", [None, "", "k" * 200, "ключ 🔑"])
def test_a_fair_key_or_none_is_taken(tell, collaborator, key):
    assert tell(collaborator, "save_memory", title="x", idempotency_key=key)["action"] == "created"
    assert IdempotencyRecord.objects.count() == (1 if key else 0)


def test_an_answer_is_forgotten_after_its_time(tell, collaborator):
    tell(collaborator, "save_memory", title="x", idempotency_key="old")
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(days=7, seconds=1))
    # Forgotten even where the purge has not come by yet.
    assert tell(collaborator, "save_memory", title="x", idempotency_key="old")["action"] == "unchanged"
    tell(collaborator, "save_memory", title="x", idempotency_key="new")
    IdempotencyRecord.objects.filter(key="old").update(created_at=timezone.now() - timedelta(days=7, seconds=1))
    assert purge_idempotency_records() == 1
    assert IdempotencyRecord.objects.get().key == "new"


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_the_second_waits_and_gets_the_first_result(collaborator, monkeypatch):
    inside, both_sent = threading.Event(), threading.Event()
    record_done = __import__("access.audit", fromlist=["record_done"]).record_done

    def slowly(*args, **kwargs):
        inside.set()
        both_sent.wait(10)
        return record_done(*args, **kwargs)

    monkeypatch.setattr("api.running.audit.record_done", slowly)

    def send():
        try:
            body = {"command": "save_memory", "title": "x", "idempotency_key": "k1"}
            return Client().post("/webhook/zikra", body, content_type="application/json", **collaborator.authorization)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(send)
        assert inside.wait(10)
        second = threads.submit(send)
        wait_until_somebody_waits_for_a_lock()
        both_sent.set()
        answers = [first.result(20), second.result(20)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert (Memory.objects.get().version, AuditEntry.objects.count()) == (1, 1)


def wait_until_somebody_waits_for_a_lock():
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
        threading.Event().wait(0.05)
    raise AssertionError("nobody waits")
