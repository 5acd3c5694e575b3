"""Clients whose id is the address of a document: fetched with care, kept for a while, never from inside."""

import json
import socket
import threading
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from oauth2_provider.cimd import CIMDError
from oauth2_provider.models import Application

from api.oauth.client_documents import ClientDocuments
from tests.api.oauth.conftest import CALLBACK, App

pytestmark = [pytest.mark.long, pytest.mark.django_db]


@pytest.fixture
def desk(documents, client):
    return App(client, Client(), documents.client_id)


def document_of(documents, **changes):
    known = json.loads(documents.body)
    return {name: value for name, value in {**known, **changes}.items() if value is not None}


def consent_status(app, person):
    """Of the page, asked by a member as if nothing had failed before."""
    cache.clear()
    app.browser.force_login(person.member)
    return app.browser.get(app.asks()).status_code


def test_a_document_makes_a_client_that_is_named_with_its_host(desk, documents, collaborator):
    desk.browser.force_login(collaborator.member)
    page = desk.browser.get(desk.asks()).content.decode()
    assert '<bdi class="client-name">Desk</bdi>' in page
    assert "The client describes itself at <strong>localhost</strong>" in page
    tokens = desk.connected(collaborator)
    assert desk.calls(tokens["access_token"]).status_code == 200
    assert desk.refresh(tokens["refresh_token"]).status_code == 200
    host = documents.address.removeprefix("https://")
    assert documents.asked == [("/client.json", host)]
    row = Application.objects.get()
    assert (row.client_id, row.client_type, row.registration_source) == (documents.client_id, "public", "cimd")


def test_nobody_makes_the_portal_fetch_without_a_login(desk, documents, collaborator):
    assert Client().get(desk.asks()).status_code == 302
    assert desk.exchange("guess").status_code == 401
    assert desk.refresh("guess").status_code == 401
    assert desk.revoke("guess").status_code == 401
    assert documents.asked == []


def test_a_document_is_asked_for_again_when_its_time_is_over_and_the_old_one_holds_meanwhile(
    desk, documents, collaborator
):
    documents.serves(document_of(documents), **{"Cache-Control": "max-age=600"})
    assert consent_status(desk, collaborator) == 200
    assert consent_status(desk, collaborator) == 200
    assert len(documents.asked) == 1
    with time_machine.travel(timezone.now() + timedelta(seconds=601)):
        documents.status = 503
        assert consent_status(desk, collaborator) == 200
        documents.serves(document_of(documents, redirect_uris=["https://other.example.com/cb"]))
        assert consent_status(desk, collaborator) == 400
    assert len(documents.asked) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "https://other.example.com/client.json"},
        {"client_id": None},
        {"redirect_uris": None},
        {"redirect_uris": []},
        {"redirect_uris": ["http://chat.example.com/cb"]},
        {"redirect_uris": [CALLBACK, "javascript:alert(1)"]},
        {"grant_types": ["implicit"]},
        {"grant_types": "authorization_code"},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"client_secret": "x"},
    ],
)
def test_a_document_that_does_not_fit_makes_no_client(desk, documents, collaborator, changes):
    documents.serves(document_of(documents, **changes))
    assert consent_status(desk, collaborator) == 400
    assert len(documents.asked) == 1
    assert Application.objects.count() == 0


def test_a_document_of_a_client_that_can_do_more_is_taken(desk, documents, collaborator):
    grants = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]
    documents.serves(document_of(documents, grant_types=grants, client_name="De\u202esk", logo_uri="x"))
    assert consent_status(desk, collaborator) == 200
    assert Application.objects.get().name == "Desk"


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (302, b"", {"Location": "https://localhost/other.json"}),
        (404, None, {}),
        (500, None, {}),
        (200, b"[]", {}),
        (200, b"{", {}),
        (200, b"x" * 20_000, {}),
        (200, None, {"Content-Type": "text/html"}),
    ],
)
def test_an_answer_that_is_no_small_document_makes_no_client(desk, documents, collaborator, status, body, headers):
    documents.status = status
    documents.body = documents.body if body is None else body
    documents.headers |= headers
    assert consent_status(desk, collaborator) == 400
    assert len(documents.asked) == 1


