"""The page of hygiene: what each list holds for whom, and what its buttons do, refuse and take back."""

import uuid
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from access.models import AuditEntry
from access.roles import Role
from memories.models import Memory, MemoryLink, Repair
from memories.saving import save_memory
from tests.conftest import make_person
from zikra_portal.tables import ROWS_A_PAGE

pytestmark = pytest.mark.django_db
HYGIENE = "/hygiene/"
OLD = timezone.now() - timedelta(days=60)


@pytest.fixture
def admin(app):
    return make_person("ada", Role.ADMIN, app)


@pytest.fixture
def untidy(owner, app, secret_project):
    """One of each kind in each project."""
    for project in (app, secret_project):
        save_memory(owner.caller, project, "note", f"Stale {project}", content_md=f"See [[Missing {project}]].")
        save_memory(owner.caller, project, "note", f"Twice {project}", content_md=f"See [[Target {project}]].")
        save_memory(owner.caller, project, "decision", f"twice {project}", content_md=f"See [[Target {project}]].")
        save_memory(owner.caller, project, "note", f"Target {project}")
        save_memory(owner.caller, project, "note", f"Alone {project}")
    Memory.objects.filter(title__startswith="Stale").update(confirmed_at=OLD, updated_at=OLD)


def body(answer):
    return " ".join(answer.content.decode().split())


def counts(answer):
    return {tab.finding.name: tab.count for tab in answer.context["tabs"]}


def rows(client, show, **words):
    return client.get(HYGIENE, {"show": show, **words}).context["rows"]


def memory_of(title):
    return Memory.objects.get(title=title)


def dead_link():
    return MemoryLink.objects.get(target=None, source__project__name="app")


def test_it_stands_behind_the_login(client, db):
    assert client.get(HYGIENE)["Location"] == f"/accounts/login/?next={HYGIENE}"


def test_each_sees_what_is_untidy_in_their_scope(client, owner, collaborator, stranger, untidy):
    seen = {}
    for person in (owner, collaborator, stranger):
        client.force_login(person.member)
        seen[person.member.username] = (
            counts(client.get(HYGIENE)),
            [memory.title for memory in rows(client, "stale")],
            [memory.title for memory in rows(client, "orphaned")],
            [[memory.title for memory in same.memories] for same in rows(client, "duplicate")],
            [link.target_title for link in rows(client, "dead")],
        )
    each = {"stale": 1, "orphaned": 1, "duplicate": 1, "dead": 1}
    assert seen["carl"] == (each, ["Stale app"], ["Alone app"], [["twice app", "Twice app"]], ["Missing app"])
    assert seen["sven"] == (
        each,
        ["Stale skunkworks"],
        ["Alone skunkworks"],
        [["twice skunkworks", "Twice skunkworks"]],
        ["Missing skunkworks"],
    )
    assert seen["olga"][0] == dict.fromkeys(each, 2)
    client.force_login(owner.member)
    assert [memory.title for memory in rows(client, "stale", project="app")] == ["Stale app"]
    client.force_login(collaborator.member)
    assert client.get(HYGIENE, {"project": "skunkworks"}).status_code == 404


def test_buttons_are_drawn_for_those_who_may_press_them(client, admin, collaborator, app, untidy):
    guest = make_person("gus", Role.GUEST, app)
    drawn = {}
    for person in (admin, collaborator, guest):
        client.force_login(person.member)
        pages = {show: body(client.get(HYGIENE, {"show": show})) for show in ("stale", "orphaned", "duplicate", "dead")}
        drawn[person.member.username] = {
            word: word in "".join(pages.values())
            for word in ("Archive the chosen", "Keep the newest", ">Confirm<", ">Link<", ">Mend<", ">Remove brackets<")
        }
    assert set(drawn["ada"].values()) == {True}
    assert [drawn["carl"][word] for word in ("Archive the chosen", "Keep the newest")] == [False, False]
    assert all(drawn["carl"][word] for word in (">Confirm<", ">Link<", ">Mend<", ">Remove brackets<"))
    assert set(drawn["gus"].values()) == {False}


