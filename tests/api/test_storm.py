"""Sixty saves of one title at once, each on a connection of its own."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.db.models import Sum
from django.test import Client

from access.models import AuditEntry
from memories.models import Memory, MemoryCount, MemoryVersion

SAVES = 60


@pytest.fixture
def enough_connections(settings):
    """Connections of finished threads are closed at once; the server takes a hundred."""
    settings.TOKEN_RATE_PER_MINUTE = 0


@pytest.mark.django_db(transaction=True)
def test_sixty_saves_of_one_title_make_one_memory(collaborator, enough_connections):
    start = threading.Barrier(SAVES, timeout=30)

    def save(number):
        try:
            body = {
                "command": "save_memory",
                "title": "Deploy on Fridays?",
                "content_md": f"Opinion {number}: see [[Release plan]].",
                "memory_type": "decision",
                "tags": [f"opinion-{number}"],
            }
            start.wait()
            response = Client().post(
                "/webhook/zikra", body, content_type="application/json", **collaborator.authorization
            )
            return response.status_code, response.json()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(SAVES) as threads:
        answers = list(threads.map(save, range(SAVES)))

    assert {status for status, _ in answers} == {200}, [body for status, body in answers if status != 200][:3]
    memory = Memory.objects.get()
    assert {body["id"] for _, body in answers} == {str(memory.pk)}
    assert [body["action"] for _, body in answers].count("created") == 1
    # Every save was acknowledged with its own text, so each one is a version, and the newest is the memory.
    versions = list(MemoryVersion.objects.order_by("number").values_list("number", "content_md"))
    assert [number for number, _ in versions] == list(range(1, SAVES + 1))
    assert versions[-1] == (memory.version, memory.content_md)
    assert sorted(body["version"] for _, body in answers) == [number for number, _ in versions]
    assert AuditEntry.objects.count() == SAVES
    # Each on its connection's part: they add up to the one memory and its terms.
    sums = MemoryCount.objects.aggregate(memories=Sum("memories"), terms=Sum("terms"))
    assert sums == {"memories": 1, "terms": memory.term_count}
