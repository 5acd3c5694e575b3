"""Members: made, moved between roles and projects, kept out and let in, by owners and within their scope."""

import threading

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import RequestFactory

from access.callers import Caller, caller_for_member, caller_for_token
from access.errors import Conflict, Forbidden, Invalid, NotFound, OutOfScope
from access.members import (
    change_role,
    deactivate_member,
    find_member,
    make_member,
    new_password,
    reactivate_member,
    set_password,
    set_projects,
)
from access.models import AuditEntry, Member, Project
from access.roles import Role
from access.tokens import make_token, token_for_secret

GOOD = "correct horse battery"


@pytest.fixture
def scoped_owner(app) -> Caller:
    return Caller(name="sue", role=Role.OWNER, project_ids=frozenset({app.pk}), project_names=("app",))


def login(username: str, password: str) -> Member | None:
    return authenticate(RequestFactory().post("/"), username=username, password=password)


def test_a_new_member_logs_in_and_sees_what_was_given(owner, app):
    member = make_member(
        owner.caller, " ana ", Role.ADMIN, password=GOOD, email="ana@example.com", project_names=["app", "new"]
    )
    assert login("ana", GOOD) == member
    caller = caller_for_member(member)
    assert (caller.role, caller.project_names) == (Role.ADMIN, ("app", "new"))
    assert (
        caller_for_member(make_member(owner.caller, "all", Role.GUEST, password=GOOD, project_names=None)).project_ids
        is None
    )


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"username": "OLGA"}, "username"),
        ({"username": ""}, "username"),
        ({"username": "a b"}, "username"),
        ({"username": "x" * 151}, "username"),
        ({"username": "a\x00"}, "username"),
        ({"password": "short"}, "password"),
        ({"password": "password1234"}, "password"),
        ({"password": f"{GOOD}\x00"}, "password"),
        ({"email": "nowhere"}, "email"),
        ({"project_names": ["\x00"]}, "project"),
    ],
)
def test_what_makes_no_member_is_refused_in_words_and_leaves_nothing(owner, told, field):
    before = (Member.objects.count(), Project.objects.count())
    with pytest.raises(Invalid) as refused:
        make_member(owner.caller, **{"username": "ana", "role": Role.GUEST, "password": GOOD, **told})
    assert list(refused.value.extra["fields"]) == [field]
    assert (Member.objects.count(), Project.objects.count()) == before


def test_only_owners_change_members(stranger, collaborator):
    for deed in (
        lambda c: make_member(c, "x", Role.GUEST, password=GOOD),
        lambda c: change_role(c, collaborator.member, Role.OWNER),
        lambda c: set_projects(c, collaborator.member, None),
        lambda c: set_password(c, collaborator.member, GOOD),
        lambda c: deactivate_member(c, collaborator.member),
        lambda c: reactivate_member(c, collaborator.member),
    ):
        with pytest.raises(Forbidden):
            deed(stranger.caller)


def test_the_last_active_owner_stays(owner, collaborator):
    for deed in (lambda m: change_role(owner.caller, m, Role.ADMIN), lambda m: deactivate_member(owner.caller, m)):
        with pytest.raises(Conflict, match=r"^olga is the last active owner and cannot be (demoted|deactivated)\.$"):
            deed(owner.member)
    change_role(owner.caller, collaborator.member, Role.OWNER)
    assert change_role(owner.caller, owner.member, Role.GUEST).role == Role.GUEST
    with pytest.raises(Conflict):
        deactivate_member(owner.caller, collaborator.member)
    assert Member.objects.active_owners().get() == collaborator.member


def test_an_owner_who_is_deactivated_already_can_be_demoted(owner):
    second = make_member(owner.caller, "second", Role.OWNER, password=GOOD)
    deactivate_member(owner.caller, second)
    assert change_role(owner.caller, second, Role.GUEST).role == Role.GUEST


@pytest.mark.django_db(transaction=True)
def test_two_owners_cannot_demote_each_other_at_once():
    operator = Caller(name="o", role=Role.OWNER, project_ids=None)
    owners = [make_member(operator, name, Role.OWNER, password=GOOD) for name in ("one", "two")]
    barrier, outcomes = threading.Barrier(2), []

    def demote(member: Member) -> None:
        try:
            barrier.wait(timeout=30)
            outcomes.append(change_role(operator, member, Role.GUEST).role)
        except Conflict:
            outcomes.append("conflict")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=demote, args=(member,)) for member in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(outcomes) == ["conflict", "guest"]
    assert Member.objects.active_owners().count() == 1


def test_a_deactivated_member_neither_logs_in_nor_calls(owner, collaborator):
    deactivate_member(owner.caller, collaborator.member)
    assert login("carl", GOOD) is None
    assert token_for_secret(collaborator.secret) is None
    reactivate_member(owner.caller, collaborator.member)
    assert login("carl", GOOD) == collaborator.member
    assert token_for_secret(collaborator.secret) == collaborator.token


def test_a_demoted_members_tokens_keep_no_stronger_role(owner, collaborator):
    change_role(owner.caller, collaborator.member, Role.OWNER)
    strong = make_token(owner.caller, "strong", Role.OWNER, member=collaborator.member)
    change_role(owner.caller, collaborator.member, Role.GUEST)
    assert [caller_for_token(token_for_secret(secret)).role for secret in (strong.secret, collaborator.secret)] == [
        Role.GUEST
    ] * 2
    change_role(owner.caller, collaborator.member, Role.ADMIN)
    assert caller_for_token(token_for_secret(strong.secret)).role == Role.GUEST


