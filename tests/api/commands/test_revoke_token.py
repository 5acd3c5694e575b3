"""The command `revoke_token`."""

import pytest

from access.models import RoleToken
from tests.api.conftest import needs, refusal, without
from tests.conftest import make_person


@pytest.mark.parametrize("by", ["id", "token_id", "label", "person_name"])
def test_a_revoked_token_opens_nothing_more(ask, tell, owner, collaborator, by):
    name = str(collaborator.token.pk) if by.endswith("id") else "carl"
    assert without(tell(owner, "revoke_token", **{by: name}), "revoked_at") == {
        "status": "revoked",
        "id": str(collaborator.token.pk),
        "label": "carl",
        "role": "collaborator",
        "_use_command": "revoke_token",
    }
    assert ask(collaborator, "version").status_code == 401


def test_neither_an_admin_nor_an_owner_of_elsewhere_may(ask, collaborator, stranger, secret_project):
    assert needs(ask(stranger, "revoke_token", label="carl")) == (403, "insufficient permissions", "owner")
    other_owner = make_person("otto", "owner", secret_project)
    assert refusal(ask(other_owner, "revoke_token", label="carl")) == (404, "Token not found")
    assert refusal(ask(other_owner, "revoke_token", id=str(collaborator.token.pk))) == (404, "Token not found")
    assert RoleToken.objects.get(pk=collaborator.token.pk).revoked_at is None


def test_a_label_of_two_tokens_is_a_conflict(ask, tell, owner):
    for _ in range(2):
        tell(owner, "create_token", label="twin")
    assert refusal(ask(owner, "revoke_token", label="twin")) == (409, "Several active tokens are labelled 'twin'.")


def test_one_must_be_named(ask, owner):
    assert refusal(ask(owner, "revoke_token")) == (400, "id or label is required")
    assert refusal(ask(owner, "revoke_token", id="7")) == (
        400,
        "id must be an id (a UUID), as other commands answer it",
    )
