"""A page's button: done and audited in one transaction, or refused in words and nothing changed."""

import pytest
from django.contrib.messages.storage.cookie import CookieStorage
from django.http import Http404
from django.test import RequestFactory

from access.audit import AuditSubject
from access.errors import Conflict, Forbidden, NotFound
from access.models import AuditEntry, Project
from access.roles import Role
from zikra_portal.deeds import Done, answer, attempt, way_back

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_of(collaborator):
    def request_of(**words):
        request = RequestFactory().post("/somewhere/", words)
        request.user = collaborator.member
        request._messages = CookieStorage(request)
        return request

    return request_of


def audited():
    return list(AuditEntry.objects.values_list("command", "outcome", "status", "object_type", "object_title", "detail"))


def test_what_is_done_is_audited_and_told_with_its_undo(request_of, app):
    request = request_of()

    def act(caller):
        assert caller.door == "page"
        return Done("Renamed it.", AuditSubject("project", str(app.pk), "app", app.pk), undo="/undo/", result=7)

    outcome = attempt(request, "rename", act, kind="project")
    assert (outcome.is_done, outcome.status, outcome.result) == (True, 200, 7)
    assert answer(request, outcome, "/back/")["Location"] == "/back/"
    assert [(str(message), message.extra_tags) for message in request._messages] == [("Renamed it.", "undo:/undo/")]
    assert audited() == [("rename", "done", 200, "project", "app", "")]


@pytest.mark.parametrize(
    ("refusal", "status", "outcome", "words"),
    [
        (Conflict("It is done already."), 409, "invalid", "It is done already."),
        (Forbidden(Role.OWNER), 403, "refused", "Your role does not allow this; it needs the role owner."),
    ],
)
def test_what_is_refused_changes_nothing_and_says_why(request_of, app, refusal, status, outcome, words):
    request = request_of()

    def act(caller):
        Project.objects.create(name="half-done")
        raise refusal

    ended = attempt(request, "rename", act, kind="project")
    answer(request, ended, "/back/")
    assert (ended.is_done, ended.status, ended.words) == (False, status, words)
    assert [(str(message), message.level_tag) for message in request._messages] == [(words, "error")]
    assert audited() == [("rename", outcome, status, "project", "", words)]
    assert not Project.objects.filter(name="half-done").exists()


def test_out_of_sight_is_not_found(request_of, app):
    def act(caller):
        raise NotFound("Memory not found")

    with pytest.raises(Http404):
        attempt(request_of(), "rename", act)
    assert audited() == [("rename", "invalid", 404, "", "", "Memory not found")]


@pytest.mark.parametrize(
    ("wanted", "way"),
    [
        ("/runs/?page=2", "/runs/?page=2"),
        ("", "/back/"),
        ("https://elsewhere.example/", "/back/"),
        ("//elsewhere.example/", "/back/"),
        ("/\\elsewhere.example", "/back/"),
        ("javascript:alert(1)", "/back/"),
        ("runs/", "/back/"),
    ],
)
def test_the_way_back_stays_in_the_portal(request_of, wanted, way):
    assert way_back(request_of(next=wanted), "/back/") == way
