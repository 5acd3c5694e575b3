"""Deleting, restoring and purging."""

from dataclasses import replace

import pytest

from access.errors import Conflict, Forbidden, NotFound
from access.roles import Role
from memories.curating import Curation, archive_memory, pin_memory
from memories.deleting import delete_memory, purge_memory, restore_memory, take_back_deletion
from memories.models import Memory, MemoryVersion, Posting
from memories.reading import find_memory, links_in
from memories.saving import save_memory


@pytest.fixture
def memory(collaborator, app):
    return save_memory(collaborator.caller, app, "note", "Badger", content_md="badgers dig").memory


def test_a_deleted_memory_is_out_of_sight_and_comes_back_whole(owner, memory):
    delete_memory(owner.caller, memory)
    with pytest.raises(NotFound):
        find_memory(owner.caller, memory_id=memory.pk)
    assert Posting.objects.count() == 0
    restored = restore_memory(owner.caller, find_memory(owner.caller, memory_id=memory.pk, deleted=True).memory)
    assert (restored.content_md, Posting.objects.count() > 0) == ("badgers dig", True)
    assert find_memory(owner.caller, memory_id=memory.pk).memory == memory


def test_deleting_twice_and_restoring_twice_are_not_found(owner, memory):
    delete_memory(owner.caller, memory)
    with pytest.raises(NotFound):
        delete_memory(owner.caller, memory)
    restore_memory(owner.caller, memory)
    with pytest.raises(NotFound):
        restore_memory(owner.caller, memory)


def test_a_title_taken_meanwhile_stops_the_restoring_in_words(owner, collaborator, app, memory):
    delete_memory(owner.caller, memory)
    newer = save_memory(collaborator.caller, app, "note", "Badger").memory
    with pytest.raises(Conflict, match="Another note titled 'Badger' exists in app now"):
        restore_memory(owner.caller, memory)
    assert list(Memory.objects.visible_to(owner.caller)) == [newer]


def test_roles(owner, collaborator, memory):
    admin = replace(owner.caller, role=Role.ADMIN)
    with pytest.raises(Forbidden):
        delete_memory(collaborator.caller, memory)
    with pytest.raises(Forbidden):
        purge_memory(admin, memory)
    assert delete_memory(admin, memory).deleted_by == "olga"


def test_purging_leaves_nothing(owner, memory):
    purge_memory(owner.caller, memory)
    assert (Memory.objects.count(), MemoryVersion.objects.count(), Posting.objects.count()) == (0, 0, 0)


def test_links_to_a_deleted_memory_wait_and_find_it_again(owner, collaborator, app, memory):
    linking = save_memory(collaborator.caller, app, "note", "Digging", content_md="see [[badger]]").memory
    assert links_in(owner.caller, memory) == [linking]
    delete_memory(owner.caller, memory)
    assert linking.outgoing_links.get().target is None
    restore_memory(owner.caller, memory)
    assert linking.outgoing_links.get().target == memory


@pytest.mark.parametrize("deed", [None, archive_memory, lambda caller, memory: pin_memory(caller, memory, "the law")])
def test_a_deletion_taken_back_leaves_the_memory_as_it_was(owner, memory, deed):
    before = Curation.of(deed(owner.caller, memory) if deed else memory)
    deleted = delete_memory(owner.caller, memory)
    back = take_back_deletion(owner.caller, memory, deleted.deleted_at)
    memory.refresh_from_db()
    assert Curation.of(memory) == Curation.of(back) == before
    assert (memory.deleted_at, memory.deleted_by, Posting.objects.count() > 0) == (None, "", True)


def test_a_restored_memory_is_live_although_it_was_archived(owner, memory):
    delete_memory(owner.caller, archive_memory(owner.caller, memory))
    assert restore_memory(owner.caller, memory).archived_at is None


def test_only_the_deletion_that_is_meant_is_taken_back(owner, collaborator, memory):
    first = delete_memory(owner.caller, memory).deleted_at
    with pytest.raises(Forbidden):
        take_back_deletion(collaborator.caller, memory, first)
    restore_memory(owner.caller, memory)
    with pytest.raises(NotFound):
        take_back_deletion(owner.caller, memory, first)
    again = delete_memory(owner.caller, memory).deleted_at
    with pytest.raises(Conflict, match="restored and deleted again since"):
        take_back_deletion(owner.caller, memory, first)
    memory.refresh_from_db()
    assert memory.deleted_at == again
