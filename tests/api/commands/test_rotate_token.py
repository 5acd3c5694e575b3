"""The command `rotate_token`."""

from dataclasses import replace

from access.models import RoleToken
from tests.api.conftest import needs, refusal, without
from tests.conftest import make_person


def test_the_new_secret_works_and_the_old_one_ends(ask, tell, owner, collaborator):
    answer = tell(owner, "rotate_token", label="carl")
    assert without(answer, "token", "id") == {
        "status": "rotated",
        "label": "carl",
        "person_name": "carl",
        "role": "collaborator",
        "project_scope": ["app"],
        "expires_at": None,
        "replaces": str(collaborator.token.pk),
        "_use_command": "rotate_token",
    }
    assert ask(collaborator, "version").status_code == 401
    assert ask(replace(collaborator, secret=answer["token"]), "version").status_code == 200


def test_a_grace_period_lets_the_old_secret_work_on(ask, tell, owner, collaborator):
    tell(owner, "rotate_token", id=str(collaborator.token.pk), grace_hours=24)
    assert ask(collaborator, "version").status_code == 200


def test_neither_an_admin_nor_an_owner_of_elsewhere_may(ask, collaborator, stranger, secret_project):
    assert needs(ask(stranger, "rotate_token", label="carl")) == (403, "insufficient permissions", "owner")
    other_owner = make_person("otto", "owner", secret_project)
    assert refusal(ask(other_owner, "rotate_token", id=str(collaborator.token.pk))) == (404, "Token not found")
    assert RoleToken.objects.get(pk=collaborator.token.pk).state == "active"


def test_a_revoked_token_is_not_rotated(ask, tell, owner, collaborator):
    tell(owner, "revoke_token", label="carl")
    response = ask(owner, "rotate_token", id=str(collaborator.token.pk))
    assert refusal(response) == (409, "The token 'carl' is revoked; only an active token can be rotated.")


def test_a_grace_out_of_range_is_refused(ask, owner, collaborator):
    response = ask(owner, "rotate_token", label="carl", grace_hours=721)
    assert refusal(response) == (400, "grace_hours must be at most 720")
