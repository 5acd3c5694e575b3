"""Saving: one address, versions, what is kept, what is refused."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.errors import Forbidden, Invalid, NotFound, OutOfScope
from memories.models import Memory, MemoryVersion, PassageVector, PendingEmbedding, Posting
from memories.saving import edit_memory, restore_version, save_memory
from memories.versions import compare_versions, with_addresses_before


def save(person, project, title="Retry policy", **fields):
    return save_memory(person.caller, project, fields.pop("memory_type", "decision"), title, **fields)


def test_a_new_memory_has_a_version_terms_and_a_place_in_the_embedding_queue(collaborator, app):
    saved = save(
        collaborator, app, content_md="Retry three times.", tags=["payments", " payments ", ""], confidence=0.8
    )
    memory = Memory.objects.get()
    assert (saved.action, saved.memory) == ("created", memory)
    assert (memory.title, memory.content_md, memory.tags, memory.stated_confidence, memory.version) == (
        "Retry policy", "Retry three times.", ["payments"], 0.8, 1,
    )  # fmt: skip
    assert memory.created_by == "carl"
    assert list(memory.versions.values_list("number", "content_md", "saved_by")) == [(1, "Retry three times.", "carl")]
    assert memory.postings.count() > 3
    assert memory.term_count > 3
    assert PendingEmbedding.objects.filter(memory=memory).count() == 1


def test_a_new_memory_is_written_once_and_a_changed_one_changed_once(collaborator, app):
    """A row that is written and then changed leaves a dead one behind, in the table and in each of its indexes."""

    def writes(**fields):
        with CaptureQueriesContext(connection) as seen:
            save(collaborator, app, **fields)
        statements = [query["sql"].split(" SET ")[0].split(" (")[0].strip('" ') for query in seen.captured_queries]
        return [sql for sql in statements if sql.endswith('"memories_memory') and not sql.startswith("SELECT")]

    assert writes(content_md="one") == ['INSERT INTO "memories_memory']
    assert writes(content_md="two") == ['UPDATE "memories_memory']


def test_the_same_address_is_the_same_memory_and_left_out_fields_stay(collaborator, app):
    first = save(collaborator, app, content_md="Retry three times.", module="payments", tags=["a"])
    second = save(collaborator, app, content_md="Retry five times.")
    assert (second.action, second.memory.pk, second.memory.version) == ("updated", first.memory.pk, 2)
    memory = Memory.objects.get()
    assert (memory.content_md, memory.module, memory.tags) == ("Retry five times.", "payments", ["a"])
    assert list(memory.versions.values_list("number", "content_md")) == [
        (2, "Retry five times."),
        (1, "Retry three times."),
    ]


def test_saving_the_same_again_confirms_and_makes_no_version(collaborator, app):
    saved = save(collaborator, app, content_md="Retry three times.")
    Memory.objects.update(confirmed_at=timezone.now() - timedelta(days=300), archived_at=timezone.now())
    again = save(collaborator, app, content_md="Retry three times.")
    memory = Memory.objects.get()
    assert (again.action, memory.version, MemoryVersion.objects.count()) == ("unchanged", 1, 1)
    assert memory.confirmed_at > timezone.now() - timedelta(minutes=1)
    assert memory.archived_at is None
    assert memory.updated_at == saved.memory.updated_at


def test_type_project_and_title_tell_memories_apart(owner, app, secret_project):
    for project, kind, title in [
        (app, "decision", "A"),
        (app, "note", "A"),
        (app, "decision", "B"),
        (secret_project, "decision", "A"),
    ]:
        assert save(owner, project, title, memory_type=kind).action == "created"
    assert Memory.objects.count() == 4


def test_an_update_takes_the_old_terms_and_vectors_away_at_once(collaborator, app):
    memory = save(collaborator, app, content_md="zebra").memory
    before = set(Posting.objects.filter(memory=memory).values_list("term_key", flat=True))
    save(collaborator, app, content_md="giraffe")
    after = set(Posting.objects.filter(memory=memory).values_list("term_key", flat=True))
    assert len(before - after) == 1
    assert PassageVector.objects.filter(memory=memory).count() == 0


def test_secrets_are_masked_in_the_row_and_in_its_version(collaborator, app):
    secret = "sk-proj-" + "Ab3" * 14
    memory = save(collaborator, app, f"Key {secret}", content_md=f"OPENAI_API_KEY={secret}").memory
    kept = [memory.title, memory.content_md, memory.versions.get().content_md]
    assert [secret in text for text in kept] == [False, False, False]
    assert memory.masked_count >= 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"title": "   "}, "title is required"),
        ({"title": "x" * 501}, "title has 501 characters; at most 500 are kept."),
        ({"content_md": "x" * (1024 * 1024 + 1)}, "content_md has 1048577 bytes; at most 1048576 (1 MiB) are kept."),
        (
            {"content_md": "a\x00b"},
            "content_md holds a NUL character or half a surrogate pair, which cannot be stored.",
        ),
        ({"module": "\ud800"}, "module holds a NUL character or half a surrogate pair, which cannot be stored."),
        ({"confidence": 1.5}, "confidence is a share between 0 and 1, not 1.5."),
        ({"tags": ["x" * 101]}, "tags has 101 characters; at most 100 are kept."),
        ({"tags": [str(number) for number in range(51)]}, "51 tags; at most 50 are kept."),
        ({"memory_type": "nonsense"}, "There is no memory type 'nonsense'."),
    ],
)
def test_bad_input_is_refused_in_words_and_changes_nothing(collaborator, app, fields, message):
    with pytest.raises(Invalid) as refusal:
        save(collaborator, app, **fields)
    assert refusal.value.message == message
    assert Memory.objects.count() == 0


def test_one_mebibyte_is_kept(collaborator, app):
    text = "word " * (1024 * 1024 // 5)
    assert save(collaborator, app, content_md=text).memory.content_md == text


def test_what_happened_in_the_past_keeps_its_date_and_the_future_is_refused(collaborator, app):
    long_ago = timezone.now() - timedelta(days=700)
    memory = save(collaborator, app, occurred_at=long_ago).memory
    assert (memory.created_at, memory.confidence > 0.99) == (long_ago, True)
    with pytest.raises(Invalid, match="occurred_at lies in the future"):
        save(collaborator, app, "Other", occurred_at=timezone.now() + timedelta(days=1))


def test_memories_of_one_source_are_numbered_in_order(collaborator, app):
    positions = [save(collaborator, app, title, source_file="session-1").memory.source_position for title in "abc"]
    assert positions == [0, 1, 2]
    assert save(collaborator, app, "d", source_file="session-2").memory.source_position == 0


def test_a_guest_may_not_save_and_nobody_saves_out_of_scope(collaborator, stranger, app, secret_project):
    from dataclasses import replace

    from access.roles import Role

    with pytest.raises(Forbidden):
        save_memory(replace(collaborator.caller, role=Role.GUEST), app, "note", "A")
    with pytest.raises(OutOfScope):
        save_memory(stranger.caller, app, "note", "A")
    assert Memory.objects.count() == 0


def test_an_old_version_becomes_the_newest_and_the_history_stays(collaborator, app):
    memory = save(collaborator, app, content_md="one", tags=["x"]).memory
    save(collaborator, app, content_md="two", tags=[])
    restored = restore_version(collaborator.caller, memory, 1)
    assert (restored.action, restored.memory.version) == ("updated", 3)
    assert list(memory.versions.values_list("number", "content_md")) == [(3, "one"), (2, "two"), (1, "one")]
    memory.refresh_from_db()
    assert memory.tags == ["x"]
    assert restore_version(collaborator.caller, memory, 1).action == "unchanged"


def test_a_version_that_is_not_there_or_out_of_sight_is_not_found(collaborator, stranger, app):
    memory = save(collaborator, app, content_md="one").memory
    with pytest.raises(NotFound):
        restore_version(collaborator.caller, memory, 9)
    with pytest.raises(NotFound):
        restore_version(stranger.caller, memory, 1)


def addresses(memory):
    return list(memory.versions.order_by("number").values_list("number", "title", "memory_type_id"))


def test_versions_keep_title_and_type_and_bring_them_back(collaborator, app):
    memory = save(collaborator, app, content_md="one").memory
    source = save(collaborator, app, "Source", content_md="see [[New name]]").memory
    edit_memory(collaborator.caller, memory, expected_version=1, title="New name", memory_type="note")
    assert addresses(memory) == [(1, memory.title, memory.memory_type_id), (2, "New name", "note")]
    changes = [(change.label, change.old, change.new) for change in compare_versions(memory, 1, 2).fields]
    assert changes == [("Title", memory.title, "New name"), ("Type", "Decision", "Note")]
    restored = restore_version(collaborator.caller, memory, 1)
    assert (restored.action, restored.note) == ("updated", "")
    fresh = Memory.objects.get(pk=memory.pk)
    assert (fresh.title, fresh.title_key, fresh.memory_type_id) == (memory.title, memory.title_key, "decision")
    assert addresses(memory)[-1] == (3, memory.title, "decision")
    assert source.outgoing_links.get().target == memory
    found = with_addresses_before(memory.versions.order_by("number"))
    assert [(row.title_before, row.type_before) for row in found] == [
        (None, None),
        (memory.title, "decision"),
        ("New name", "note"),
    ]


def test_a_title_that_another_memory_has_now_does_not_come_back_and_this_is_told(collaborator, app):
    memory = save(collaborator, app, content_md="one").memory
    edit_memory(collaborator.caller, memory, expected_version=1, title="New name", content_md="two")
    other = save(collaborator, app, content_md="other").memory
    assert (other.pk != memory.pk, other.title) == (True, memory.title)
    restored = restore_version(collaborator.caller, memory, 1)
    assert (
        restored.note == f"Its title and type stay as they are: another decision of app is titled “{other.title}” now."
    )
    assert (restored.memory.title, restored.memory.content_md, restored.memory.version) == ("New name", "one", 3)
    again = restore_version(collaborator.caller, memory, 1)
    assert (again.action, again.note) == ("unchanged", restored.note)


def test_versions_from_before_titles_were_kept_leave_the_title_as_it_is(collaborator, app):
    memory = save(collaborator, app, content_md="one").memory
    edit_memory(collaborator.caller, memory, expected_version=1, title="New name", content_md="two")
    MemoryVersion.objects.filter(memory=memory).update(title="", memory_type=None)
    migration = import_module("memories.migrations.0008_versions_keep_titles")
    migration.tell_the_newest_versions(apps, None)
    assert addresses(memory) == [(1, "", None), (2, "New name", "decision")]
    assert [change.label for change in compare_versions(memory, 1, 2).fields] == []
    restored = restore_version(collaborator.caller, memory, 1)
    assert (restored.memory.title, restored.memory.content_md, restored.note) == ("New name", "one", "")
