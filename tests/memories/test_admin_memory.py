"""The memories' pages of the admin: what their buttons and forms do, and how they say no."""

import pytest
from django.urls import reverse

from access.models import AuditEntry, Membership
from access.roles import Role
from memories.models import Memory, MemoryVersion, PendingEmbedding
from memories.saving import save_memory
from tests.conftest import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def memory(owner, app):
    return save_memory(
        owner.caller, app, "decision", "Sessions live in PostgreSQL", content_md="One\nTwo", tags=["db"]
    ).memory


@pytest.fixture
def admin_of_app(app):
    return make_person("ada", Role.ADMIN, app)


def page(memory, name="change"):
    return reverse(f"admin:memories_memory_{name}", args=[memory.pk])


def form_of(memory, **changes):
    """What the edit form sends."""
    return {
        "content_md": memory.content_md,
        "resolution": memory.resolution,
        "module": memory.module,
        "tags": ", ".join(memory.tags),
        "source_file": memory.source_file,
        "stated_confidence": str(memory.stated_confidence),
        "seen_version": str(memory.version),
        **changes,
    }


def do(client, memory, deed, **answers):
    return client.post(page(memory, f"do_{deed}"), answers, follow=True)


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def audited():
    return list(AuditEntry.objects.order_by("id").values_list("command", "outcome", "door", "caller"))


def test_editing_writes_a_version_and_an_audit_row(client, collaborator, memory):
    client.force_login(collaborator.member)
    answer = client.post(page(memory), form_of(memory, content_md="One\r\nThree", tags="db, auth"))
    assert answer.status_code == 302
    memory.refresh_from_db()
    assert (memory.version, memory.content_md, memory.tags) == (2, "One\nThree", ["db", "auth"])
    assert audited() == [("save_memory", "done", "admin", "carl")]
    entry = AuditEntry.objects.get()
    assert (entry.object_id, entry.project_id, entry.member_id) == (
        str(memory.pk),
        memory.project_id,
        collaborator.member.pk,
    )


def test_saving_an_unchanged_form_makes_no_version(client, collaborator, memory):
    client.force_login(collaborator.member)
    client.post(page(memory), form_of(memory))
    memory.refresh_from_db()
    assert memory.version == 1


def test_a_text_that_changed_meanwhile_is_not_overwritten_unseen(client, collaborator, owner, memory):
    client.force_login(collaborator.member)
    stale = form_of(memory, content_md="Mine")
    save_memory(owner.caller, memory.project, "decision", memory.title, content_md="Theirs")
    answer = client.post(page(memory), stale)
    assert answer.status_code == 200
    assert "Version 2 was saved while you were editing version 1" in answer.content.decode()
    memory.refresh_from_db()
    assert memory.content_md == "Theirs"
    assert answer.context["adminform"].form["seen_version"].value() == "2"
    assert client.post(page(memory), {**stale, "seen_version": "2"}).status_code == 302
    memory.refresh_from_db()
    assert (memory.content_md, memory.version) == ("Mine", 3)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"stated_confidence": "1.5"}, "stated_confidence", "confidence is a share between 0 and 1, not 1.5."),
        ({"tags": "x" * 101}, "tags", "tags has 101 characters; at most 100 are kept."),
        ({"tags": ",".join(f"t{n}" for n in range(51))}, "tags", "51 tags; at most 50 are kept."),
    ],
)
def test_a_refused_save_says_why_beside_the_field_and_changes_nothing(
    client, collaborator, memory, changes, field, words
):
    client.force_login(collaborator.member)
    answer = client.post(page(memory), form_of(memory, content_md="New", **changes))
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors == {field: [words]}
    memory.refresh_from_db()
    assert (memory.content_md, memory.version) == ("One\nTwo", 1)
    assert audited() == [("save_memory", "invalid", "admin", "carl")]


def test_adding_makes_a_memory_and_refuses_a_title_that_exists(client, collaborator, app, memory):
    client.force_login(collaborator.member)
    new = {**form_of(memory), "project": app.pk, "memory_type": "note", "title": "Brand new"}
    assert client.post(reverse("admin:memories_memory_add"), new).status_code == 302
    assert Memory.objects.get(title="Brand new").content_md == "One\nTwo"
    answer = client.post(reverse("admin:memories_memory_add"), new)
    assert list(answer.context["adminform"].form.errors) == ["title"]
    assert Memory.objects.get(title="Brand new").version == 1


