"""The command `confirm_memory`."""

from datetime import timedelta

from django.utils import timezone

from memories.models import Memory
from tests.api.conftest import NOT_FOUND, needs, refusal, without
from tests.conftest import make_person

TITLE = "PostgreSQL is the only store"


def test_confirming_starts_the_decay_clock_again_and_says_who(tell, owner, saved):
    Memory.objects.update(confirmed_at=timezone.now() - timedelta(days=90))
    assert round(Memory.objects.get().confidence, 3) == 0.5
    assert without(tell(owner, "still_true", title=TITLE), "confirmed_at") == {
        "confirmed": True,
        "id": saved["id"],
        "title": TITLE,
        "memory_type": "decision",
        "project": "app",
        "confirmed_by": "olga",
        "confidence_score": 1.0,
        "_use_command": "confirm_memory",
        "_was_alias": True,
        "_raw_command": "still_true",
    }
    assert round(Memory.objects.get().confidence, 3) == 1.0


def test_neither_a_guest_nor_a_stranger_confirms(ask, stranger, app, saved):
    before = Memory.objects.get().confirmed_at
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "confirm_memory", id=saved["id"])) == (403, "insufficient permissions", "collaborator")
    assert refusal(ask(stranger, "confirm_memory", id=saved["id"])) == NOT_FOUND
    assert Memory.objects.get().confirmed_at == before
