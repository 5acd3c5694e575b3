"""`./zikra token`: what the operator types, and what comes back."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from access.callers import caller_for_token
from access.models import AuditEntry, RoleToken
from access.roles import Role
from access.tokens import token_for_secret

BASE = Path(__file__).resolve().parents[2]


def token(*words: str) -> str:
    out = StringIO()
    call_command("token", *words, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_create_shows_the_text_once_on_its_own_line():
    told = token("create", "--role", "collaborator", "--project", "app", "--label", "ana")
    first, second, secret = told.splitlines()
    assert first == "Made: ana (collaborator, app, without end)."
    assert second == "This is its text. Keep it now, it is not shown again:"
    caller = caller_for_token(token_for_secret(secret))
    assert (caller.name, caller.role, caller.project_names) == ("ana", Role.COLLABORATOR, ("app",))
    assert AuditEntry.objects.values_list("caller", "door", "command", "object_title").get() == (
        "operator",
        "console",
        "create_token",
        "ana",
    )
    assert secret not in token("list")


@pytest.mark.django_db
def test_create_takes_several_projects_an_expiry_a_rate_and_a_member(collaborator):
    token(
        "create", "--role", "viewer", "--project", "app,b", "--project", "c", "--label", "x", "--expires-in-days", "7"
    )
    row = RoleToken.objects.get(label="x")
    assert (row.role, sorted(row.projects.values_list("name", flat=True))) == ("guest", ["app", "b", "c"])
    assert timedelta(days=6.9) < row.expires_at - timezone.now() <= timedelta(days=7)
    token("create", "--label", "y", "--rate", "5", "--member", "carl")
    row = RoleToken.objects.get(label="y")
    assert (row.rate_per_minute, row.member, row.all_projects, row.role) == (
        5,
        collaborator.member,
        True,
        "collaborator",
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--role", "king"], "Invalid role 'king'. Choose one of guest, collaborator, admin, owner."),
        (["--expires-in-days", "0"], "A token expires in 1 to 3650 days, not in 0."),
        (["--expires-in-days", "99999"], "A token expires in 1 to 3650 days, not in 99999."),
        (["--rate", "-1"], "A rate lies between 0 (no limit) and 2147483647 commands a minute, not at -1."),
        (["--member", "nobody"], "Member not found"),
    ],
)
def test_create_refuses_in_words_and_makes_nothing(words, problem):
    with pytest.raises(CommandError) as refused:
        token("create", "--label", "x", *words)
    assert str(refused.value) == problem
    assert (RoleToken.objects.count(), AuditEntry.objects.count()) == (0, 0)


@pytest.mark.django_db
def test_a_bad_project_name_or_an_empty_label_is_refused():
    with pytest.raises(CommandError, match="A project name has 1 to 100 letters"):
        token("create", "--label", "x", "--project", "\x01")
    with pytest.raises(CommandError, match=r"^A token's label has 1 to 200 characters, not 0\.$"):
        token("create", "--label", "  ")


@pytest.mark.django_db
def test_list_shows_the_active_ones_and_with_all_the_others(collaborator):
    token("create", "--label", "gone")
    token("revoke", "gone")
    lines = token("list").splitlines()
    assert lines[0].split() == ["ID", "LABEL", "ROLE", "PROJECTS", "STATE", "EXPIRES", "LAST", "USED", "HITS"]
    assert lines[1].split() == [
        str(collaborator.token.pk),
        "carl",
        "collaborator",
        "app",
        "active",
        "never",
        "never",
        "0",
    ]
    assert len(lines) == 2
    assert [line.split()[1] for line in token("list", "--all").splitlines()[1:]] == ["gone", "carl"]


@pytest.mark.django_db
@pytest.mark.parametrize("by", ["id", "label"])
def test_revoke_closes_the_door_at_once(collaborator, by):
    told = token("revoke", str(collaborator.token.pk) if by == "id" else "carl")
    assert told == f"Revoked: carl ({collaborator.token.prefix}…, collaborator, app).\n"
    assert token_for_secret(collaborator.secret) is None


@pytest.mark.django_db
def test_rotate_gives_a_new_text_and_lets_the_old_one_work_for_the_grace(collaborator):
    told = token("rotate", "carl", "--grace-hours", "2").splitlines()
    assert told[0] == "Rotated: carl (collaborator, app, without end)."
    assert token_for_secret(told[2]).label == "carl"
    assert told[3] == f"The old one ({collaborator.token.prefix}…) works for 2 more hours."
    assert token_for_secret(collaborator.secret) == collaborator.token


@pytest.mark.django_db
def test_unknown_and_ambiguous_tokens_are_told_in_words(collaborator):
    with pytest.raises(CommandError, match=r"^Token not found$"):
        token("revoke", "nobody")
    with pytest.raises(CommandError, match=r"^Token not found$"):
        token("rotate", "00000000-0000-0000-0000-000000000000")
    token("create", "--label", "carl")
    with pytest.raises(CommandError, match=r"^Several active tokens are labelled 'carl'\. Give the token's id"):
        token("revoke", "carl")
    with pytest.raises(CommandError, match=r"^Hours of grace lie between 0 and"):
        token("rotate", str(collaborator.token.pk), "--grace-hours", "-1")


def manage(*words: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(BASE / "manage.py"), *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_without_a_database_the_operator_gets_one_line_and_exit_code_1():
    done = manage("token", "list", DATABASE_URL="postgresql://postgres@/zikra?host=/nonexistent")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr.splitlines()[-1]
        == "Error: The portal's database does not answer; start it with ./zikra up or set DATABASE_URL."
    )


def test_without_tables_the_operator_is_told_to_migrate():
    done = manage(
        "token", "list", DATABASE_URL=re.sub(r"/[^/?]*(?=\?|$)", "/postgres", os.environ["DATABASE_URL"], count=1)
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr.splitlines()[-1]
        == "Error: The portal's database has no tables yet; ./zikra up makes them, or run ./zikra migrate."
    )


def test_without_a_secret_key_no_token_is_made():
    done = manage("token", "list", SECRET_KEY="")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr.splitlines()[-1]
        == "Error: SECRET_KEY is not set. Start the portal with ./zikra up, which makes one, or set it."
    )
