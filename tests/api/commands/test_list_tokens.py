"""The command `list_tokens`."""

from django.utils import timezone

from access.models import RoleToken
from tests.api.conftest import needs, without
from tests.conftest import make_person


def test_an_owner_sees_every_active_token_without_its_secret(tell, owner, collaborator):
    answer = tell(owner, "list_tokens")
    assert [row["label"] for row in answer["tokens"]] == ["carl", "olga"]
    assert answer["count"] == 2
    row = answer["tokens"][0]
    assert without(row, "created_at") == {
        "id": str(collaborator.token.pk),
        "label": "carl",
        "person_name": "carl",
        "member": "carl",
        "role": "collaborator",
        "project_scope": ["app"],
        "prefix": collaborator.token.prefix,
        "state": "active",
        "rate_per_minute": None,
        "created_by": "tests",
        "expires_at": None,
        "revoked_at": None,
        "last_used_at": None,
        "hits": 0,
    }
    assert collaborator.secret not in str(answer)
    assert collaborator.token.digest not in str(answer)


def test_an_owner_of_one_project_sees_the_tokens_within_it(tell, owner, collaborator, stranger, app):
    scoped = make_person("otto", "owner", app)
    assert sorted(row["label"] for row in tell(scoped, "list_tokens")["tokens"]) == ["carl", "otto"]


def test_revoked_tokens_are_shown_when_asked_for(tell, owner, collaborator):
    tell(owner, "revoke_token", label="carl")
    assert [row["label"] for row in tell(owner, "list_tokens")["tokens"]] == ["olga"]
    shown = tell(owner, "list_tokens", include_inactive=True)["tokens"]
    assert [(row["label"], row["state"]) for row in shown] == [("carl", "revoked"), ("olga", "active")]


def test_an_admin_may_not(ask, stranger):
    assert needs(ask(stranger, "list_tokens")) == (403, "insufficient permissions", "owner")


def test_tokens_of_one_moment_stand_in_one_order(tell, owner, app):
    for number in range(8):
        make_person(f"p{number}", "guest", app)
    RoleToken.objects.update(created_at=timezone.now())
    ids = [row["id"] for row in tell(owner, "list_tokens")["tokens"]]
    assert len(ids) == 9
    assert ids == sorted(ids)
