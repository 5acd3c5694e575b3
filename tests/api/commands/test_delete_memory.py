"""The command `delete_memory`."""

import pytest

from memories.models import Memory
from tests.api.conftest import NOT_FOUND, needs, refusal

TITLE = "PostgreSQL is the only store"


def test_a_deleted_memory_is_out_of_every_sight(ask, tell, owner, collaborator, saved):
    assert tell(owner, "delete_memory", memory_id=saved["id"]) == {
        "deleted": True,
        "id": saved["id"],
        "title": TITLE,
        "memory_type": "decision",
        "project": "app",
        "purged": False,
        "_use_command": "delete_memory",
    }
    assert refusal(ask(collaborator, "get_memory", id=saved["id"])) == NOT_FOUND
    assert tell(collaborator, "search", query=TITLE)["results"] == []
    assert tell(collaborator, "search", query="*")["total"] == 0


@pytest.mark.parametrize("deleted_before", [False, True])
def test_purging_erases_it_for_good(ask, tell, owner, saved, deleted_before):
    if deleted_before:
        tell(owner, "forget", title=TITLE)
    answer = tell(owner, "delete_memory", title=TITLE, purge=True)
    assert (answer["deleted"], answer["purged"], answer["id"]) == (True, True, saved["id"])
    assert Memory.objects.count() == 0
    assert refusal(ask(owner, "restore_memory", id=saved["id"])) == NOT_FOUND


def test_a_collaborator_may_not_and_an_admin_may_not_purge(ask, collaborator, stranger, saved):
    assert needs(ask(collaborator, "delete_memory", id=saved["id"])) == (403, "insufficient permissions", "admin")
    assert needs(ask(stranger, "delete_memory", id=saved["id"], purge=True)) == (
        403,
        "insufficient permissions",
        "owner",
    )
    assert Memory.objects.get().deleted_at is None


def test_a_stranger_deletes_nothing_by_id_or_title(ask, stranger, saved):
    assert refusal(ask(stranger, "delete_memory", id=saved["id"])) == NOT_FOUND
    assert refusal(ask(stranger, "delete_memory", title=TITLE)) == NOT_FOUND
    assert Memory.objects.get().deleted_at is None


@pytest.mark.parametrize("purge", [1, "true", None, []])
def test_purge_is_true_or_false(ask, owner, saved, purge):
    assert ask(owner, "delete_memory", id=saved["id"], purge=purge).status_code == 400
    assert Memory.objects.get().deleted_at is None