def test_a_member_of_fewer_projects_has_tokens_of_no_more(owner, collaborator, secret_project):
    wide = make_token(owner.caller, "wide", Role.GUEST, member=collaborator.member)
    two = make_token(owner.caller, "two", Role.GUEST, member=collaborator.member, project_names=["app", "skunkworks"])
    set_projects(owner.caller, collaborator.member, ["skunkworks"])
    scopes = [
        caller_for_token(token_for_secret(secret)).project_names
        for secret in (wide.secret, two.secret, collaborator.secret)
    ]
    assert scopes == [("skunkworks",), ("skunkworks",), ()]
    assert caller_for_token(token_for_secret(collaborator.secret)).project_ids == frozenset()
    set_projects(owner.caller, collaborator.member, None)
    assert caller_for_member(Member.objects.get(username="carl")).project_ids is None
    assert caller_for_token(token_for_secret(two.secret)).project_names == ("skunkworks",)


def test_staying_in_a_project_keeps_the_date(owner, collaborator, app):
    since = collaborator.member.memberships.get().since
    set_projects(owner.caller, collaborator.member, ["app", "more"])
    assert collaborator.member.memberships.get(project=app).since == since


def test_a_scoped_owner_reaches_and_hands_out_nothing_outside(scoped_owner, owner, collaborator, stranger):
    assert find_member(scoped_owner, "carl") == collaborator.member
    assert change_role(scoped_owner, collaborator.member, Role.ADMIN).role == Role.ADMIN
    with pytest.raises(OutOfScope):
        change_role(scoped_owner, collaborator.member, Role.OWNER)
    for names in (None, ["skunkworks"], ["new"]):
        with pytest.raises(OutOfScope):
            set_projects(scoped_owner, collaborator.member, names)
        with pytest.raises(OutOfScope):
            make_member(scoped_owner, "x", Role.GUEST, password=GOOD, project_names=names)
    with pytest.raises(OutOfScope):
        make_member(scoped_owner, "x", Role.OWNER, password=GOOD)
    for person in (owner, stranger):
        with pytest.raises(NotFound):
            find_member(scoped_owner, person.member.username)
        for deed in (lambda m: deactivate_member(scoped_owner, m), lambda m: set_password(scoped_owner, m, GOOD)):
            with pytest.raises(NotFound):
                deed(person.member)


def test_a_new_password_replaces_the_old_one(owner, collaborator):
    password = new_password()
    set_password(owner.caller, collaborator.member, password)
    assert (login("carl", GOOD), login("carl", password)) == (None, collaborator.member)
    with pytest.raises(Invalid):
        set_password(owner.caller, collaborator.member, "12345")


@pytest.mark.django_db
def test_djangos_superuser_is_an_owner_without_flags():
    member = Member.objects.create_superuser("root", "root@example.com", GOOD, is_staff=True, is_superuser=True)
    assert (member.role, member.all_projects, member.is_superuser, member.is_staff) == (Role.OWNER, True, False, False)


def command(*words: str) -> list[str]:
    from io import StringIO

    out = StringIO()
    call_command("member", *words, stdout=out)
    return out.getvalue().splitlines()


@pytest.mark.django_db
def test_the_operator_makes_and_changes_members():
    told = command("create", "ana", "--role", "admin", "--project", "app,web", "--generate")
    assert told[0] == "Made: ana (admin, app, web)."
    assert login("ana", told[2]) == Member.objects.get()
    assert command("role", "ana", "developer") == ["Changed: ana (collaborator, app, web)."]
    assert command("projects", "ana", "--all-projects") == ["Changed: ana (collaborator, all projects)."]
    assert command("deactivate", "ana") == ["Deactivated: ana; their tokens do not work any more."]
    assert [line.split() for line in command("list")][1] == [
        "ana",
        "–",
        "collaborator",
        "all",
        "projects",
        "deactivated",
        "never",
    ]
    assert command("reactivate", "ana") == ["Active again: ana."]
    changed = command("password", "ana", "--generate")
    assert login("ana", told[2]) is None
    assert login("ana", changed[2]) == Member.objects.get()
    assert list(AuditEntry.objects.order_by("id").values_list("caller", "command", "object_title")) == [
        ("operator", name, "ana")
        for name in (
            "create_member",
            "change_role",
            "set_projects",
            "deactivate_member",
            "reactivate_member",
            "set_password",
        )
    ]


@pytest.mark.django_db
def test_a_password_can_come_from_a_pipe(monkeypatch):
    from io import StringIO

    monkeypatch.setattr("sys.stdin", StringIO(f"{GOOD}\n"))
    command("create", "ana", "--all-projects")
    assert login("ana", GOOD) == Member.objects.get()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["create", "x", "--generate"], "A member needs a project. Give --project NAME, or --all-projects."),
        (["create", "olga", "--role", "owner", "--generate"], "A member named olga exists already."),
        (["role", "nobody", "guest"], "Member not found"),
        (["role", "olga", "king"], "Invalid role 'king'. Choose one of guest, collaborator, admin, owner."),
        (
            ["role", "olga", "guest"],
            "olga is the last active owner and cannot be demoted. Make another active member an owner first.",
        ),
    ],
)
def test_the_operator_is_refused_in_words(owner, words, problem):
    with pytest.raises(CommandError) as refused:
        command(*words)
    assert str(refused.value) == problem
    assert AuditEntry.objects.count() == 0
