"""The consent: who is asked what, what they can grant, and where the answer may lead."""

import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client
from oauth2_provider.models import Application

from access.callers import caller_for_token
from access.models import AuditEntry, ConnectedClient, Membership, RoleToken
from access.roles import Role
from access.tokens import token_for_secret
from tests.api.oauth.conftest import CALLBACK, App, answered, registered
from tests.api.oauth.conftest import chat as chat
from tests.conftest import make_person

pytestmark = pytest.mark.django_db


def body(answer):
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def error_told(answer):
    """What a refusal by redirect tells the client: the address without words, the error, state and issuer."""
    assert answer.status_code == 302
    told = answered(answer)
    return answer["Location"].partition("?")[0], told["error"], told.get("state"), told["iss"]


def test_the_login_comes_first_and_leads_back(chat, collaborator):
    asked = chat.asks()
    answer = Client().get(asked)
    assert answer.status_code == 302
    login = urlsplit(answer["Location"])
    assert (login.netloc, login.path) == ("", "/accounts/login/")
    assert dict(parse_qsl(login.query))["next"] == asked


def test_the_page_names_the_client_as_unverified_and_where_its_answers_go(chat, collaborator):
    chat.browser.force_login(collaborator.member)
    answer = chat.browser.get(chat.asks())
    words = body(answer)
    assert answer.status_code == 200
    assert "Chat asks to use the team's memory in your name, carl." in words
    assert "Nobody has verified that name. The answer goes to chat.example.com :" in words
    assert answer["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
    assert "form-action 'self' https://chat.example.com;" in answer["Content-Security-Policy"]
    assert "default-src 'self';" in answer["Content-Security-Policy"]
    assert (answer["X-Frame-Options"], answer["Referrer-Policy"]) == ("DENY", "same-origin")


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("http://127.0.0.1:8123/cb", "http://127.0.0.1:8123"),
        ("http://localhost:3118/cb", "http://localhost:3118"),
        ("http://[::1]:8123/cb", "http:"),
    ],
)
def test_a_program_on_the_reader_s_machine_is_said_to_be_one_and_may_listen_at_any_port(
    client, collaborator, uri, source
):
    described = registered(client, redirect_uris=[uri.replace("8123", "1").replace("3118", "1")]).json()
    app = App(client, Client(), described["client_id"], redirect_uri=uri)
    app.browser.force_login(collaborator.member)
    answer = app.browser.get(app.asks())
    assert "The answer goes to a program on your own machine" in body(answer)
    assert f"form-action 'self' {source};" in answer["Content-Security-Policy"]
    tokens = app.exchange(answered(app.consents(collaborator))["code"])
    assert tokens.status_code == 200


def test_a_name_cannot_bring_markup(client, collaborator):
    described = registered(client, client_name="<script>alert(1)</script>\u202eevil").json()
    app = App(client, Client(), described["client_id"])
    app.browser.force_login(collaborator.member)
    page = app.browser.get(app.asks()).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;evil" in page


def test_a_consent_answers_with_code_state_and_issuer(chat, collaborator):
    answer = chat.consents(collaborator)
    assert answer["Location"].startswith(CALLBACK + "?")
    told = answered(answer)
    assert (told["state"], told["iss"], set(told)) == ("s t/ä", "http://testserver", {"code", "state", "iss"})
    entry = AuditEntry.objects.get(command="connect_client")
    assert (entry.caller, entry.door, entry.outcome, entry.object_title, entry.detail, entry.project.name) == (
        "carl", "page", "done", "Chat", "as collaborator", "app",
    )  # fmt: skip
    assert entry.object_id == str(ConnectedClient.objects.get().pk)


def test_a_refusal_is_told_to_the_client_and_nothing_is_made(chat, collaborator):
    answer = chat.consents(collaborator, allow=None, deny="1")
    assert error_told(answer) == (CALLBACK, "access_denied", "s t/ä", "http://testserver")
    assert ConnectedClient.objects.count() == 0
    entry = AuditEntry.objects.get(command="connect_client")
    assert (entry.outcome, entry.detail) == ("refused", "Denied by the member.")


def offered(page):
    """The roles and the projects that a page offers, those chosen beforehand marked."""
    html = page.content.decode()
    found = re.findall(r'<input type="(?:radio|checkbox)" name="(role|reach|projects)" value="([^"]*)"([^>]*)>', html)
    return [f"{name}={value}{'*' if 'checked' in rest else ''}" for name, value, rest in found]


