"""The page of connected clients, and their end."""

import pytest
from django.urls import reverse

from access.models import AuditEntry, ConnectedClient
from access.roles import Role
from tests.api.oauth.conftest import chat as chat
from tests.conftest import make_person

pytestmark = pytest.mark.django_db


def revoke_page(connection):
    return reverse("client-revoke", args=[connection.pk])


def connection_of(person):
    return ConnectedClient.objects.get(token__member=person.member)


@pytest.fixture
def guest(app):
    return make_person("gus", Role.GUEST, app)


@pytest.fixture
def tokens(chat, owner, collaborator, stranger, guest):
    """One client, let in by each."""
    return {
        "olga": chat.connected(owner),
        "carl": chat.connected(collaborator),
        "sven": chat.connected(stranger, role="admin", projects=["skunkworks"]),
        "gus": chat.connected(guest, role="guest"),
    }


def test_the_page_stands_behind_the_login(client, tokens, collaborator):
    for address in (reverse("clients"), revoke_page(connection_of(collaborator))):
        assert client.get(address)["Location"] == f"/accounts/login/?next={address}"


def test_members_see_their_own_clients_and_owners_all(client, tokens, owner, collaborator, stranger, guest):
    seen = {}
    for person in (owner, collaborator, stranger, guest):
        client.force_login(person.member)
        page = client.get(reverse("clients"))
        seen[person.member.username] = (
            sorted(row.token.member.username for row in page.context["page"]),
            "Let in by" in page.content.decode(),
            [
                client.get(revoke_page(connection_of(other))).status_code
                for other in (owner, collaborator, stranger, guest)
            ],
        )
    assert seen == {
        "olga": (["carl", "gus", "olga", "sven"], True, [200, 200, 200, 200]),
        "carl": (["carl"], False, [404, 200, 404, 404]),
        "sven": (["sven"], False, [404, 404, 200, 404]),
        "gus": (["gus"], False, [404, 404, 404, 200]),
    }


def test_a_row_tells_role_projects_host_and_use(client, tokens, stranger):
    client.force_login(stranger.member)
    page = client.get(reverse("clients")).content.decode()
    for words in ("Chat", "chat.example.com", "Admin", "skunkworks", "never", "connected"):
        assert words in page


def test_without_a_client_the_page_says_how_to_connect_one(client, collaborator):
    client.force_login(collaborator.member)
    page = client.get(reverse("clients")).content.decode()
    assert "No client is connected" in page
    assert "http://testserver/mcp" in page


def test_a_consent_that_was_never_used_is_not_listed(client, chat, collaborator):
    chat.code(collaborator)
    client.force_login(collaborator.member)
    assert "No client is connected" in client.get(reverse("clients")).content.decode()


def test_a_member_revokes_their_own_client_once(client, chat, tokens, collaborator):
    client.force_login(collaborator.member)
    address = revoke_page(connection_of(collaborator))
    assert "Revoke “<bdi>Chat</bdi>”" in client.get(address).content.decode()
    assert chat.calls(tokens["carl"]["access_token"]).status_code == 200
    assert client.post(address)["Location"] == reverse("clients")
    assert chat.calls(tokens["carl"]["access_token"]).status_code == 401
    assert chat.refresh(tokens["carl"]["refresh_token"]).status_code == 400
    assert chat.calls(tokens["olga"]["access_token"]).status_code == 200
    client.post(address)
    rows = AuditEntry.objects.filter(command="revoke_client", door="page").order_by("id")
    assert [(row.caller, row.outcome, row.object_title) for row in rows] == [
        ("carl", "done", "Chat"),
        ("carl", "invalid", ""),
    ]


def test_an_owner_revokes_anybody_s_and_others_only_their_own(
    client, chat, tokens, owner, collaborator, stranger, guest
):
    for person in (stranger, guest):
        client.force_login(person.member)
        assert client.post(revoke_page(connection_of(collaborator))).status_code == 404
    assert chat.calls(tokens["carl"]["access_token"]).status_code == 200
    client.force_login(owner.member)
    client.post(revoke_page(connection_of(collaborator)))
    assert chat.calls(tokens["carl"]["access_token"]).status_code == 401
    assert connection_of(collaborator).token.revoked_by == "olga"


def test_the_page_costs_as_much_with_three_clients_as_with_thirty(
    client, chat, owner, django_assert_num_queries, collaborator
):
    client.force_login(owner.member)
    for count in (3, 27):
        for _ in range(count):
            chat.connected(collaborator)
        with django_assert_num_queries(7):
            client.get(reverse("clients"))


def test_the_admin_lists_shows_and_revokes_them_for_owners(client, chat, tokens, owner, collaborator, stranger):
    changelist = reverse("admin:access_connectedclient_changelist")
    page = reverse("admin:access_connectedclient_change", args=[connection_of(collaborator).pk])
    client.force_login(stranger.member)
    assert [client.get(address).status_code for address in (changelist, page)] == [403, 403]
    client.force_login(owner.member)
    assert client.get(changelist).content.decode().count("Chat") >= 4
    assert "https://chat.example.com/callback" in client.get(page).content.decode()
    assert client.post(page.replace("/change/", "/do/revoke/")).status_code == 302
    assert chat.calls(tokens["carl"]["access_token"]).status_code == 401
