"""A fresh portal can be entered: the first owner's login and token, made once, mended when lost."""

import os
import stat
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.test import RequestFactory

from access.callers import caller_for_token
from access.models import AuditEntry, Member, RoleToken
from access.roles import Role
from access.tokens import revoke_token, token_for_secret

BASE = Path(__file__).resolve().parents[2]


def run(directory: Path) -> str:
    out = StringIO()
    call_command("first_owner", data_dir=directory, stdout=out)
    return out.getvalue()


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


@pytest.mark.django_db
def test_the_first_start_makes_an_owner_who_can_log_in_and_a_token_that_opens(data):
    told = run(data)
    username, password = (data / "owner.password").read_text().split()
    member = authenticate(RequestFactory().post("/"), username=username, password=password)
    assert (member.username, member.role, member.all_projects) == ("owner", Role.OWNER, True)
    token = token_for_secret((data / "owner.token").read_text().strip())
    caller = caller_for_token(token)
    assert (caller.name, caller.role, caller.project_ids, caller.member_id) == (
        "first owner",
        Role.OWNER,
        None,
        member.pk,
    )
    assert (mode(data / "owner.token"), mode(data / "owner.password")) == (0o600, 0o600)
    assert sorted(file.name for file in data.iterdir()) == ["owner.password", "owner.token"]
    assert told == (
        f"Made the first owner, username owner; the password is in {data / 'owner.password'}\n"
        f"Made the first owner's token, because there was no owner.token; its text is in {data / 'owner.token'}\n"
    )
    assert list(AuditEntry.objects.order_by("id").values_list("caller", "door", "command", "object_title")) == [
        ("first start", "console", "create_member", "owner"),
        ("first start", "console", "create_token", "first owner"),
    ]


@pytest.mark.django_db
def test_the_next_start_changes_nothing_and_says_nothing(data, django_assert_max_num_queries):
    run(data)
    before = ((data / "owner.token").read_text(), (data / "owner.password").read_text())
    with django_assert_max_num_queries(10):
        assert run(data) == ""
    assert ((data / "owner.token").read_text(), (data / "owner.password").read_text()) == before
    assert (Member.objects.count(), RoleToken.objects.count()) == (1, 1)


@pytest.mark.django_db
def test_a_lost_token_is_replaced_and_the_former_one_revoked(data):
    run(data)
    former = token_for_secret((data / "owner.token").read_text().strip())
    (data / "owner.token").unlink()
    told = run(data)
    assert told.startswith(f"Revoked the former token of the first owner ({former.prefix}…)\n")
    former.refresh_from_db()
    assert former.state == "revoked"
    assert token_for_secret((data / "owner.token").read_text().strip()).state == "active"


@pytest.mark.django_db
def test_a_token_that_an_owner_revoked_does_not_come_back(data):
    run(data)
    token = token_for_secret((data / "owner.token").read_text().strip())
    revoke_token(caller_for_token(token), token)
    assert run(data) == ""
    assert RoleToken.objects.usable().count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["", "rubbish\n", "zikra_0123456789_" + "x" * 43, "zikra_\x00_x", "ü" * 5000])
def test_a_file_of_another_portal_is_replaced(data, text):
    data.mkdir()
    (data / "owner.token").write_text(text)
    assert "because owner.token held none of this portal's" in run(data)
    assert token_for_secret((data / "owner.token").read_text().strip()) == RoleToken.objects.get()


@pytest.mark.django_db
def test_a_new_secret_key_makes_a_new_token(data, settings):
    run(data)
    settings.SECRET_KEY = "another key of the same length, which tokens do not fit"
    assert "no longer fits SECRET_KEY" in run(data)
    assert token_for_secret((data / "owner.token").read_text().strip()) == RoleToken.objects.usable().get()


@pytest.mark.django_db
def test_an_owner_who_is_there_already_is_kept(data, owner):
    told = run(data)
    assert not (data / "owner.password").exists()
    assert Member.objects.get() == owner.member
    assert (
        told
        == f"Made the first owner's token, because there was no owner.token; its text is in {data / 'owner.token'}\n"
    )


@pytest.mark.django_db
def test_a_taken_username_does_not_stop_the_first_owner(data):
    Member.objects.create_user("Owner", role=Role.GUEST)
    run(data)
    assert (data / "owner.password").read_text().split()[0] == "owner2"


@pytest.mark.django_db
def test_a_directory_that_cannot_be_made_is_told_in_words_and_nothing_is_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CommandError, match=r"^The first owner's files cannot be written: .* \(.*file.*\)\.$"):
        run(tmp_path / "file" / "data")
    assert (Member.objects.count(), RoleToken.objects.count()) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_two_starts_at_once_make_one_owner_and_one_token(data):
    from django.db import connection

    environment = {**os.environ, "DATABASE_URL": _url_of(connection.settings_dict)}
    command = [sys.executable, str(BASE / "manage.py"), "first_owner", "--data-dir", str(data)]
    processes = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)
    ]
    told = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], told
    assert (Member.objects.count(), RoleToken.objects.count()) == (1, 1)
    assert sorted(len(out.splitlines()) for out, _ in told) == [0, 0, 2]
    assert token_for_secret((data / "owner.token").read_text().strip()) == RoleToken.objects.get()


def _url_of(database: dict) -> str:
    """The test database's address: another name in the address of the server."""
    before, _, query = os.environ["DATABASE_URL"].partition("?")
    return f"{before.rpartition('/')[0]}/{database['NAME']}?{query}"
