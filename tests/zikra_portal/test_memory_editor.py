"""Writing memories in the browser: new ones, newer texts, and what is refused without losing a word."""

import pytest
from django.urls import reverse

from access.models import AuditEntry
from access.roles import Role
from memories.deleting import delete_memory
from memories.models import Memory
from memories.saving import save_memory
from tests.conftest import make_person
from zikra_portal.templatetags.deeds import undo_path

pytestmark = pytest.mark.django_db
NEW = "/memories/new/"


@pytest.fixture
def memory(owner, app):
    return save_memory(
        owner.caller, app, "decision", "Retry policy", content_md="Retry three times.", tags=["db", "auth"],
        module="billing", confidence=0.123456, source_file="talk",
    ).memory  # fmt: skip


def edit_of(memory):
    return reverse("memory-edit", args=[memory.pk])


def sent(answer, **changes):
    """What a browser sends of the form on a page, with changes."""
    form = answer.context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in {**values, **changes}.items() if value is not None}


def undo(client, answer):
    (path,) = [undo_path(message) for message in answer.context["messages"]]
    return client.post(path, follow=True)


def test_each_door_opens_to_whom_it_should(client, owner, collaborator, stranger, app, memory):
    guest = make_person("gina", Role.GUEST, app)
    codes = {}
    for person in (owner, collaborator, stranger, guest):
        client.force_login(person.member)
        codes[person.member.username] = [client.get(address).status_code for address in (NEW, edit_of(memory))]
    assert codes == {"olga": [200, 200], "carl": [200, 200], "sven": [200, 404], "gina": [403, 403]}


def test_a_new_memory_is_saved_with_its_secrets_masked_and_audited(client, collaborator, app):
    client.force_login(collaborator.member)
    answer = client.get(NEW, {"title": "Keys", "type": "note"})
    assert answer.context["form"]["title"].value() == "Keys"
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    data = sent(answer, project="app", content_md=f"One\r\nkey {key}", tags="a, b,,a", memory_type="note")
    answer = client.post(NEW, data, follow=True)
    memory = Memory.objects.get()
    assert answer.redirect_chain == [(reverse("memory", args=[memory.pk]), 302)]
    assert key not in memory.content_md
    assert memory.content_md.startswith("One\nkey [masked: ")
    assert (memory.title, memory.tags, memory.created_by) == ("Keys", ["a", "b"], "carl")
    assert list(AuditEntry.objects.values_list("command", "outcome", "object_id")) == [
        ("save_memory", "done", str(memory.pk))
    ]


def test_a_project_out_of_sight_cannot_be_chosen(client, collaborator, stranger, app, secret_project):
    client.force_login(collaborator.member)
    answer = client.get(NEW)
    assert [str(project) for project in answer.context["form"].fields["project"].queryset] == ["app"]
    answer = client.post(NEW, sent(answer, project="skunkworks", title="Mine"))
    assert list(answer.context["form"].errors) == ["project"]
    assert Memory.objects.count() == 0


def test_a_title_that_is_taken_is_refused_beside_its_field(client, collaborator, app, memory):
    client.force_login(collaborator.member)
    data = sent(client.get(NEW), project="app", title="Retry  policy", memory_type="decision", content_md="Mine")
    answer = client.post(NEW, data)
    assert answer.context["form"].errors == {"title": ["This project has a memory of this type and title already."]}
    assert answer.context["form"]["content_md"].value() == "Mine"
    other = save_memory(collaborator.caller, app, "decision", "Other").memory
    answer = client.post(edit_of(other), sent(client.get(edit_of(other)), title="Retry policy"))
    assert answer.context["form"].errors == {"title": ["Another decision of app has this title."]}
    assert Memory.objects.get(pk=other.pk).version == 1


def test_an_unchanged_form_changes_nothing_but_confirms(client, collaborator, memory):
    client.force_login(collaborator.member)
    before = Memory.objects.get(pk=memory.pk)
    client.post(edit_of(memory), sent(client.get(edit_of(memory))))
    after = Memory.objects.get(pk=memory.pk)
    assert after.version == 1
    assert (after.content_md, after.tags, after.stated_confidence, after.source_file) == (
        before.content_md, before.tags, before.stated_confidence, before.source_file,
    )  # fmt: skip
    assert after.confirmed_at > before.confirmed_at


