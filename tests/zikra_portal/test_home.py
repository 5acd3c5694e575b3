"""The first page: search within scope, what is new, and what to do first."""

import pytest
from django.urls import reverse

from memories.saving import save_memory
from zikra_portal.security import policy_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def known(owner, app, secret_project):
    save_memory(owner.caller, app, "decision", "Sessions live in PostgreSQL", content_md="One store to <b>back up</b>.")
    save_memory(owner.caller, secret_project, "note", "Skunks are hidden", content_md="One store too.")


def test_people_who_are_not_logged_in_are_led_to_the_login(client, db):
    assert client.get("/")["Location"] == "/accounts/login/?next=/"


def test_a_fresh_portal_says_what_to_do_first(client, owner, collaborator):
    client.force_login(owner.member)
    page = client.get("/").content.decode()
    assert "Nothing is remembered yet" in page
    assert reverse("admin:access_roletoken_add") in page
    client.force_login(collaborator.member)
    page = client.get("/").content.decode()
    assert "Ask an owner" in page
    assert reverse("admin:access_roletoken_add") not in page


def test_new_memories_and_projects_are_those_in_scope(client, owner, collaborator, stranger, known):
    seen = {}
    for person in (owner, collaborator, stranger):
        client.force_login(person.member)
        answer = client.get("/")
        seen[person.member.username] = (
            {memory.title for memory in answer.context["newest"]},
            {(project.name, project.memories_now) for project in answer.context["busy_projects"]},
        )
    assert seen == {
        "olga": ({"Sessions live in PostgreSQL", "Skunks are hidden"}, {("app", 1), ("skunkworks", 1)}),
        "carl": ({"Sessions live in PostgreSQL"}, {("app", 1)}),
        "sven": ({"Skunks are hidden"}, {("skunkworks", 1)}),
    }


def test_pages_carry_a_strict_policy_and_no_inline_script(client, owner, known):
    client.force_login(owner.member)
    answer = client.get("/")
    assert answer["Content-Security-Policy"] == (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    page = answer.content.decode()
    assert page.count("<script") == page.count('<script src="/static/')
    assert " style=" not in page
    assert " onclick=" not in page


def test_no_page_s_policy_names_another_host():
    for path in ("/", "/accounts/login/", "/admin/", "/api/docs/"):
        sources = {word for directive in policy_for(path).split("; ") for word in directive.split()[1:]}
        assert sources <= {"'self'", "'none'", "data:", "blob:", "'unsafe-eval'", "'unsafe-inline'"}
    assert "unsafe" not in policy_for("/")


def test_times_are_told_in_the_reader_s_zone(client, owner, known):
    from memories.models import Memory

    client.force_login(owner.member)
    shown = set()
    for zone in ("UTC", "Asia/Kathmandu", "No/Such_Zone"):
        type(owner.member).objects.filter(pk=owner.member.pk).update(time_zone=zone)
        shown.add(client.get("/").content.decode().partition('title="')[2].partition('"')[0].rpartition(" ")[2])
    assert Memory.objects.count() == 2
    assert shown == {"UTC", "+0545"}


def test_refusal_pages_are_in_words(client, owner, db):
    client.force_login(owner.member)
    assert "Not found" in client.get("/nowhere").content.decode()