def test_a_stale_memory_is_confirmed_told_audited_and_undone(client, collaborator, untidy):
    client.force_login(collaborator.member)
    memory = memory_of("Stale app")
    answer = client.post(reverse("hygiene-confirm", args=[memory.pk]), {"next": "/hygiene/?show=stale"}, follow=True)
    assert answer.redirect_chain == [("/hygiene/?show=stale", 302)]
    undo = reverse("repair-undo", args=[Repair.objects.get().pk])
    assert "Confirmed “Stale app”." in body(answer)
    assert f'action="{undo}"' in body(answer)
    assert counts(answer)["stale"] == 0
    assert "Nothing is stale" in body(answer)
    answer = client.post(undo, {"next": "/hygiene/"}, follow=True)
    assert "Undone: Confirmed “Stale app”." in body(answer)
    assert counts(answer)["stale"] == 1
    trail = AuditEntry.objects.filter(caller="carl").order_by("pk").values_list("command", "object_id", "outcome")
    assert list(trail) == [("confirm_memory", str(memory.pk), "done"), ("undo_repair", str(memory.pk), "done")]


def test_all_shown_are_archived_by_one_press_with_a_row_of_audit_for_each(client, admin, untidy):
    client.force_login(admin.member)
    chosen = [str(memory_of(title).pk) for title in ("Stale app", "Alone app")]
    answer = client.post(reverse("hygiene-archive"), {"memory": chosen, "next": "/hygiene/"}, follow=True)
    assert "Archived 2 memories." in body(answer)
    assert counts(answer) == {"stale": 0, "orphaned": 0, "duplicate": 1, "dead": 0}
    assert AuditEntry.objects.filter(command="archive_memories").count() == 2
    client.post(reverse("repair-undo", args=[Repair.objects.get().pk]))
    assert counts(client.get(HYGIENE)) == {"stale": 1, "orphaned": 1, "duplicate": 1, "dead": 1}


def test_choosing_none_is_said_in_words_and_changes_nothing(client, admin, untidy):
    client.force_login(admin.member)
    answer = client.post(reverse("hygiene-archive"), {"memory": ["", "no id"]}, follow=True)
    assert "Choose the memories that shall be archived" in body(answer)
    assert not Repair.objects.exists()


def test_duplicates_are_merged_and_come_back(client, admin, untidy):
    client.force_login(admin.member)
    kept = memory_of("Twice app")
    answer = client.post(reverse("hygiene-merge", args=[kept.pk]), follow=True)
    assert "Kept “Twice app” and archived 1 other." in body(answer)
    assert memory_of("twice app").archived_at is not None
    client.post(reverse("repair-undo", args=[Repair.objects.get().pk]))
    assert memory_of("twice app").archived_at is None


def test_an_orphan_is_linked_to_a_memory_that_is_searched_for(client, collaborator, untidy):
    client.force_login(collaborator.member)
    orphan, target = memory_of("Alone app"), memory_of("Target app")
    address = reverse("hygiene-link", args=[orphan.pk])
    page = client.get(address, {"q": "target"})
    offered = {result.memory.title for result in page.context["results"]}
    assert offered == {"Target app", "Twice app", "twice app"}
    answer = client.post(address, {"target": target.pk, "next": "/hygiene/?show=orphaned"}, follow=True)
    assert "Linked “Alone app” to “Target app”." in body(answer)
    assert counts(answer)["orphaned"] == 0


