"""The command `restore_memory`."""

from tests.api.conftest import NOT_FOUND, needs, refusal

TITLE = "PostgreSQL is the only store"


def test_a_deleted_memory_comes_back_and_is_found(tell, owner, collaborator, saved):
    tell(owner, "delete_memory", id=saved["id"])
    assert tell(owner, "restore_memory", title=TITLE) == {
        "restored": True,
        "id": saved["id"],
        "title": TITLE,
        "memory_type": "decision",
        "project": "app",
        "version": 1,
        "_use_command": "restore_memory",
    }
    assert tell(collaborator, "search", query="vectors")["results"][0]["id"] == saved["id"]


def test_a_title_taken_since_is_a_conflict(ask, tell, owner, collaborator, saved):
    tell(owner, "delete_memory", id=saved["id"])
    tell(collaborator, "save_memory", title=TITLE, memory_type="decision")
    assert refusal(ask(owner, "restore_memory", id=saved["id"])) == (
        409,
        f"Another decision titled '{TITLE}' exists in app now.",
    )


def test_what_was_not_deleted_is_not_found(ask, owner, saved):
    assert refusal(ask(owner, "restore_memory", id=saved["id"])) == NOT_FOUND


def test_neither_a_collaborator_nor_a_stranger_restores(ask, tell, owner, collaborator, stranger, saved):
    tell(owner, "delete_memory", id=saved["id"])
    assert needs(ask(collaborator, "restore_memory", id=saved["id"])) == (403, "insufficient permissions", "admin")
    assert refusal(ask(stranger, "restore_memory", id=saved["id"])) == NOT_FOUND