def test_title_and_type_change_with_id_history_and_links_kept_and_an_undo_brings_all_back(
    client, collaborator, owner, app, memory
):
    source = save_memory(owner.caller, app, "note", "Source", content_md="[[Retry policy]] [[Backoff]]").memory
    client.force_login(collaborator.member)
    data = sent(client.get(edit_of(memory)), title="Backoff", memory_type="note", content_md="Wait longer.", tags="x")
    answer = client.post(edit_of(memory), data, follow=True)
    after = Memory.objects.get(pk=memory.pk)
    assert (after.title, after.memory_type_id, after.content_md, after.tags, after.version) == (
        "Backoff", "note", "Wait longer.", ["x"], 2,
    )  # fmt: skip
    assert set(source.outgoing_links.values_list("target_title", "target_id")) == {
        ("Retry policy", memory.pk),
        ("Backoff", memory.pk),
    }
    assert AuditEntry.objects.get().detail == "updated, was “Retry policy”"
    undo(client, answer)
    again = Memory.objects.get(pk=memory.pk)
    assert (again.title, again.memory_type_id, again.content_md, again.tags, again.version) == (
        "Retry policy", "decision", "Retry three times.", ["db", "auth"], 3,
    )  # fmt: skip
    assert again.stated_confidence == 0.123456


def test_a_newer_version_is_not_overwritten_unseen_and_no_word_is_lost(client, collaborator, owner, memory):
    client.force_login(collaborator.member)
    stale = sent(client.get(edit_of(memory)), content_md="Mine")
    save_memory(owner.caller, memory.project, "decision", memory.title, content_md="Theirs")
    answer = client.post(edit_of(memory), stale)
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "Version 2 was saved by olga while you were editing version 1." in page
    assert "Your text is still here and not saved." in page
    assert Memory.objects.get(pk=memory.pk).content_md == "Theirs"
    again = sent(answer)
    assert (again["content_md"], again["expected_version"]) == ("Mine", "2")
    assert client.post(edit_of(memory), again).status_code == 302
    assert Memory.objects.get(pk=memory.pk).content_md == "Mine"


def test_an_undo_after_others_saved_is_refused(client, collaborator, owner, memory):
    client.force_login(collaborator.member)
    answer = client.post(edit_of(memory), sent(client.get(edit_of(memory)), content_md="Mine"), follow=True)
    save_memory(owner.caller, memory.project, "decision", memory.title, content_md="Theirs")
    answer = undo(client, answer)
    assert "Version 3 was saved by olga while you were editing version 2." in answer.content.decode()
    assert Memory.objects.get(pk=memory.pk).content_md == "Theirs"


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"title": "   "}, "title", "This field is required."),
        ({"confidence": "1.5"}, "confidence", "Ensure this value is less than or equal to 1."),
        ({"confidence": "nan"}, "confidence", "Enter a number."),
        ({"tags": "x" * 101}, "tags", "tags has 101 characters; at most 100 are kept."),
        ({"memory_type": "never heard of"}, "memory_type", "Select a valid choice. That choice is not one of the available choices."),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_told_beside_its_field(client, collaborator, memory, changes, field, words):
    client.force_login(collaborator.member)
    answer = client.post(edit_of(memory), sent(client.get(edit_of(memory)), **changes))
    assert answer.context["form"].errors == {field: [words]}
    assert Memory.objects.get(pk=memory.pk).version == 1


def test_a_preview_shows_the_text_and_saves_nothing(client, collaborator, app, memory):
    client.force_login(collaborator.member)
    data = sent(client.get(edit_of(memory)), content_md="**bold** <script>alert(1)</script>", preview="yes")
    page = client.post(edit_of(memory), data).content.decode()
    assert "<strong>bold</strong> &lt;script&gt;" in page
    assert "<script>alert" not in page
    assert Memory.objects.get(pk=memory.pk).version == 1
    new = sent(client.get(NEW), content_md="*new*", preview="yes")
    assert "<em>new</em>" in client.post(NEW, new).content.decode()
    assert Memory.objects.count() == 1


def test_a_deleted_memory_is_not_edited(client, owner, memory):
    delete_memory(owner.caller, memory)
    client.force_login(owner.member)
    assert client.get(edit_of(memory)).status_code == 404


@pytest.mark.parametrize("words", ["<script>alert(1)</script>", "\x00", "🦨" * 100, "‮right", "x" * 501])
def test_any_word_is_ordinary_input(client, collaborator, memory, words):
    client.force_login(collaborator.member)
    for name in ("title", "content_md", "tags", "module", "memory_type", "project"):
        assert "<script>alert" not in client.get(NEW, {name: words}).content.decode()
        answer = client.post(edit_of(memory), sent(client.get(edit_of(memory)), **{name: words}))
        assert answer.status_code in (200, 302)


def test_without_a_project_the_editor_says_how_one_comes_and_shows_no_form(client, owner):
    client.force_login(owner.member)
    for address in (reverse("memory-new"), reverse("requirement-new")):
        page = client.get(address).content.decode()
        assert ("There is no project yet" in page, 'name="title"' in page) == (True, False)
        assert reverse("admin:access_project_add") in page
    client.force_login(make_person("cora", Role.COLLABORATOR, all_projects=True).member)
    page = client.get(reverse("memory-new")).content.decode()
    assert ("There is no project yet" in page, reverse("admin:access_project_add") in page) == (True, False)