def test_a_dead_link_is_mended_in_three_ways(client, admin, untidy):
    client.force_login(admin.member)
    link, target = dead_link(), memory_of("Target app")
    page = client.get(reverse("hygiene-mend", args=[link.pk]))
    assert "Mend the link to “Missing app”" in body(page)
    mends = {
        reverse("hygiene-mend", args=[link.pk]): {"target": target.pk},
        reverse("hygiene-remove-brackets", args=[link.pk]): {},
        reverse("hygiene-make", args=[link.pk]): {"memory_type": "note", "content_md": "It exists."},
    }
    for address, fields in mends.items():
        link = dead_link()
        address = address.replace(address.split("/")[3], str(link.pk))
        assert counts(client.post(address, fields, follow=True))["dead"] == 0
        client.post(reverse("repair-undo", args=[Repair.objects.latest("pk").pk]))
        assert counts(client.get(HYGIENE))["dead"] == 1


def test_out_of_sight_is_not_found_too_weak_is_refused_and_nothing_changes(client, collaborator, stranger, app, untidy):
    guest = make_person("gus", Role.GUEST, app)
    memory, link = memory_of("Stale app"), dead_link()
    posts = {
        reverse("hygiene-confirm", args=[memory.pk]): {},
        reverse("hygiene-link", args=[memory.pk]): {"target": memory_of("Target app").pk},
        reverse("hygiene-mend", args=[link.pk]): {"target": memory_of("Target app").pk},
        reverse("hygiene-remove-brackets", args=[link.pk]): {},
        reverse("hygiene-make", args=[link.pk]): {"memory_type": "note", "content_md": "It exists."},
        reverse("hygiene-archive"): {"memory": memory.pk},
        reverse("hygiene-merge", args=[memory_of("Twice app").pk]): {},
        reverse("repair-undo", args=[uuid.uuid4()]): {},
    }
    client.force_login(stranger.member)
    assert {client.post(address, fields).status_code for address, fields in posts.items()} == {404}
    for address in (reverse("hygiene-link", args=[memory.pk]), reverse("hygiene-mend", args=[link.pk])):
        assert client.get(address).status_code == 404
    weak = {guest: 7, collaborator: 2}
    for person, refused in weak.items():
        client.force_login(person.member)
        for address, fields in list(posts.items())[-1 - refused : -1]:
            assert "Your role does not allow this" in body(client.post(address, fields, follow=True))
    assert not Repair.objects.exists()


def test_hostile_titles_are_shown_as_words(client, owner, app):
    hostile = "<script>alert(1)</script> " + "W" * 400
    save_memory(owner.caller, app, "note", hostile, content_md="[[<b>gone</b>]]")
    save_memory(owner.caller, app, "decision", hostile)
    Memory.objects.update(confirmed_at=OLD, updated_at=OLD)
    client.force_login(owner.member)
    link = MemoryLink.objects.get()
    addresses = [f"/hygiene/?show={show}" for show in ("stale", "orphaned", "duplicate", "dead")]
    addresses += [reverse("hygiene-mend", args=[link.pk]), reverse("hygiene-link", args=[link.source_id])]
    for address in addresses:
        page = client.get(address).content.decode()
        assert "<script>alert" not in page
        assert "<b>gone" not in page
        assert "&lt;" in page


# Session, member, scope, the frame's projects and notices; four counts; the rows, and of duplicates their memories.
LISTS = {"stale": 10, "orphaned": 10, "duplicate": 11, "dead": 10}


def test_the_number_of_queries_does_not_grow(client, admin, app, untidy, django_assert_num_queries):
    client.force_login(admin.member)
    for show, queries in LISTS.items():
        client.get(HYGIENE, {"show": show})
        with django_assert_num_queries(queries):
            client.get(HYGIENE, {"show": show})
    for number in range(60):
        save_memory(admin.caller, app, "note", f"Lost {number}", content_md=f"[[Gone {number}]]")
        save_memory(admin.caller, app, "decision", f"lost {number}")
    Memory.objects.update(confirmed_at=OLD, updated_at=OLD)
    for show, queries in LISTS.items():
        with django_assert_num_queries(queries):
            answer = client.get(HYGIENE, {"show": show})
        assert len(answer.context["rows"]) == ROWS_A_PAGE
