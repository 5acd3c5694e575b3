"""The command `pin_memory`."""

from memories.models import Memory
from tests.api.conftest import NOT_FOUND, needs, refusal, without

TITLE = "PostgreSQL is the only store"


def test_a_pin_has_a_reason_and_stands_in_the_context(tell, owner, collaborator, saved):
    assert without(tell(owner, "pin_memory", id=saved["id"], reason="Everybody asks."), "pinned_at") == {
        "pinned": True,
        "id": saved["id"],
        "title": TITLE,
        "memory_type": "decision",
        "project": "app",
        "reason": "Everybody asks.",
        "_use_command": "pin_memory",
    }
    assert tell(collaborator, "get_context")["sources"] == [saved["id"]]


def test_neither_a_collaborator_nor_a_stranger_pins(ask, collaborator, stranger, saved):
    assert needs(ask(collaborator, "pin", id=saved["id"])) == (403, "insufficient permissions", "admin")
    assert refusal(ask(stranger, "pin", id=saved["id"])) == NOT_FOUND
    assert Memory.objects.get().pinned_at is None


def test_a_reason_too_long_is_refused(ask, owner, saved):
    answer = ask(owner, "pin_memory", id=saved["id"], reason="x" * 401)
    assert refusal(answer) == (400, "reason has more than 400 characters")
    assert Memory.objects.get().pinned_at is None
