"""The command `unpin_memory`."""

from memories.models import Memory
from tests.api.conftest import NOT_FOUND, needs, refusal

TITLE = "PostgreSQL is the only store"


def test_an_unpinned_memory_fades_again(tell, owner, saved):
    tell(owner, "pin_memory", id=saved["id"], reason="For now.")
    assert tell(owner, "unpin_memory", title=TITLE) == {
        "pinned": False,
        "id": saved["id"],
        "title": TITLE,
        "memory_type": "decision",
        "project": "app",
        "_use_command": "unpin_memory",
    }
    assert Memory.objects.get().pinned_at is None


def test_neither_a_collaborator_nor_a_stranger_unpins(ask, tell, owner, collaborator, stranger, saved):
    tell(owner, "pin_memory", id=saved["id"])
    assert needs(ask(collaborator, "unpin", id=saved["id"])) == (403, "insufficient permissions", "admin")
    assert refusal(ask(stranger, "unpin", id=saved["id"])) == NOT_FOUND
    assert Memory.objects.get().pinned_at is not None
