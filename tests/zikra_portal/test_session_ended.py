"""A form sent after the session has ended: its page comes back after the login, its words are not lost, nothing is done."""

import re

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse

from access.models import AuditEntry
from memories.models import Memory, MemoryLink
from memories.saving import save_memory
from requirements_pipeline.commenting import add_comment
from requirements_pipeline.models import Requirement, RequirementComment
from requirements_pipeline.writing import save_requirement
from zikra_portal.deeds import is_deed_address
from zikra_portal.session_ended import MEMBER_COOKIE, NOT_DONE, SHOWN_AGAIN

pytestmark = pytest.mark.django_db

LOGIN = "/accounts/login/"
PASSWORD = "correct horse battery"
HERE = "http://testserver"


@pytest.fixture(autouse=True)
def _fresh_cache():
    cache.clear()


@pytest.fixture
def requirement(collaborator, app):
    return save_requirement(collaborator.caller, app, "Export invoices", content_md="As CSV.")


@pytest.fixture
def memory(collaborator, app):
    return save_memory(collaborator.caller, app, "note", "Sessions", content_md="See [[Redis]]").memory


def log_in(client, name, then="/"):
    return client.post(LOGIN, {"login": name, "password": PASSWORD, "next": then}, follow=True)


def end_session(client):
    """As it ends by itself: what else the browser keeps stays."""
    client.session.flush()
    del client.cookies["sessionid"]


@pytest.fixture
def ended(client, collaborator):
    """The collaborator's browser, some time after the session has ended."""
    log_in(client, "carl")
    end_session(client)
    return client


def sent(client, path, words=None, came_from=""):
    """Where the login leads that a form is answered with."""
    headers = {"HTTP_REFERER": f"{HERE}{came_from}"} if came_from else {}
    answer = client.post(path, words or {}, **headers)
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, LOGIN)
    page = client.get(answer["Location"])
    assert re.search("Your session ha[sd] ended", page.content.decode())
    return page.context["redirect_field_value"]


def said(answer):
    return [str(message) for message in answer.context["messages"] if "Successfully" not in str(message)]


def test_the_login_leads_to_the_page_that_the_form_stood_on(ended, collaborator, memory):
    listed = "/memories/?type=note&page=2"
    address = reverse("memory-archive", args=[memory.pk])
    assert sent(ended, address, came_from=listed) == listed
    answer = log_in(ended, "carl", listed)
    assert answer.redirect_chain[-1][0] == listed
    assert said(answer) == ["Your session had ended, so what you sent was not done."]
    assert said(ended.get("/")) == []
    assert Memory.objects.get(pk=memory.pk).archived_at is None
    assert not AuditEntry.objects.filter(command="archive_memory").exists()


def test_it_never_leads_to_an_address_that_only_takes_forms(ended, memory, requirement):
    confirm = reverse("memory-confirm", args=[memory.pk])
    page = reverse("memory", args=[memory.pk])
    move = reverse("requirement-move", args=[requirement.pk])
    assert sent(ended, confirm) == page
    assert sent(ended, confirm, came_from=confirm) == page
    assert sent(ended, confirm, {"next": confirm}) == page
    assert sent(ended, confirm, {"next": "/memories/"}) == "/memories/"
    assert sent(ended, move, {"to": "submitted", "next": "/requirements/"}, came_from=move) == "/requirements/"
    assert sent(ended, reverse("notifications-read")) == "/notifications/"


def test_a_form_s_address_that_is_opened_leads_to_its_page_and_says_nothing(client, collaborator, memory):
    page = reverse("memory", args=[memory.pk])
    answer = client.get(reverse("memory-confirm", args=[memory.pk]))
    assert answer["Location"] == f"{LOGIN}?next={page}"
    assert said(log_in(client, "carl", page)) == []


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "/nowhere/", "javascript:alert(1)"])
def test_it_leads_nowhere_else(ended, memory, elsewhere):
    confirm = reverse("memory-confirm", args=[memory.pk])
    answer = ended.post(confirm, {"next": elsewhere}, HTTP_REFERER=elsewhere)
    assert answer["Location"] == f"{LOGIN}?next={reverse('memory', args=[memory.pk])}"


