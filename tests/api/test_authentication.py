"""Who gets in: a usable token in the header, and nothing else."""

from datetime import timedelta

import pytest
from django.utils import timezone

from access.models import AuditEntry, RoleToken

UNAUTHORIZED = {"detail": "Unauthorized"}


def post(client, secret="", scheme="Bearer", path="/webhook/zikra", **headers):
    if secret:
        headers["authorization"] = f"{scheme} {secret}".strip()
    return client.post(path, {"command": "version"}, content_type="application/json", headers=headers)


def turned_away(response):
    return (response.status_code, response.json(), response.headers["WWW-Authenticate"]) == (
        401,
        UNAUTHORIZED,
        "Bearer",
    )


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", " Bearer ", "bEaReR  "])
def test_the_scheme_is_understood_in_any_case(client, collaborator, scheme):
    assert post(client, collaborator.secret, scheme).status_code == 200


@pytest.mark.parametrize("scheme", ["", "Basic", "Token", "Bearer:"])
def test_another_scheme_is_turned_away(client, collaborator, scheme):
    assert turned_away(post(client, collaborator.secret, scheme))


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "x",
        "zikra",
        "zikra_",
        "zikra__",
        "zikra_x_",
        "zikra_\x01_y",
        "zikra_é_y",
        "zikra_" + "a" * 5000,
        "zikra_a_b c",
        "_" * 40,
    ],
)
def test_what_is_no_token_is_turned_away_and_not_audited(client, db, secret):
    assert turned_away(post(client, secret))
    assert AuditEntry.objects.count() == 0


def test_a_secret_that_differs_in_its_last_character_is_turned_away(client, collaborator):
    changed = collaborator.secret[:-1] + ("a" if collaborator.secret[-1] != "a" else "b")
    assert turned_away(post(client, changed))
    assert AuditEntry.objects.count() == 0


def test_a_token_in_the_query_or_body_is_no_token(client, collaborator):
    address = f"/webhook/zikra?token={collaborator.secret}&access_token={collaborator.secret}"
    assert turned_away(post(client, path=address))
    body = {"command": "version", "token": collaborator.secret}
    assert turned_away(client.post("/webhook/zikra", body, content_type="application/json"))


def test_a_login_at_the_pages_opens_nothing_here(client, owner):
    client.force_login(owner.member, backend="access.permissions.RolePermissionBackend")
    assert turned_away(post(client))


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"revoked_at": timezone.now()}, "The token is revoked."),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "The token is expired."),
    ],
)
def test_a_token_that_is_over_is_turned_away_and_audited(client, collaborator, change, detail):
    RoleToken.objects.filter(pk=collaborator.token.pk).update(**change)
    assert turned_away(post(client, collaborator.secret, **{"x-request-id": "r1"}))
    [row] = AuditEntry.objects.values("caller", "token_id", "door", "outcome", "status", "detail", "request_id")
    assert row == {
        "caller": "carl",
        "token_id": collaborator.token.pk,
        "door": "webhook",
        "outcome": "refused",
        "status": 401,
        "detail": detail,
        "request_id": "r1",
    }


def test_the_token_of_a_member_who_left_is_turned_away(client, collaborator):
    collaborator.member.is_active = False
    collaborator.member.save()
    assert turned_away(post(client, collaborator.secret))
    assert AuditEntry.objects.get().detail == "The token is held by a member who may not log in."


def test_a_plain_request_id_is_kept_and_another_is_replaced(client, collaborator):
    kept = post(client, collaborator.secret, **{"x-request-id": "build-7.a_b"})
    assert kept.headers["X-Request-ID"] == "build-7.a_b"
    for odd in ("a b", "x" * 65, "<script>", "é"):
        answered = post(client, collaborator.secret, **{"x-request-id": odd}).headers["X-Request-ID"]
        assert (answered != odd, 16 <= len(answered) <= 64) == (True, True)


@pytest.mark.parametrize(
    ("proxied", "forwarded", "address"),
    [
        (False, "203.0.113.9", "127.0.0.1"),
        (True, "203.0.113.9", "203.0.113.9"),
        (True, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (True, "", "127.0.0.1"),
        (True, "not an address", None),
    ],
)
def test_a_forwarded_address_counts_behind_a_proxy_only(client, ask, stranger, settings, proxied, forwarded, address):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if proxied else None
    answer = ask(stranger, "debug_protocol", headers={"x-forwarded-for": forwarded}).json()
    assert answer["caller"]["address"] == address
