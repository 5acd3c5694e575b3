"""Repairs: what each changes, who may, and that undoing puts back exactly what was there."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from access.errors import Conflict, Forbidden, Invalid, NotFound
from access.roles import Role
from memories import repairing
from memories.curating import unarchive_memory
from memories.deleting import delete_memory, purge_memory
from memories.links import linked_titles, replace_links, title_key
from memories.models import Memory, MemoryLink, Repair, RepairKind
from memories.repairing import ARCHIVED_AT_ONCE, STATE_FIELDS
from tests.conftest import make_person

OLD = timezone.now() - timedelta(days=90)


@pytest.fixture
def admin(app):
    return make_person("ada", Role.ADMIN, app)


@pytest.fixture
def old(save, collaborator, app):
    """A memory that nobody has looked at for three months."""
    memory = save(collaborator, app, "Old")
    Memory.objects.update(confirmed_at=OLD, updated_at=OLD, confirmed_by="carl")
    memory.refresh_from_db()
    return memory


def state_of(memory):
    """What a repair may change, as it stands now."""
    fresh = Memory.objects.get(pk=memory.pk)
    return {name: getattr(fresh, name) for name in (*STATE_FIELDS, "content_md")}


def dead_link_in(memory):
    return MemoryLink.objects.get(source=memory, target=None)


def test_confirming_starts_the_clock_again_and_undoing_sets_it_back(collaborator, old):
    before = state_of(old)
    repair = repairing.confirm(collaborator.caller, old.pk)
    assert (repair.kind, repair.words, repair.by) == (RepairKind.CONFIRMED, "Confirmed “Old”.", "carl")
    assert state_of(old)["confirmed_at"] > before["confirmed_at"]
    undone = repairing.undo(collaborator.caller, repair.pk)
    assert (undone.restored, undone.changed_since) == ([old], [])
    assert state_of(old) == before


def test_archiving_many_is_one_repair_and_undoing_leaves_alone_what_changed_since(admin, save, app, old):
    others = [save(admin, app, f"Memory {number}") for number in range(3)]
    before = [state_of(memory) for memory in (old, *others)]
    repair = repairing.archive(admin.caller, [old.pk, *(memory.pk for memory in others), uuid.uuid4()])
    assert repair.words == "Archived 4 memories."
    assert Memory.objects.live().count() == 0
    unarchive_memory(admin.caller, others[0])
    delete_memory(admin.caller, others[1])
    undone = repairing.undo(admin.caller, repair.pk)
    assert {memory.title for memory in undone.restored} == {"Old", "Memory 2"}
    assert {memory.title for memory in undone.changed_since} == {"Memory 0", "Memory 1"}
    assert [state_of(old), state_of(others[2])] == [before[0], before[3]]
    with pytest.raises(Conflict, match="undone already"):
        repairing.undo(admin.caller, repair.pk)


def test_no_more_are_archived_at_once_than_a_hundred_and_none_that_is_not_live(admin, save, app):
    with pytest.raises(Invalid, match="101 memories; at most 100"):
        repairing.archive(admin.caller, [uuid.uuid4() for _ in range(ARCHIVED_AT_ONCE + 1)])
    memory = save(admin, app, "One")
    repairing.archive(admin.caller, [memory.pk])
    with pytest.raises(NotFound):
        repairing.archive(admin.caller, [memory.pk])
    assert Repair.objects.count() == 1


def test_merging_keeps_one_archives_the_others_and_leads_their_links_to_it(admin, save, app):
    kept = save(admin, app, "Retry rules", memory_type="decision")
    other = save(admin, app, "retry  RULES")
    source = save(admin, app, "Source", "See [[Retry rules]].")
    assert MemoryLink.objects.get(source=source).target == other
    repair = repairing.merge_into(admin.caller, kept.pk)
    assert repair.words == "Kept “Retry rules” and archived 1 other."
    assert set(Memory.objects.live().values_list("title", flat=True)) == {"Retry rules", "Source"}
    assert MemoryLink.objects.get(source=source).target == kept
    with pytest.raises(Conflict, match="No other memory is titled 'Retry rules' any more"):
        repairing.merge_into(admin.caller, kept.pk)
    repairing.undo(admin.caller, repair.pk)
    assert Memory.objects.live().count() == 3
    assert MemoryLink.objects.get(source=source).target == other


def test_linking_adds_a_link_and_undoing_takes_it_out_again(collaborator, save, app, old):
    target = save(collaborator, app, "Target")
    before = state_of(old)
    repair = repairing.link_to(collaborator.caller, old.pk, target.pk)
    assert state_of(old)["content_md"] == "See also [[Target]]."
    assert MemoryLink.objects.get(source=old).target == target
    with pytest.raises(Invalid, match="links to “Target” already"):
        repairing.link_to(collaborator.caller, old.pk, target.pk)
    repairing.undo(collaborator.caller, repair.pk)
    assert state_of(old) == before
    assert not MemoryLink.objects.exists()
    assert [version.content_md for version in old.versions.all()] == ["", "See also [[Target]].", ""]


def test_undoing_a_text_that_was_written_since_is_refused(collaborator, save, app, old):
    repair = repairing.link_to(collaborator.caller, old.pk, save(collaborator, app, "Target").pk)
    save(collaborator, app, "Old", "Rewritten.")
    with pytest.raises(Conflict, match="changed since"):
        repairing.undo(collaborator.caller, repair.pk)
    assert state_of(old)["content_md"] == "Rewritten."


@pytest.mark.parametrize(
    ("title", "reason"),
    [("With [brackets]", "brackets or a bar"), ("With | bar", "brackets or a bar"), ("Old", "cannot link to itself")],
)
def test_titles_that_no_link_can_hold_are_refused(collaborator, save, app, old, title, reason):
    target = save(collaborator, app, title)
    with pytest.raises(Invalid, match=reason):
        repairing.link_to(collaborator.caller, old.pk, target.pk)


def test_links_stay_within_a_project(owner, save, app, secret_project, old):
    target = save(owner, secret_project, "Hidden")
    with pytest.raises(Invalid, match="Links stay within a project"):
        repairing.link_to(owner.caller, old.pk, target.pk)


def test_a_dead_link_is_led_elsewhere_with_its_words_kept(collaborator, save, app):
    target = save(collaborator, app, "Alive")
    source = save(collaborator, app, "Source", "See [[gone]], [[Gone|that one]] and `[[gone]]`.")
    repair = repairing.repoint_link(collaborator.caller, dead_link_in(source).pk, target.pk)
    assert state_of(source)["content_md"] == "See [[Alive|gone]], [[Alive|that one]] and `[[gone]]`."
    assert MemoryLink.objects.get(source=source).target == target
    repairing.undo(collaborator.caller, repair.pk)
    assert dead_link_in(source).target_title == "gone"


def test_brackets_are_removed_and_come_back(collaborator, save, app):
    source = save(collaborator, app, "Source", "See [[Gone]] and [[Other|the other]].")
    link = MemoryLink.objects.get(source=source, target_key="other")
    repair = repairing.remove_brackets(collaborator.caller, link.pk)
    assert state_of(source)["content_md"] == "See [[Gone]] and the other."
    repairing.undo(collaborator.caller, repair.pk)
    assert state_of(source)["content_md"] == "See [[Gone]] and [[Other|the other]]."


def test_a_link_around_code_is_left_to_the_editor(collaborator, save, app):
    source = save(collaborator, app, "Source", "See [[the `x` rule]].")
    with pytest.raises(Conflict, match="in or around code"):
        repairing.remove_brackets(collaborator.caller, dead_link_in(source).pk)
    assert not Repair.objects.exists()


def test_the_missing_memory_is_made_links_find_it_and_undoing_deletes_it(admin, collaborator, save, app):
    source = save(collaborator, app, "Source", "See [[Missing]].")
    link = dead_link_in(source)
    with pytest.raises(Invalid, match="Say what the memory holds"):
        repairing.make_missing(collaborator.caller, link.pk, "note", "  ")
    repair = repairing.make_missing(collaborator.caller, link.pk, "note", "Now it exists.")
    made = Memory.objects.get(title="Missing")
    link.refresh_from_db()
    assert link.target == made
    with pytest.raises(Forbidden):
        repairing.undo(collaborator.caller, repair.pk)
    repairing.undo(admin.caller, repair.pk)
    made.refresh_from_db()
    link.refresh_from_db()
    assert (made.deleted_at is not None, link.target) == (True, None)


def test_nothing_is_repaired_out_of_sight_or_by_too_weak_a_role(owner, collaborator, stranger, save, app, old):
    guest = make_person("gus", Role.GUEST, app)
    same = save(owner, app, "OLD", memory_type="decision")
    source = save(owner, app, "Source", "See [[Gone]].")
    link = dead_link_in(source)
    repair = repairing.archive(owner.caller, [same.pk])
    verbs = [
        lambda caller: repairing.confirm(caller, old.pk),
        lambda caller: repairing.link_to(caller, old.pk, source.pk),
        lambda caller: repairing.repoint_link(caller, link.pk, old.pk),
        lambda caller: repairing.remove_brackets(caller, link.pk),
        lambda caller: repairing.make_missing(caller, link.pk, "note", "text"),
        lambda caller: repairing.archive(caller, [old.pk]),
        lambda caller: repairing.merge_into(caller, old.pk),
        lambda caller: repairing.undo(caller, repair.pk),
    ]
    before = [state_of(old), state_of(source)]
    for verb in verbs:
        with pytest.raises(NotFound):
            verb(stranger.caller)
        with pytest.raises(Forbidden):
            verb(guest.caller)
    for verb in verbs[5:]:
        with pytest.raises(Forbidden):
            verb(collaborator.caller)
    assert [state_of(old), state_of(source)] == before
    assert Repair.objects.get().undone_at is None


def test_what_was_purged_since_is_passed_over(owner, save, app):
    memories = [save(owner, app, f"Memory {number}") for number in range(2)]
    repair = repairing.archive(owner.caller, [memory.pk for memory in memories])
    purge_memory(owner.caller, memories[0])
    assert repairing.undo(owner.caller, repair.pk).restored == [memories[1]]


# --- links in texts --------------------------------------------------------------------------------------------------

TEXTS = st.lists(
    st.sampled_from(["[[A]]", "[[a|words]]", "[[B]]", "`[[A]]`", "```\n[[A]]\n```\n", "`x`", "\n", "word", " ", "]]"])
).map("".join)


@given(TEXTS)
def test_replacing_a_title_s_links_replaces_all_of_them_and_nothing_else(text):
    linked = {title_key(title) for title in linked_titles(text)}
    assert replace_links(text, "zz", lambda words: "never") == text
    plain = replace_links(text, "a", lambda words: words)
    assert {title_key(title) for title in linked_titles(plain)} == linked - {"a"}
    moved = replace_links(text, "a", lambda words: f"[[C|{words}]]")
    assert {title_key(title) for title in linked_titles(moved)} == linked - {"a"} | ({"c"} if "a" in linked else set())
    assert plain.count("`") == moved.count("`") == text.count("`")