def patterns(found, before=""):
    for pattern in found:
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern.url_patterns, before + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            yield pattern


def is_of_pages(pattern):
    module = pattern.callback.__module__
    return module.startswith("zikra_portal.") and module != "zikra_portal.admin_site"


def test_every_address_of_a_page_that_only_takes_forms_is_known_as_one(client, owner, memory):
    """Asked by GET: 405 exactly where the portal says so."""
    client.force_login(owner.member)
    pages = [one for one in patterns(get_resolver().url_patterns) if is_of_pages(one)]
    known = {one.name for one in pages if is_deed_address(one.callback)}
    examples = {"UUIDConverter": memory.pk, "IntConverter": 1, "StringConverter": "x"}
    refused = set()
    for one in pages:
        words = {name: examples[type(kind).__name__] for name, kind in one.pattern.converters.items()}
        path = reverse(one.name, kwargs=words)
        assert resolve(path).func is one.callback
        if client.get(path).status_code == 405:
            refused.add(one.name)
    assert refused == known
    assert len(known) > 30


def test_a_new_memory_is_in_its_form_again(ended, app):
    words = {"project": "app", "memory_type": "decision", "title": "Kept", "content_md": "Long thoughts\r\nof mine"}
    back = sent(ended, "/memories/new/?project=app", words, came_from="/memories/")
    assert back == "/memories/new/?project=app"
    answer = log_in(ended, "carl", back)
    assert said(answer) == [
        "Your session had ended, so nothing was saved. What you typed stands in the form again: save it now."
    ]
    form = answer.context["form"]
    assert {name: form[name].value() for name in words} == words
    assert not Memory.objects.filter(title="Kept").exists()
    # Once: whoever comes back later finds an empty form.
    assert ended.get("/memories/new/").context["form"]["title"].value() in ("", None)
    ended.post("/memories/new/", words)
    assert Memory.objects.get(title="Kept").content_md == "Long thoughts\nof mine"


def test_an_edit_is_in_its_form_again_and_overwrites_nobody(ended, owner, memory):
    address = reverse("memory-edit", args=[memory.pk])
    words = {"memory_type": "note", "title": "Sessions", "content_md": "Mine", "confidence": 1, "expected_version": 1}
    assert sent(ended, address, words) == address
    save_memory(owner.caller, memory.project, "note", "Sessions", content_md="Theirs")
    form = log_in(ended, "carl", address).context["form"]
    assert form["content_md"].value() == "Mine"
    assert ended.post(address, {name: form[name].value() for name in words}).status_code == 409


def test_a_requirement_is_kept_as_a_draft(ended, collaborator, requirement):
    new = reverse("requirement-new")
    assert sent(ended, new, {"project": "app", "title": "Kept wish", "content_md": "Why", "deed": "submit"}) == new
    answer = log_in(ended, "carl", new)
    assert answer.context["form"]["title"].value() == "Kept wish"
    assert not Requirement.objects.filter(title="Kept wish").exists()
    # It stays until it is saved or discarded, as all that is typed there.
    assert ended.get(new).context["form"]["content_md"].value() == "Why"
    end_session(ended)
    edit = reverse("requirement-edit", args=[requirement.pk])
    words = {"title": requirement.title, "content_md": "As a PDF.", "expected_version": 1, "priority": 3}
    assert sent(ended, edit, words) == edit
    assert log_in(ended, "carl", edit).context["form"]["content_md"].value() == "As a PDF."