def test_adding_offers_and_takes_only_projects_in_scope(client, collaborator, secret_project, memory):
    client.force_login(collaborator.member)
    answer = client.get(reverse("admin:memories_memory_add"))
    assert [project.name for project in answer.context["adminform"].form.fields["project"].queryset] == ["app"]
    assert "skunkworks" not in answer.content.decode()
    new = {**form_of(memory), "project": secret_project.pk, "memory_type": "note", "title": "Smuggled"}
    assert client.post(reverse("admin:memories_memory_add"), new).status_code == 200
    assert not Memory.objects.filter(title="Smuggled").exists()


def test_a_guest_reads_and_has_no_form_and_no_buttons(client, app, memory):
    guest = make_person("gina", Role.GUEST, app)
    client.force_login(guest.member)
    answer = client.get(page(memory))
    assert answer.status_code == 200
    assert (answer.context["deeds"], list(answer.context["adminform"].fieldsets)) == ([], [])
    assert client.post(page(memory), form_of(memory, content_md="Hacked")).status_code == 403
    assert do(client, memory, "confirm").status_code == 403
    memory.refresh_from_db()
    assert memory.content_md == "One\nTwo"
    assert [(command, outcome) for command, outcome, _, _ in audited()] == [
        ("save_memory", "refused"),
        ("confirm_memory", "refused"),
    ]


def test_buttons_follow_the_role_and_the_state(client, collaborator, admin_of_app, owner, memory):
    labels = {}
    for person in (collaborator, admin_of_app, owner):
        client.force_login(person.member)
        labels[person.caller.role] = [known["label"] for known in client.get(page(memory)).context["deeds"]]
    assert labels == {
        Role.COLLABORATOR: ["Confirm"],
        Role.ADMIN: ["Confirm", "Pin", "Archive", "Embed again", "Delete"],
        Role.OWNER: ["Confirm", "Pin", "Archive", "Embed again", "Delete"],
    }


def test_archive_unarchive_pin_unpin_delete_restore_and_purge(client, owner, memory):
    client.force_login(owner.member)

    def state():
        row = Memory.objects.filter(pk=memory.pk).first()
        return (row.state, bool(row.pinned_at)) if row else "gone"

    steps = [("archive", {}, ("archived", False)), ("unarchive", {}, ("live", False)), ("pin", {"reason": "vital"}, ("live", True)),
             ("unpin", {}, ("live", False)), ("delete", {}, ("deleted", False)), ("restore", {}, ("live", False)),
             ("delete", {}, ("deleted", False)), ("purge", {}, "gone")]  # fmt: skip
    for deed, answers, expected in steps:
        assert do(client, memory, deed, **answers).status_code == 200
        assert (deed, state()) == (deed, expected)
    commands = [
        command for command, outcome, door, caller in audited() if (outcome, door, caller) == ("done", "admin", "olga")
    ]
    assert commands == ["archive_memory", "unarchive_memory", "pin_memory", "unpin_memory", "delete_memory",
                        "restore_memory", "delete_memory", "purge_memory"]  # fmt: skip


@pytest.mark.parametrize("deed", ["delete", "purge"])
def test_what_cannot_be_taken_back_easily_asks_first_and_names_the_memory(client, owner, memory, deed):
    client.force_login(owner.member)
    answer = client.get(page(memory, f"do_{deed}"))
    assert "“Sessions live in PostgreSQL”" in answer.content.decode().replace("&quot;", '"')
    memory.refresh_from_db()
    assert memory.deleted_at is None


def test_looking_at_a_button_s_address_does_nothing(client, owner, memory):
    client.force_login(owner.member)
    assert client.get(page(memory, "do_archive")).status_code == 302
    memory.refresh_from_db()
    assert memory.archived_at is None


def test_buttons_need_the_page_s_own_form(owner, memory):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(owner.member)
    assert client.post(page(memory, "do_archive")).status_code == 403
    memory.refresh_from_db()
    assert memory.archived_at is None


def test_a_refused_deed_says_why_and_is_audited(client, owner, app, memory):
    client.force_login(owner.member)
    do(client, memory, "delete")
    save_memory(owner.caller, app, "decision", memory.title, content_md="Another")
    answer = do(client, memory, "restore")
    assert said(answer)[-1] == (
        "Another decision titled 'Sessions live in PostgreSQL' exists in app now. Rename or delete that one first."
    )
    assert audited()[-1] == ("restore_memory", "invalid", "admin", "olga")


def test_versions_show_what_changed_and_bring_it_back(client, collaborator, memory):
    save_memory(
        collaborator.caller, memory.project, "decision", memory.title, content_md="One\n<b>Three</b>", module="auth"
    )
    client.force_login(collaborator.member)
    answer = client.get(page(memory, "history"))
    comparison = answer.context["comparison"]
    assert [(line.kind, line.text) for line in comparison.texts[0].lines] == [
        ("same", "One"), ("removed", "Two"), ("added", "<b>Three</b>")]  # fmt: skip
    assert [(field.label, field.old, field.new) for field in comparison.fields] == [("Module", "nothing", "auth")]
    assert "&lt;b&gt;Three&lt;/b&gt;" in answer.content.decode()
    answer = do(client, memory, "restore_version", number="1")
    assert said(answer) == ["Version 1 of “Sessions live in PostgreSQL” is back, as version 3."]
    memory.refresh_from_db()
    assert (memory.content_md, memory.module, memory.version) == ("One\nTwo", "", 3)
    assert MemoryVersion.objects.filter(memory=memory).count() == 3


