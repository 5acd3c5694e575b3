"""Clients that register themselves."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from oauth2_provider.models import Application

from access.clients import UNUSED_CLIENT_LIFETIME, forget_what_is_over
from access.models import AuthorizationCode, ConnectedClient, RefreshToken, RoleToken
from api.oauth import registration
from api.oauth.redirects import UnfitRedirect, check_redirect_uri
from tests.api.oauth.conftest import CALLBACK, registered

pytestmark = pytest.mark.django_db


def refusal(answer):
    return answer.status_code, answer.json()["error"]


def test_a_public_client_gets_an_id_and_no_secret(client):
    answer = registered(client, redirect_uris=[CALLBACK, "http://localhost:8/cb", "http://[::1]/cb"])
    told = answer.json()
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    row = Application.objects.get()
    assert told == {
        "client_id": row.client_id,
        "client_id_issued_at": int(row.created.timestamp()),
        "client_name": "Chat",
        "redirect_uris": [CALLBACK, "http://localhost:8/cb", "http://[::1]/cb"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "scope": "zikra",
    }
    assert len(told["client_id"]) >= 32


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_confidential_client_gets_a_secret_that_is_kept_as_a_hash(client, method):
    told = registered(client, token_endpoint_auth_method=method).json()
    assert (told["token_endpoint_auth_method"], told["client_secret_expires_at"]) == (method, 0)
    row = Application.objects.get()
    assert len(told["client_secret"]) >= 64
    assert row.client_secret != told["client_secret"]
    assert row.client_type == "confidential"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": None}, "invalid_redirect_uri"),
        ({"redirect_uris": CALLBACK}, "invalid_redirect_uri"),
        ({"redirect_uris": [CALLBACK, 7]}, "invalid_redirect_uri"),
        ({"redirect_uris": [f"{CALLBACK}/{n}" for n in range(11)]}, "invalid_redirect_uri"),
        ({"redirect_uris": [CALLBACK, "http://chat.example.com/cb"]}, "invalid_redirect_uri"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": ["none"]}, "invalid_client_metadata"),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ({"grant_types": "authorization_code"}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
    ],
)
def test_what_cannot_be_served_is_refused_in_words(client, changes, error):
    assert refusal(registered(client, **changes)) == (400, error)
    assert Application.objects.count() == 0


def test_a_client_that_can_do_more_is_taken_for_what_the_portal_offers(client):
    device = "urn:ietf:params:oauth:grant-type:device_code"
    told = registered(client, grant_types=["authorization_code", "refresh_token", device], scope="mail", jwks={}).json()
    assert (told["grant_types"], told["scope"]) == (["authorization_code", "refresh_token"], "zikra")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"\xff", b"[" * 100_000, b'{"x":"' + b"x" * 20_000 + b'"}'])
def test_a_body_that_is_no_small_object_is_refused(body, db):
    answer = Client().post("/oauth/register", body, content_type="application/json")
    assert refusal(answer) == (400, "invalid_client_metadata")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("  ChatGPT \n Desktop ", "ChatGPT Desktop"),
        ("Cl\u202eau\u200bde\x00\ud800", "Claude"),
        ("\u202e\u200b", "chat.example.com"),
        ("", "chat.example.com"),
        (None, "chat.example.com"),
        (["x"], "chat.example.com"),
        ("x" * 500, "x" * 120),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
)
def test_a_name_is_one_line_that_hides_nothing(name, shown):
    assert registration.shown_name(name, CALLBACK) == shown


@pytest.mark.parametrize(
    "uri",
    [
        "https://a.example.com/cb", "https://a.example.com:8443/cb?x=1", "https://127.0.0.1/cb", "http://127.0.0.1/cb",
        "http://127.0.0.1:1/cb", "http://[::1]:65535/", "http://localhost:3118/callback",
    ],
)  # fmt: skip
def test_where_a_client_may_be_answered(uri):
    assert check_redirect_uri(uri).geturl() == uri


@pytest.mark.parametrize(
    "uri",
    [
        "http://a.example.com/cb", "http://10.0.0.1/cb", "http://localhost.example.com/", "http://127.0.0.1.example.com/",
        "javascript:alert(1)", "data:text/html,x", "cursor://anysphere/cb", "com.example.app:/cb", "//a.example.com/cb",
        "/cb", "", "https://", "https:///cb", "https://a.example.com/#x", "https://a.example.com/cb#",
        "https://me@a.example.com/", "https://a.example.com\\@b.example.com/", "https://*.example.com/", "https://a b/",
        "https://a.example.com/c b", "https://a.example.com/\n", "https://bücher.example.com/", "https://a.example.com:x/",
        "https://a.example.com:99999/", "https://a;b.example.com/", "https://[::1/", "https://a.example.com/" + "x" * 2000,
    ],
)  # fmt: skip
def test_where_not(uri):
    with pytest.raises(UnfitRedirect):
        check_redirect_uri(uri)


@given(st.text(max_size=60), st.text(max_size=30))
def test_whatever_is_taken_leads_to_https_or_to_this_machine_and_fits_a_policy(host, rest):
    for uri in (host + rest, f"https://{host}/{rest}", f"http://{host}/{rest}", f"http://localhost{rest}"):
        try:
            parts = check_redirect_uri(uri)
        except UnfitRedirect:
            continue
        assert parts.scheme == "https" or parts.hostname in {"localhost", "127.0.0.1", "::1"}
        assert not set(parts.netloc) & set(" ;,'\"@\\\n")


@pytest.mark.usefixtures("within_one_minute")
def test_registrations_from_one_address_are_bounded(client, monkeypatch):
    monkeypatch.setattr(registration, "REGISTRATIONS_AN_HOUR", 2)
    answers = [
        client.post(
            "/oauth/register", {"redirect_uris": [CALLBACK]}, content_type="application/json", REMOTE_ADDR="fd00::bad"
        )
        for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert registered(client).status_code == 201


def test_so_many_wait_for_a_consent_and_no_more(client, monkeypatch):
    monkeypatch.setattr(registration, "MOST_WAITING", 1)
    assert registered(client).status_code == 201
    assert refusal(registered(client)) == (429, "temporarily_unavailable")


def test_clients_that_nobody_let_in_are_forgotten_after_a_day(chat, client, collaborator):
    chat.connected(collaborator)
    unused = registered(client).json()["client_id"]
    assert forget_what_is_over(timezone.now() + UNUSED_CLIENT_LIFETIME - timedelta(minutes=1)) == 0
    assert forget_what_is_over(timezone.now() + UNUSED_CLIENT_LIFETIME + timedelta(minutes=1)) == 1
    assert not Application.objects.filter(client_id=unused).exists()
    assert Application.objects.filter(client_id=chat.client_id).exists()


def test_a_consent_that_no_client_came_for_goes_with_its_token(chat, collaborator):
    chat.code(collaborator)
    forget_what_is_over(timezone.now() + timedelta(days=2))
    assert ConnectedClient.objects.count() == AuthorizationCode.objects.count() == 0
    assert list(RoleToken.objects.values_list("label", flat=True)) == ["carl"]


def test_used_secrets_are_kept_until_they_would_have_expired(chat, collaborator):
    tokens = chat.connected(collaborator)
    chat.refresh(tokens["refresh_token"])
    forget_what_is_over(timezone.now() + timedelta(days=29))
    assert (RefreshToken.objects.count(), AuthorizationCode.objects.count()) == (2, 1)
    forget_what_is_over(timezone.now() + timedelta(days=31))
    assert (RefreshToken.objects.count(), AuthorizationCode.objects.count()) == (0, 0)
    assert ConnectedClient.objects.count() == 1