def test_a_comment_is_in_its_form_again(ended, collaborator, requirement):
    page = reverse("requirement", args=[requirement.pk])
    assert sent(ended, reverse("requirement-comment", args=[requirement.pk]), {"body": "I <b>think</b>"}) == page
    answer = log_in(ended, "carl", page)
    assert "I &lt;b&gt;think&lt;/b&gt;</textarea>" in answer.content.decode()
    assert not RequirementComment.objects.exists()
    comment = add_comment(collaborator.caller, requirement, "First")
    end_session(ended)
    edit = reverse("comment-edit", args=[requirement.pk, comment.pk])
    assert sent(ended, edit, {"body": "Second"}) == edit
    assert log_in(ended, "carl", edit).context["body"] == "Second"


def test_a_missing_memory_is_in_its_form_again(ended, memory):
    link = MemoryLink.objects.get(source=memory)
    mend = reverse("hygiene-mend", args=[link.pk])
    words = {"memory_type": "note", "content_md": "It is a cache."}
    assert sent(ended, reverse("hygiene-make", args=[link.pk]), words) == mend
    assert log_in(ended, "carl", mend).context["form"]["content_md"].value() == "It is a cache."


def test_what_no_form_shows_again_is_told_in_words(ended, requirement):
    move = reverse("requirement-move", args=[requirement.pk])
    back = sent(ended, move, {"to": "on_hold", "reason": "Waiting for <law>", "next": "/requirements/"})
    answer = log_in(ended, "carl", back)
    assert said(answer) == ["Your session had ended, so what you sent was not done. Not saved was: “Waiting for <law>”"]
    assert "Waiting for &lt;law&gt;" in answer.content.decode()


def test_another_member_who_logs_in_there_reads_nothing_of_it(ended, owner, requirement):
    new = reverse("memory-new")
    for path, words in (
        (new, {"project": "app", "title": "Private", "content_md": "Thoughts"}),
        (reverse("requirement-move", args=[requirement.pk]), {"to": "on_hold", "reason": "Thoughts"}),
    ):
        back = sent(ended, path, words)
        answer = log_in(ended, "olga", back)
        assert said(answer) == ["Your session had ended, so what you sent was not done."]
        assert "Thoughts" not in answer.content.decode()
        assert "Thoughts" not in ended.get(new).content.decode()
        end_session(ended)
        log_in(ended, "carl")
        end_session(ended)


@pytest.mark.parametrize("cookie", [None, "1", "1:forged"])
def test_nothing_is_kept_for_passers_by(client, collaborator, cookie):
    if cookie:
        client.cookies[MEMBER_COOKIE] = cookie
    back = sent(client, reverse("memory-new"), {"project": "app", "title": "Spam", "content_md": "x" * 1000})
    assert Session.objects.count() == 0
    assert back == reverse("memory-new")
    client.post(reverse("memory-new"), {"project": "app", "title": "Spam"})
    page = client.get(LOGIN)
    assert said(page) == ["Your session had ended, so what you sent was not done."]
    answer = log_in(client, "carl", back)
    assert said(answer) == []
    assert answer.context["form"]["title"].value() in ("", None)


def test_htmx_is_told_so_and_nothing_is_kept(ended, requirement):
    answer = ended.post(reverse("requirement-comment", args=[requirement.pk]), {"body": "x"}, HTTP_HX_REQUEST="true")
    assert (answer.status_code, answer.content.decode()) == (401, NOT_DONE)
    assert "undone_form" not in ended.session


def test_the_cookie_is_no_script_s_and_says_nothing_but_who_was_here(client, collaborator):
    answer = client.post(LOGIN, {"login": "carl", "password": PASSWORD})
    cookie = answer.cookies[MEMBER_COOKIE]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    stranger_browser = Client()
    stranger_browser.cookies[MEMBER_COOKIE] = cookie.value
    assert stranger_browser.get("/").status_code == 302


def test_forms_that_are_shown_again_exist():
    names = {one.name for one in patterns(get_resolver().url_patterns)}
    assert names >= SHOWN_AGAIN