@pytest.mark.parametrize(
    "query", ["?old=7&new=9", "?old=x&new=y", "?old=1&new=1", "?p=99", "?old=99999999999999999999"]
)
def test_versions_that_do_not_exist_are_not_compared(client, collaborator, memory, query):
    client.force_login(collaborator.member)
    answer = client.get(page(memory, "history") + query)
    assert (answer.status_code, answer.context["comparison"]) == (200, None)


def test_many_are_archived_deleted_restored_and_embedded_again(client, admin_of_app, app, owner):
    memories = [save_memory(owner.caller, app, "note", f"Note {number}", content_md="x").memory for number in range(3)]
    keys = [str(memory.pk) for memory in memories]
    client.force_login(admin_of_app.member)
    address = reverse("admin:memories_memory_changelist")

    def states():
        return [Memory.objects.get(pk=key).state for key in keys]

    client.post(address, {"action": "bulk_archive", "_selected_action": keys[:2]})
    assert states() == ["archived", "archived", "live"]
    client.post(address, {"action": "bulk_unarchive", "_selected_action": keys})
    assert states() == ["live", "live", "live"]
    answer = client.post(address, {"action": "bulk_delete", "_selected_action": keys})
    assert states() == ["live", "live", "live"]
    assert "Delete: 3 chosen." in answer.content.decode()
    client.post(address, {"action": "bulk_delete", "_selected_action": keys, "confirmed": "1"})
    assert states() == ["deleted", "deleted", "deleted"]
    client.post(address + "?state=deleted", {"action": "bulk_restore", "_selected_action": keys})
    assert states() == ["live", "live", "live"]
    assert AuditEntry.objects.filter(command="archive_memory").count() == 2


def test_bulk_deeds_never_reach_out_of_sight(client, stranger, memory):
    client.force_login(stranger.member)
    client.post(
        reverse("admin:memories_memory_changelist"), {"action": "bulk_archive", "_selected_action": [str(memory.pk)]}
    )
    memory.refresh_from_db()
    assert memory.archived_at is None


def test_bulk_deeds_are_offered_by_role(client, collaborator, admin_of_app, memory):
    offered = {}
    for person in (collaborator, admin_of_app):
        client.force_login(person.member)
        form = client.get(reverse("admin:memories_memory_changelist")).context["action_form"]
        offered[person.member.username] = [name for name, _ in form.fields["action"].choices if name]
    assert offered == {
        "carl": ["bulk_confirm"],
        "ada": ["bulk_confirm", "bulk_archive", "bulk_unarchive", "bulk_embed_again", "bulk_delete", "bulk_restore"],
    }


def test_deleted_memories_are_listed_for_those_who_may_restore_them_only(
    client, collaborator, admin_of_app, owner, memory
):
    client.force_login(owner.member)
    do(client, memory, "delete")
    counts = {}
    for person in (collaborator, admin_of_app, owner):
        client.force_login(person.member)
        listed = client.get(reverse("admin:memories_memory_changelist"), {"state": "deleted"})
        counts[person.member.username] = (listed.context["cl"].result_count, client.get(page(memory)).status_code)
    assert counts == {"carl": (0, 404), "ada": (1, 200), "olga": (1, 200)}


def test_the_search_box_finds_by_the_search_and_keeps_its_order(client, collaborator, app, owner):
    from memories.search import search

    for number, text in enumerate(
        ["payments fail and are retried", "payments", "invoices and payments and payments", "weather"]
    ):
        save_memory(owner.caller, app, "note", f"Note {number}", content_md=text)
    expected = [result.memory.title for result in search(collaborator.caller, "payments", limit=100).results]
    client.force_login(collaborator.member)
    listed = client.get(reverse("admin:memories_memory_changelist"), {"q": "payments"}).context["cl"].result_list
    assert [memory.title for memory in listed] == expected
    assert "Note 3" not in expected or expected.index("Note 3") == 3


def test_a_degraded_search_says_so(client, collaborator, app, owner, settings):
    from memories.models import EmbeddingSpace

    EmbeddingSpace.objects.all().delete()
    save_memory(owner.caller, app, "note", "Payments", content_md="retry")
    client.force_login(collaborator.member)
    answer = client.get(reverse("admin:memories_memory_changelist"), {"q": "payments"})
    assert said(answer) == ["No embedder is set up: results come from keywords only."]
    assert [memory.title for memory in answer.context["cl"].result_list] == ["Payments"]


