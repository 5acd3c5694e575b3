"""The command `create_token`."""

from datetime import timedelta

import pytest
from django.utils import timezone

from access.models import Project, RoleToken
from access.tokens import token_for_secret
from tests.api.conftest import needs, refusal, without
from tests.conftest import make_person


def test_a_token_is_shown_once_and_works(tell, owner, app):
    answer = tell(
        owner, "token", person_name="ana, laptop", role=" Developer ", project_scope="app", expires_in_days=90
    )
    assert without(answer, "token", "id", "expires_at", "_was_alias", "_raw_command") == {
        "status": "created",
        "label": "ana, laptop",
        "person_name": "ana, laptop",
        "role": "collaborator",
        "project_scope": ["app"],
        "_use_command": "create_token",
    }
    row = token_for_secret(answer["token"])
    assert str(row.pk) == answer["id"]
    assert timedelta(days=89) < row.expires_at - timezone.now() <= timedelta(days=90)


def test_left_out_scope_means_all_that_the_caller_reaches(tell, owner, app):
    assert tell(owner, "create_token", label="all")["project_scope"] is None
    scoped = make_person("otto", "owner", app)
    assert tell(scoped, "create_token", label="mine")["project_scope"] == ["app"]


def test_a_list_of_projects_makes_those_that_are_new(tell, owner, app):
    answer = tell(owner, "create_token", label="two", project_scope=["new, with a comma"[:3], "app"], role="viewer")
    assert (answer["project_scope"], answer["role"]) == (["app", "new"], "guest")
    assert Project.objects.filter(name="new").exists()


def test_a_role_that_does_not_exist_is_refused_with_those_that_do(ask, owner):
    response = ask(owner, "create_token", label="x", role="king")
    assert refusal(response) == (400, "Invalid role 'king'.")
    assert response.json()["allowed_roles"] == ["guest", "collaborator", "admin", "owner"]


def test_neither_an_admin_nor_an_owner_of_elsewhere_may(ask, stranger, secret_project, app):
    before = RoleToken.objects.count()
    assert needs(ask(stranger, "create_token", label="x")) == (403, "insufficient permissions", "owner")
    other_owner = make_person("otto", "owner", secret_project)
    assert refusal(ask(other_owner, "create_token", label="x", project_scope="app")) == (403, "token_scope_mismatch")
    assert RoleToken.objects.count() == before + 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, "label is required"),
        ({"label": "x", "expires_in_days": 0}, "expires_in_days must be at least 1"),
        ({"label": "x", "expires_in_days": 10**9}, "expires_in_days must be at most 3650"),
        ({"label": "x", "project_scope": []}, "project_scope names no project"),
        ({"label": "x", "project_scope": [5]}, "project_scope entry 0 must be a string, not a number"),
        ({"label": "x", "rate_per_minute": -1}, "rate_per_minute must be at least 0"),
        ({"label": "x", "role": 3}, "role must be a string, not a number"),
    ],
)
def test_bad_input_is_400_in_words_and_changes_nothing(ask, owner, arguments, error):
    before = RoleToken.objects.count()
    assert refusal(ask(owner, "create_token", **arguments)) == (400, error)
    assert RoleToken.objects.count() == before