def test_each_is_offered_their_own_role_and_projects_or_less(chat, owner, collaborator, stranger, app):
    guest = make_person("gus", Role.GUEST, app)
    pages = {}
    for person in (owner, collaborator, stranger, guest):
        chat.browser.force_login(person.member)
        pages[person.member.username] = offered(chat.browser.get(chat.asks()))
    assert pages == {
        "olga": [
            "role=guest", "role=collaborator*", "role=admin", "role=owner", "reach=every*", "reach=chosen", "projects=app",
            "projects=skunkworks",
        ],
        "carl": ["role=guest", "role=collaborator*", "projects=app*"],
        "sven": ["role=guest", "role=collaborator*", "role=admin", "projects=skunkworks*"],
        "gus": ["role=guest*", "projects=app*"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "chosen",
    [
        {"projects": ["skunkworks"]},
        {"projects": ["app", "skunkworks"]},
        {"projects": ["nowhere"]},
        {"projects": ["a\x00b"]},
        {"projects": []},
        {"projects": None, "reach": "every"},
        {"role": "owner"},
        {"role": "admin"},
        {"role": ""},
        {"role": None},
    ],
)
def test_nobody_grants_more_than_they_have(chat, collaborator, secret_project, chosen):
    answer = chat.consents(collaborator, **chosen)
    assert answer.status_code == 400
    assert "Location" not in answer
    assert ConnectedClient.objects.count() == 0
    assert RoleToken.objects.exclude(pk=collaborator.token.pk).count() == 0


def test_everybody_can_let_a_client_in_with_what_they_have(chat, owner, collaborator, stranger, app, secret_project):
    guest = make_person("gus", Role.GUEST, app)
    lent = {}
    for person, chosen in (
        (owner, {"role": "owner", "reach": "every", "projects": None}),
        (owner, {"role": "guest", "projects": ["skunkworks"]}),
        (collaborator, {}),
        (stranger, {"role": "admin", "projects": ["skunkworks"]}),
        (guest, {"role": "guest"}),
    ):
        caller = caller_for_token(token_for_secret(chat.connected(person, **chosen)["access_token"]))
        lent[f"{person.member.username} {caller.role}"] = (caller.project_ids is None, caller.project_names)
    assert lent == {
        "olga owner": (True, ()),
        "olga guest": (False, ("skunkworks",)),
        "carl collaborator": (False, ("app",)),
        "sven admin": (False, ("skunkworks",)),
        "gus guest": (False, ("app",)),
    }


def test_a_member_without_a_project_is_told_so(chat):
    nobody = make_person("nora", Role.COLLABORATOR, all_projects=True)
    nobody.member.all_projects = False
    nobody.member.save()
    Membership.objects.filter(member=nobody.member).delete()
    chat.browser.force_login(nobody.member)
    assert "You see no project yet." in body(chat.browser.get(chat.asks()))
    assert chat.consents(nobody, projects=[]).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"client_id": "a\x00b"},
        {"client_id": ["nobody", "other"]},
        {"redirect_uri": "https://evil.example.com/callback"},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": CALLBACK + "?x=1"},
        {"redirect_uri": CALLBACK + "#x"},
        {"redirect_uri": "https://chat.example.com:444/callback"},
        {"redirect_uri": "http://chat.example.com/callback"},
        {"redirect_uri": "https://chat.example.com.evil.example.com/callback"},
        {"redirect_uri": "https://chat.example.com@evil.example.com/callback"},
        {"redirect_uri": "//evil.example.com"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": [CALLBACK, "https://evil.example.com/callback"]},
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_is_sent_anywhere_before_client_and_address_are_known(chat, collaborator, changes, method):
    chat.browser.force_login(collaborator.member)
    answer = getattr(chat.browser, method)(chat.asks(**changes), {"deny": "1"} if method == "post" else {})
    assert answer.status_code == 400
    assert "Location" not in answer
    assert "This client cannot be let in" in body(answer)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "S512"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": ["x" * 43, "y" * 43]}, "invalid_request"),
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unauthorized_client"),
        ({"resource": "https://other.example.com/mcp"}, "invalid_target"),
        ({"resource": ["http://testserver/mcp", "https://other.example.com"]}, "invalid_target"),
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_known_client_is_told_what_it_did_wrong(chat, collaborator, changes, error, method):
    chat.connected(collaborator)
    answer = getattr(chat.browser, method)(chat.asks(**changes), {"allow": "1"} if method == "post" else {})
    assert error_told(answer) == (CALLBACK, error, "s t/ä", "http://testserver")
    assert ConnectedClient.objects.count() == 1


@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_is_sent_by_itself_to_a_client_that_anybody_may_have_registered(chat, collaborator, method):
    chat.code(collaborator)
    answer = getattr(chat.browser, method)(chat.asks(response_type="token"), {"allow": "1"} if method == "post" else {})
    assert answer.status_code == 400
    assert "Location" not in answer
    (link,) = re.findall(r'href="(https://[^"]+)"', answer.content.decode())
    told = dict(parse_qsl(urlsplit(unescape(link)).query))
    assert link.startswith(CALLBACK + "?")
    assert (told["error"], told["state"], told["iss"]) == ("unsupported_response_type", "s t/ä", "http://testserver")
    assert "Back to chat.example.com" in body(answer)


def test_other_scopes_are_left_out(chat, collaborator):
    assert chat.exchange(chat.code(collaborator, asks={"scope": "openid mail"})).json()["scope"] == "zikra"


def test_a_consent_cannot_be_given_for_somebody_from_elsewhere(chat, collaborator):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(collaborator.member)
    answer = browser.post(chat.asks(), {"role": "collaborator", "projects": ["app"], "allow": "1"})
    assert answer.status_code == 403
    assert ConnectedClient.objects.count() == 0


def test_an_address_that_cannot_be_read_is_refused(chat, collaborator):
    chat.browser.force_login(collaborator.member)
    assert chat.browser.get("/oauth/authorize?client_id=%zz").status_code == 400
    assert chat.browser.put(chat.asks()).status_code == 405


def test_behind_a_proxy_the_answer_names_the_https_issuer(chat, collaborator, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    chat.browser.force_login(collaborator.member)
    form = {"role": "guest", "projects": ["app"], "allow": "1"}
    asked = chat.asks(resource="https://testserver/mcp")
    answer = chat.browser.post(asked, form, headers={"host": "testserver", "x-forwarded-proto": "https"})
    assert answered(answer)["iss"] == "https://testserver"


def test_a_client_that_was_forgotten_is_unknown(chat, collaborator):
    Application.objects.all().delete()
    chat.browser.force_login(collaborator.member)
    assert chat.browser.get(chat.asks()).status_code == 400