def test_a_member_is_told_that_the_document_cannot_be_had(desk, documents, collaborator):
    documents.status = 404
    cache.clear()
    desk.browser.force_login(collaborator.member)
    page = desk.browser.get(desk.asks()).content.decode()
    assert f'<code class="client-id">{documents.client_id}</code>' in page
    assert "OAUTH_CLIENT_DOCUMENTS=false" in page
    other = desk.browser.get(App(desk.http, desk.browser, "nobody").asks()).content.decode()
    assert "OAUTH_CLIENT_DOCUMENTS" not in other


def test_a_portal_that_fetches_no_documents_asks_nobody(desk, documents, collaborator, settings):
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "CIMD_ENABLED": False}
    assert consent_status(desk, collaborator) == 400
    assert documents.asked == []


def test_after_a_failure_the_portal_does_not_ask_again_at_once(desk, documents, collaborator):
    cache.clear()
    documents.status = 404
    desk.browser.force_login(collaborator.member)
    assert [desk.browser.get(desk.asks()).status_code for _ in range(3)] == [400, 400, 400]
    assert len(documents.asked) == 1


def test_a_server_that_says_nothing_is_left_after_a_while(settings, collaborator, client):
    settings.OAUTH_PRIVATE_CLIENT_DOCUMENTS = True
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "CIMD_FETCH_TIMEOUT_SECONDS": 0.3}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client_id = f"https://localhost:{silent.getsockname()[1]}/client.json"
        began = timezone.now()
        assert consent_status(App(client, Client(), client_id), collaborator) == 400
        assert timezone.now() - began < timedelta(seconds=3)


def test_a_certificate_that_nobody_vouches_for_is_refused(desk, documents, collaborator, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    assert consent_status(desk, collaborator) == 400
    assert documents.asked == []


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "127.0.0.1", "127.1", "2130706433", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1",
        "[fd00::1]", "[fe80::1]", "224.0.0.1", "255.255.255.255",
    ],
)  # fmt: skip
def test_without_the_setting_nothing_inside_is_asked(host, settings):
    assert settings.OAUTH_PRIVATE_CLIENT_DOCUMENTS is False
    reached = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        with pytest.raises(CIMDError, match="not public|cannot be found"):
            ClientDocuments().fetch(f"https://{host}:{server.getsockname()[1]}/client.json")
        try:
            server.accept()[0].close()
            reached.set()
        except TimeoutError:
            pass
    assert not reached.is_set()


@pytest.mark.parametrize("host", ["169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1]", "224.0.0.1", "[ff02::1]"])
def test_with_the_setting_the_credentials_of_clouds_stay_out_of_reach(host, settings):
    settings.OAUTH_PRIVATE_CLIENT_DOCUMENTS = True
    with pytest.raises(CIMDError, match="not public"):
        ClientDocuments().fetch(f"https://{host}/client.json")


@pytest.mark.parametrize(
    "client_id",
    [
        "http://chat.example.com/client.json", "https://chat.example.com", "https://chat.example.com/", "https:///x",
        "https://chat.example.com/a/../b", "https://chat.example.com/./b", "https://me@chat.example.com/x",
        "https://chat.example.com/x#y", "https://chat.example.com:x/y", "https://[::1/x", "https://chat.example.com/\x01",
        "https://chat.example.com/é", "https://chat.example.com/" + "x" * 255,
    ],
)  # fmt: skip
def test_an_id_that_is_no_plain_address_is_not_asked(client_id):
    with pytest.raises(CIMDError, match="client_id"):
        ClientDocuments().fetch(client_id)


def test_a_document_never_takes_over_a_registered_client(desk, documents, collaborator):
    Application.objects.create(
        client_id=documents.client_id, client_type="public", authorization_grant_type="authorization-code",
        redirect_uris="https://first.example.com/cb",
    )  # fmt: skip
    assert consent_status(desk, collaborator) == 400
    assert Application.objects.get().redirect_uris == "https://first.example.com/cb"
