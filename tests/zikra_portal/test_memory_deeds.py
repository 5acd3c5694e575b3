"""The buttons of a memory's page: what they do, whom they refuse, and that each can be taken back."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from access.models import AuditEntry
from access.roles import Role
from memories.curating import Curation, archive_memory, pin_memory
from memories.deleting import delete_memory
from memories.models import Memory, MemoryVersion
from memories.saving import edit_memory, save_memory
from tests.conftest import make_person
from zikra_portal.templatetags.deeds import undo_path

pytestmark = pytest.mark.django_db


@pytest.fixture
def memory(owner, app):
    made = save_memory(owner.caller, app, "decision", "Sessions live in <b>PostgreSQL</b>", content_md="One").memory
    Memory.objects.filter(pk=made.pk).update(confirmed_at=timezone.now() - timedelta(days=30))
    return Memory.objects.get(pk=made.pk)


@pytest.fixture
def admin(app):
    return make_person("ada", Role.ADMIN, app)


@pytest.fixture
def guest(app):
    return make_person("gina", Role.GUEST, app)


def address(memory, name):
    return reverse(f"memory-{name}", args=[memory.pk])


def press(client, memory, name, **answers):
    answer = client.post(address(memory, name), answers, follow=True)
    return answer, [str(message) for message in answer.context["messages"]]


def undo(client, answer):
    (path,) = [undo_path(message) for message in answer.context["messages"]]
    return client.post(path, follow=True)


def audited():
    return list(AuditEntry.objects.order_by("id").values_list("command", "outcome", "caller", "object_type"))


def stored(memory):
    return Memory.objects.get(pk=memory.pk)


DEEDS = ["confirm", "pin", "unpin", "archive", "unarchive", "delete", "restore"]


def ready(caller, memory, name):
    """Bring the memory where the button applies."""
    if name == "unpin":
        pin_memory(caller, memory, "kept")
    if name == "unarchive":
        archive_memory(caller, memory)
    if name == "restore":
        delete_memory(caller, memory)
    return stored(memory)


@pytest.mark.parametrize("name", [name for name in DEEDS if name not in ("delete", "restore")])
def test_what_a_button_did_is_put_back_to_the_moment_before(client, admin, owner, memory, name):
    before = Curation.of(ready(owner.caller, memory, name))
    client.force_login(admin.member)
    answer, said = press(client, memory, name, reason="billing needs it")
    after = Curation.of(stored(memory))
    assert after != before
    assert len(said) == 1
    assert "Sessions live in &lt;b&gt;PostgreSQL&lt;/b&gt;" in answer.content.decode()
    undo(client, answer)
    assert Curation.of(stored(memory)) == before
    assert audited() == [
        (f"{name}_memory", "done", "ada", "memory"),
        ("put_back_memory", "done", "ada", "memory"),
    ]


def test_each_button_does_what_it_says(client, admin, memory):
    client.force_login(admin.member)
    started = timezone.now()
    press(client, memory, "confirm")
    assert stored(memory).confirmed_at >= started
    press(client, memory, "pin", reason=" it is the law ")
    assert (stored(memory).pin_reason, stored(memory).pinned_by) == ("it is the law", "ada")
    press(client, memory, "unpin")
    assert stored(memory).pinned_at is None
    press(client, memory, "archive")
    assert stored(memory).state == "archived"
    press(client, memory, "unarchive")
    assert stored(memory).state == "live"
    press(client, memory, "delete")
    assert stored(memory).state == "deleted"
    press(client, memory, "restore")
    assert stored(memory).state == "live"


def test_a_deletion_and_a_restoration_are_each_other_s_undo(client, admin, memory):
    client.force_login(admin.member)
    answer, said = press(client, memory, "delete")
    assert said == ["Deleted “Sessions live in <b>PostgreSQL</b>”. It can be restored."]
    undo(client, answer)
    assert stored(memory).state == "live"
    delete_memory(admin.caller, memory)
    answer, _ = press(client, memory, "restore")
    undo(client, answer)
    assert stored(memory).state == "deleted"


def test_an_archived_memory_whose_deletion_is_undone_is_archived_again(client, admin, memory):
    client.force_login(admin.member)
    before = Curation.of(archive_memory(admin.caller, memory))
    answer, _ = press(client, memory, "delete")
    page = undo(client, answer)
    assert [str(message) for message in page.context["messages"]] == [
        "“Sessions live in <b>PostgreSQL</b>” is as it was before."
    ]
    assert (stored(memory).state, Curation.of(stored(memory))) == ("archived", before)
    assert audited()[-1] == ("restore_memory", "done", "ada", "memory")


def test_a_deletion_is_taken_back_by_who_may_while_it_stands(client, admin, collaborator, stranger, memory):
    client.force_login(admin.member)
    answer, _ = press(client, memory, "delete")
    (path,) = [undo_path(message) for message in answer.context["messages"]]
    for person in (collaborator, stranger):
        client.force_login(person.member)
        assert client.post(path).status_code == 404
    client.force_login(admin.member)
    assert client.post(f"{path.rstrip('/')}x/").status_code == 404
    assert stored(memory).state == "deleted"
    client.post(path)
    assert client.post(path).status_code == 404
    delete_memory(admin.caller, memory)
    page = client.post(path, follow=True)
    assert "was restored and deleted again since; that stands." in page.content.decode()
    assert stored(memory).state == "deleted"


@pytest.mark.parametrize("name", DEEDS)
def test_a_button_is_refused_to_the_weak_and_not_found_by_strangers(
    client, owner, collaborator, guest, stranger, memory, name
):
    memory = ready(owner.caller, memory, name)
    kept = Curation.of(memory), memory.deleted_at
    found = {}
    for person in (guest, stranger, *([] if name == "confirm" else [collaborator])):
        client.force_login(person.member)
        answer = client.post(address(memory, name), {"reason": "mine"})
        found[person.member.username] = answer.status_code
    assert (Curation.of(stored(memory)), stored(memory).deleted_at) == kept
    weak = 404 if name == "restore" else 302
    expected = {"gina": weak, "sven": 404, "carl": weak}
    assert found == {name: expected[name] for name in found}
    assert {outcome for _, outcome, _, _ in audited()} == ({"invalid"} if name == "restore" else {"refused", "invalid"})


def test_the_weak_are_told_why_and_see_no_button_that_they_may_not_press(client, collaborator, guest, admin, memory):
    client.force_login(collaborator.member)
    _, said = press(client, memory, "archive")
    assert said == ["Your role does not allow this; it needs the role admin."]
    drawn = {}
    for person in (guest, collaborator, admin):
        client.force_login(person.member)
        page = client.get(reverse("memory", args=[memory.pk])).content.decode()
        drawn[person.member.username] = [name for name in [*DEEDS, "edit"] if f'"{address(memory, name)}"' in page]
    assert drawn == {
        "gina": [],
        "carl": ["confirm", "edit"],
        "ada": ["confirm", "pin", "archive", "delete", "edit"],
    }


@pytest.mark.parametrize("name", [*DEEDS, "edit-undo", "put-back"])
def test_reading_an_address_of_a_button_does_nothing(client, admin, memory, name):
    client.force_login(admin.member)
    more = ["x"] if name in ("edit-undo", "put-back") else []
    assert client.get(reverse(f"memory-{name}", args=[memory.pk, *more])).status_code == 405


def test_a_pin_needs_its_reason(client, admin, memory):
    client.force_login(admin.member)
    for reason in ("", "  ", "\x00"):
        _, said = press(client, memory, "pin", reason=reason)
        assert said == ["Say why it must not fade."]
    assert stored(memory).pinned_at is None


def test_an_undo_does_not_run_over_what_others_did_since(client, admin, owner, collaborator, memory):
    client.force_login(collaborator.member)
    answer, _ = press(client, memory, "confirm")
    pin_memory(owner.caller, memory, "kept")
    answer = undo(client, answer)
    assert [str(message) for message in answer.context["messages"]] == [
        "“Sessions live in <b>PostgreSQL</b>” was changed by somebody else since; that stands."
    ]
    assert stored(memory).pinned_at is not None


def test_only_what_the_portal_signed_is_put_back(client, admin, memory):
    client.force_login(admin.member)
    for kept in ("x", "WzEsMl0:1tXyz:abc", "%F0%9F"):
        assert client.post(f"/memories/{memory.pk}/put-back/{kept}/").status_code == 404
        assert client.post(f"/memories/{memory.pk}/edit/undo/{kept}/").status_code == 404


def test_taking_back_a_pin_needs_the_role_that_pinning_needs(client, admin, collaborator, memory):
    client.force_login(admin.member)
    answer, _ = press(client, memory, "pin", reason="kept")
    client.force_login(collaborator.member)
    answer = undo(client, answer)
    assert [str(message) for message in answer.context["messages"]] == [
        "Your role does not allow this; it needs the role admin."
    ]
    assert stored(memory).pinned_at is not None


def test_a_version_comes_back_and_goes_again(client, collaborator, memory):
    save_memory(collaborator.caller, memory.project, "decision", memory.title, content_md="Two")
    client.force_login(collaborator.member)
    answer = client.post(reverse("memory-version-restore", args=[memory.pk, 1]), follow=True)
    assert (stored(memory).content_md, stored(memory).version) == ("One", 3)
    undo(client, answer)
    assert (stored(memory).content_md, stored(memory).version) == ("Two", 4)
    client.post(reverse("memory-version-restore", args=[memory.pk, 4]), follow=True)
    assert stored(memory).version == 4
    assert client.post(reverse("memory-version-restore", args=[memory.pk, 99])).status_code == 404


def test_the_history_shows_a_rename_and_restoring_brings_the_title_back(client, owner, collaborator, memory):
    edit_memory(collaborator.caller, memory, expected_version=1, title="Where <sessions> live", memory_type="note")
    client.force_login(collaborator.member)
    address = reverse("memory-history", args=[memory.pk])
    page = " ".join(client.get(address).content.decode().split())
    old, new = "Sessions live in &lt;b&gt;PostgreSQL&lt;/b&gt;", "Where &lt;sessions&gt; live"
    assert f"Renamed from “<bdi>{old}</bdi>” to “<bdi>{new}</bdi>”" in page
    assert "Type changed from decision to note" in page
    assert f'Title: <del class="quiet">{old}</del> → <ins>{new}</ins>' in page
    answer = client.post(reverse("memory-version-restore", args=[memory.pk, 1]), follow=True)
    assert [str(message) for message in answer.context["messages"]] == [
        "Version 1 of “Sessions live in <b>PostgreSQL</b>” is back, as version 3."
    ]
    assert (stored(memory).title, stored(memory).memory_type_id) == (memory.title, "decision")
    assert AuditEntry.objects.get().detail == "version 1, was “Where <sessions> live”"
    undo(client, answer)
    assert (stored(memory).title, stored(memory).memory_type_id) == ("Where <sessions> live", "note")
    save_memory(owner.caller, memory.project, "decision", memory.title)
    answer = client.post(reverse("memory-version-restore", args=[memory.pk, 1]), follow=True)
    assert "Its title and type stay as they are: another decision of app is titled" in answer.content.decode()
    MemoryVersion.objects.filter(number=1).update(title="", memory_type=None)
    assert "its title was not kept" in client.get(address).content.decode()


def test_the_history_takes_as_many_statements_for_many_versions_as_for_few(
    client, collaborator, memory, django_assert_num_queries
):
    client.force_login(collaborator.member)
    address = reverse("memory-history", args=[memory.pk])
    with CaptureQueriesContext(connection) as few:
        client.get(address)
    for number in range(2, 40):
        edit_memory(collaborator.caller, memory, expected_version=number - 1, title=f"Title {number}")
    with django_assert_num_queries(len(few)):
        client.get(address)


def test_the_history_shows_what_changed_to_those_in_sight(client, owner, collaborator, stranger, memory):
    save_memory(owner.caller, memory.project, "decision", memory.title, content_md="<i>Two</i>", tags=["db"])
    address = reverse("memory-history", args=[memory.pk])
    codes = {}
    for person in (owner, collaborator, stranger):
        client.force_login(person.member)
        codes[person.member.username] = client.get(address).status_code
    assert codes == {"olga": 200, "carl": 200, "sven": 404}
    client.force_login(collaborator.member)
    page = client.get(address).content.decode()
    assert '<td class="text" dir="auto">One</td>' in page
    assert '<td class="text" dir="auto">&lt;i&gt;Two&lt;/i&gt;</td>' in page
    assert "<ins>db</ins>" in page
    for words in ({"old": "x", "new": "-1"}, {"old": "9" * 30}, {"old": "٣"}, {"page": "99"}):
        assert client.get(address, words).status_code == 200