def test_what_the_page_renders_is_safe_and_links_what_is_in_sight(client, collaborator, app, owner):
    save_memory(owner.caller, app, "note", "Target", content_md="here")
    text = "<script>alert(1)</script> [x](javascript:alert(1)) [[target|see there]] [[Nowhere]] `[[Target]]`"
    source = save_memory(owner.caller, app, "note", "Source", content_md=text).memory
    client.force_login(collaborator.member)
    content = str(client.get(page(source)).context["content"])
    target = Memory.objects.get(title="Target")
    assert "<script" not in content
    assert "javascript:" not in content.replace("[x](javascript:alert(1))", "")
    assert f'href="/memories/{target.pk}/"' in content
    assert ">see there</a>" in content
    assert ">Nowhere</span>" in content
    assert "<code>[[Target]]</code>" in content


def test_someone_who_leaves_the_project_sees_it_no_more(client, collaborator, app, memory):
    client.force_login(collaborator.member)
    assert client.get(page(memory)).status_code == 200
    Membership.objects.filter(member=collaborator.member).delete()
    assert client.get(page(memory)).status_code == 404


def test_try_again_forgets_the_failures_of_an_embedding(client, owner, memory):
    from memories.embedding.spaces import ensure_wanted_space

    space = ensure_wanted_space()
    PendingEmbedding.objects.update_or_create(
        memory=memory, space=space, defaults={"attempts": 7, "last_error": "no answer"}
    )
    pending = PendingEmbedding.objects.get()
    client.force_login(owner.member)
    assert "no answer" in client.get(reverse("admin:memories_pendingembedding_changelist")).content.decode()
    client.post(reverse("admin:memories_pendingembedding_do_try_again", args=[pending.pk]))
    pending.refresh_from_db()
    assert (pending.attempts, pending.last_error) == (0, "")


def test_everything_is_embedded_again_from_the_space_s_page(client, owner, memory):
    from memories.embedding.spaces import ensure_wanted_space

    space = ensure_wanted_space()
    PendingEmbedding.objects.all().delete()
    client.force_login(owner.member)
    client.post(reverse("admin:memories_embeddingspace_do_embed_everything_again", args=[space.pk]))
    assert [pending.memory_id for pending in PendingEmbedding.objects.all()] == [memory.pk]


def test_the_space_that_the_settings_name_is_not_retired(client, owner):
    from memories.embedding.spaces import ensure_wanted_space

    space = ensure_wanted_space()
    client.force_login(owner.member)
    answer = client.post(reverse("admin:memories_embeddingspace_do_retire", args=[space.pk]), follow=True)
    assert said(answer) == ["The settings name this embedding space; change EMBEDDING_MODEL first."]
    space.refresh_from_db()
    assert space.state == "active"


def test_types_are_edited_by_owners_and_kept_while_memories_have_them(client, owner, collaborator, memory):
    from memories.models import MemoryType

    client.force_login(collaborator.member)
    address = reverse("admin:memories_memorytype_change", args=["decision"])
    assert client.post(address, {"label": "X", "floor": "0.1", "colour": "#112233"}).status_code == 403
    client.force_login(owner.member)
    assert (
        client.post(
            address, {"label": "Decision", "half_life_days": "45", "floor": "0.1", "colour": "#112233"}
        ).status_code
        == 302
    )
    kind = MemoryType.objects.get(pk="decision")
    assert (kind.half_life_days, kind.floor, kind.colour) == (45, 0.1, "#112233")
    client.post(address, {"label": "Decision", "half_life_days": "60", "floor": "0.1", "colour": "#112233"})
    assert "45.0" in client.get(reverse("admin:memories_memorytype_history", args=["decision"])).content.decode()
    answer = client.post(reverse("admin:memories_memorytype_do_delete_type", args=["decision"]), follow=True)
    assert said(answer)[-1].startswith("1 memories have the type Decision, deleted ones included.")
    client.post(reverse("admin:memories_memorytype_do_delete_type", args=["architecture"]))
    assert not MemoryType.objects.filter(pk="architecture").exists()


def test_the_counts_of_types_are_of_what_the_reader_sees(client, stranger, collaborator, memory):
    counts = []
    for person in (collaborator, stranger):
        client.force_login(person.member)
        listed = client.get(reverse("admin:memories_memorytype_changelist")).context["cl"].result_list
        counts.append({kind.pk: kind.memories_now for kind in listed}["decision"])
    assert counts == [1, 0]
