"""The token and revocation endpoints: what a code, a refresh token and a token are good for, and what thieves get."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from access.callers import caller_for_token, system_caller
from access.clients import CODE_LIFETIME, REFRESH_LIFETIME, TOKEN_LIFETIME
from access.members import change_role, deactivate_member, reactivate_member, set_projects
from access.models import AuditEntry, AuthorizationCode, ConnectedClient, Project, RefreshToken, RoleToken
from access.roles import Role
from access.tokens import hash_secret, token_for_secret
from tests.api.oauth.conftest import CALLBACK, MCP, App, answered, registered
from tests.conftest import make_person

pytestmark = pytest.mark.django_db
OPERATOR = system_caller("tests")


def failed(response):
    return response.status_code, response.json()["error"]


def test_a_code_brings_an_ordinary_role_token_and_a_refresh_token(chat, collaborator, app):
    answer = chat.exchange(chat.code(collaborator))
    tokens = answer.json()
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 3600, "zikra")
    assert set(tokens) == {"access_token", "refresh_token", "token_type", "expires_in", "scope"}
    row = token_for_secret(tokens["access_token"])
    caller = caller_for_token(row)
    assert (row.label, caller.role, caller.project_names, caller.member_id) == (
        "carl, Chat", Role.COLLABORATOR, ("app",), collaborator.member.pk,
    )  # fmt: skip
    assert abs(row.expires_at - timezone.now() - TOKEN_LIFETIME) < timedelta(seconds=30)
    assert (
        chat.calls(tokens["access_token"], "save_memory", title="t", content_md="x", memory_type="note").status_code
        == 200
    )


def test_no_secret_is_kept_in_any_table(chat, collaborator, db):
    from django.db import connection

    code = chat.code(collaborator)
    tokens = chat.exchange(code).json()
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        tables = [name for (name,) in cursor.fetchall()]
        text = ""
        for table in tables:
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{table}" t')
            text += cursor.fetchone()[0] or ""
    assert hash_secret(code) in text
    # A token is zikra_<prefix>_<secret>, and its secret may hold a "_" of its own.
    for secret in (code, *(tokens[name].split("_", 2)[2] for name in ("access_token", "refresh_token"))):
        assert secret not in text


def test_a_code_is_good_once_and_a_second_use_ends_what_the_first_brought(chat, collaborator):
    code = chat.code(collaborator)
    tokens = chat.exchange(code).json()
    assert failed(chat.exchange(code)) == (400, "invalid_grant")
    assert chat.calls(tokens["access_token"]).status_code == 401
    assert failed(chat.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    connection = ConnectedClient.objects.get()
    assert (connection.state, connection.end_reason) == ("revoked", "its authorization code came a second time")


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"code_verifier": None}, (400, "invalid_request")),
        ({"code_verifier": "x" * 64}, (400, "invalid_grant")),
        ({"code_verifier": ""}, (400, "invalid_grant")),
        ({"redirect_uri": "https://chat.example.com/other"}, (400, "invalid_request")),
        ({"redirect_uri": CALLBACK + "/"}, (400, "invalid_request")),
        ({"redirect_uri": "https://evil.example.com/callback"}, (400, "invalid_request")),
        ({"client_id": "nobody"}, (401, "invalid_client")),
        ({"client_id": None}, (401, "invalid_client")),
        ({"client_id": "a\x00b"}, (401, "invalid_client")),
        ({"client_id": "https://unseen.example.com/client.json"}, (401, "invalid_client")),
        ({"code": "guess"}, (400, "invalid_grant")),
        ({"code": None}, (400, "invalid_request")),
        ({"code": "a\x00b"}, (400, "invalid_grant")),
        (
            {"grant_type": "password", "username": "carl", "password": "correct horse battery"},
            (400, "unsupported_grant_type"),
        ),
        ({"grant_type": "client_credentials"}, (400, "unsupported_grant_type")),
        ({"grant_type": "implicit"}, (400, "unsupported_grant_type")),
        ({"grant_type": None}, (400, "unsupported_grant_type")),
        ({"resource": "https://other.example.com/mcp"}, (400, "invalid_target")),
        ({"resource": [MCP, "https://other.example.com/mcp"]}, (400, "invalid_target")),
        ({"redirect_uri": [CALLBACK, CALLBACK]}, (400, "invalid_request")),
    ],
)
def test_a_stolen_code_is_no_good_without_all_that_belongs_to_it(chat, collaborator, changes, answer):
    code = chat.code(collaborator)
    assert failed(chat.exchange(**{"code": code, **changes})) == answer
    assert not AuthorizationCode.objects.get().used_at
    assert chat.exchange(code).status_code == 200


def test_a_code_is_no_good_for_another_client(chat, collaborator, client):
    other = App(chat.http, chat.browser, registered(client).json()["client_id"], verifier=chat.verifier)
    assert failed(other.exchange(chat.code(collaborator))) == (400, "invalid_grant")


def test_a_code_ends_after_a_minute(chat, collaborator):
    code = chat.code(collaborator)
    with time_machine.travel(timezone.now() + CODE_LIFETIME + timedelta(seconds=1)):
        assert failed(chat.exchange(code)) == (400, "invalid_grant")


def test_the_token_ends_after_an_hour_and_is_renewed(chat, collaborator):
    tokens = chat.connected(collaborator)
    with time_machine.travel(timezone.now() + TOKEN_LIFETIME + timedelta(seconds=1)):
        assert chat.calls(tokens["access_token"]).status_code == 401
        fresh = chat.refresh(tokens["refresh_token"]).json()
        assert chat.calls(fresh["access_token"]).status_code == 200
        assert chat.calls(tokens["access_token"]).status_code == 401
    assert fresh["refresh_token"] != tokens["refresh_token"]
    assert RoleToken.objects.filter(label="carl, Chat").count() == 1


def test_a_refresh_token_that_comes_again_ends_the_whole_family(chat, collaborator):
    first = chat.connected(collaborator)
    second = chat.refresh(first["refresh_token"]).json()
    third = chat.refresh(second["refresh_token"]).json()
    assert chat.calls(third["access_token"]).status_code == 200
    assert failed(chat.refresh(first["refresh_token"])) == (400, "invalid_grant")
    assert chat.calls(third["access_token"]).status_code == 401
    assert failed(chat.refresh(third["refresh_token"])) == (400, "invalid_grant")
    entry = AuditEntry.objects.filter(command="revoke_client").get()
    assert (entry.outcome, entry.door, entry.object_title, entry.detail, entry.address) == (
        "refused", "oauth", "Chat", "Ended: a used refresh token came again.", "127.0.0.1",
    )  # fmt: skip


def test_another_connection_of_the_same_client_outlives_a_replay(chat, collaborator, owner):
    first, other = chat.connected(collaborator), chat.connected(owner)
    chat.refresh(first["refresh_token"])
    chat.refresh(first["refresh_token"])
    assert chat.calls(other["access_token"]).status_code == 200


def test_a_refresh_token_ends_after_a_month_without_use(chat, collaborator):
    tokens = chat.connected(collaborator)
    with time_machine.travel(timezone.now() + REFRESH_LIFETIME + timedelta(seconds=1)):
        assert failed(chat.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
        assert ConnectedClient.objects.get().state == "expired"


@pytest.mark.parametrize("resource", [MCP, MCP + "/", "HTTP://TestServer:80/mcp", None])
def test_the_resource_is_our_mcp_or_left_out(chat, collaborator, resource):
    code = chat.code(collaborator, asks={"resource": resource})
    tokens = chat.exchange(code, resource=resource).json()
    assert chat.refresh(tokens["refresh_token"], resource=resource).status_code == 200


@pytest.mark.parametrize(
    "resource", ["http://testserver", "http://testserver/mcp/x", "http://testserver/mcp?x", "https://testserver/mcp", "http://u@testserver/mcp", "x", "http://[/mcp"]
)  # fmt: skip
def test_any_other_resource_is_refused_on_refreshing_and_nothing_is_used_up(chat, collaborator, resource):
    tokens = chat.connected(collaborator)
    assert failed(chat.refresh(tokens["refresh_token"], resource=resource)) == (400, "invalid_target")
    assert chat.refresh(tokens["refresh_token"]).status_code == 200


def test_a_refresh_token_is_no_token_and_a_token_no_refresh_token(chat, collaborator):
    tokens = chat.connected(collaborator)
    assert chat.calls(tokens["refresh_token"]).status_code == 401
    assert failed(chat.refresh(tokens["access_token"])) == (400, "invalid_grant")
    assert chat.calls(tokens["access_token"]).status_code == 200


def test_a_client_with_a_secret_needs_it(client, chat, collaborator):
    described = registered(client, token_endpoint_auth_method="client_secret_post").json()
    app = App(chat.http, chat.browser, described["client_id"], described["client_secret"])
    code = app.code(collaborator)
    assert failed(app.exchange(code, client_secret=None)) == (401, "invalid_client")
    assert failed(app.exchange(code, client_secret="guess")) == (401, "invalid_client")
    assert app.exchange(code).status_code == 200


# --- revocation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "nonsense"])
def test_giving_back_either_token_ends_both(chat, collaborator, name, hint):
    tokens = chat.connected(collaborator)
    assert chat.revoke(tokens[name], token_type_hint=hint).status_code == 200
    assert chat.calls(tokens["access_token"]).status_code == 401
    assert failed(chat.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    entry = AuditEntry.objects.get(command="revoke_client")
    assert (entry.outcome, entry.door, entry.detail) == ("done", "oauth", "by the client")
    assert chat.revoke(tokens[name]).status_code == 200
    assert AuditEntry.objects.filter(command="revoke_client").count() == 1


def test_nobody_gives_back_what_another_client_holds(chat, collaborator, client):
    tokens = chat.connected(collaborator)
    other = App(chat.http, chat.browser, registered(client).json()["client_id"])
    assert other.revoke(tokens["access_token"]).status_code == 200
    assert other.revoke(collaborator.secret).status_code == 200
    assert chat.revoke("guess").status_code == 200
    assert failed(chat.revoke(tokens["access_token"], client_id="nobody")) == (401, "invalid_client")
    assert chat.calls(tokens["access_token"]).status_code == 200
    assert chat.calls(collaborator.secret).status_code == 200


# --- what becomes of the member --------------------------------------------------------------------------------------


def test_a_deactivated_members_clients_are_out_for_good(chat, collaborator, owner):
    tokens = chat.connected(collaborator)
    deactivate_member(OPERATOR, collaborator.member)
    assert chat.calls(tokens["access_token"]).status_code == 401
    assert failed(chat.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    reactivate_member(OPERATOR, collaborator.member)
    assert chat.calls(collaborator.secret).status_code == 200
    assert chat.calls(tokens["access_token"]).status_code == 401


def test_a_consent_of_a_member_who_is_deactivated_meanwhile_brings_nothing(chat, collaborator, owner):
    code = chat.code(collaborator)
    deactivate_member(OPERATOR, collaborator.member)
    assert failed(chat.exchange(code)) == (400, "invalid_grant")


def test_a_client_keeps_no_project_that_its_member_lost_and_is_out_with_the_last(chat, collaborator, app):
    other = Project.objects.create(name="other")
    set_projects(OPERATOR, collaborator.member, ["app", "other"])
    tokens = chat.connected(collaborator, projects=["app", "other"])
    with time_machine.travel(timezone.now() + TOKEN_LIFETIME + timedelta(seconds=1)):
        set_projects(OPERATOR, collaborator.member, ["other"])
        tokens = chat.refresh(tokens["refresh_token"]).json()
        assert caller_for_token(token_for_secret(tokens["access_token"])).project_ids == frozenset({other.pk})
        set_projects(OPERATOR, collaborator.member, [])
        assert caller_for_token(token_for_secret(tokens["access_token"])).project_ids == frozenset()
        assert failed(chat.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert ConnectedClient.objects.get().end_reason == "its member sees none of its projects any more"


def test_a_client_of_every_project_follows_its_member_into_a_scope(chat, app, secret_project):
    roamer = make_person("rita", Role.ADMIN, all_projects=True)
    tokens = chat.connected(roamer, reach="every", role="admin", projects=None)
    assert caller_for_token(token_for_secret(tokens["access_token"])).project_ids is None
    with time_machine.travel(timezone.now() + TOKEN_LIFETIME + timedelta(seconds=1)):
        set_projects(OPERATOR, roamer.member, ["app"])
        change_role(OPERATOR, roamer.member, Role.GUEST)
        caller = caller_for_token(token_for_secret(chat.refresh(tokens["refresh_token"]).json()["access_token"]))
    assert (caller.role, caller.project_ids) == (Role.GUEST, frozenset({app.pk}))


def test_a_deleted_member_leaves_no_client(chat, collaborator):
    tokens = chat.connected(collaborator)
    collaborator.member.delete()
    assert failed(chat.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert RefreshToken.objects.count() == ConnectedClient.objects.count() == 0


# --- the door itself -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/oauth/token", "/oauth/revoke", "/oauth/register"])
def test_programs_of_any_origin_may_post_and_nothing_else(client, address):
    preflight = client.options(address, headers={"origin": "https://inspector.example.com"})
    assert (preflight.status_code, preflight["Access-Control-Allow-Origin"]) == (204, "*")
    assert "Access-Control-Allow-Credentials" not in preflight
    refused = client.get(address)
    assert (refused.status_code, refused["Allow"]) == (405, "POST, OPTIONS")
    assert client.post(address)["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("address", ["/oauth/token", "/oauth/revoke"])
def test_secrets_in_the_address_are_refused(chat, address):
    assert failed(chat.post(f"{address}?client_id={chat.client_id}", {"token": "x"})) == (400, "invalid_request")
    assert failed(chat.post(f"{address}?%zz=%", {"token": "x"})) == (400, "invalid_request")


def test_json_is_no_form(chat, client):
    body = {"grant_type": "authorization_code", "code": "x", "client_id": chat.client_id}
    assert failed(client.post("/oauth/token", body, content_type="application/json")) == (400, "unsupported_grant_type")


def test_a_member_is_told_their_own_answer_only(chat, collaborator):
    assert set(answered(chat.consents(collaborator))) == {"code", "state", "iss"}
