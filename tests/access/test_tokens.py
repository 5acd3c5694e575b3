"""Tokens: made within the maker's scope, recognised by their text alone, rotated, revoked and expired."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from access.callers import Caller, caller_for_member, caller_for_token
from access.errors import Conflict, Forbidden, Invalid, NotFound, OutOfScope
from access.models import Project, RoleToken
from access.roles import ROLE_ORDER, Role, role_named
from access.tokens import (
    find_token,
    hash_secret,
    make_own_token,
    make_token,
    may_revoke,
    rescope_token,
    revoke_any_token,
    revoke_token,
    rotate_token,
    token_for_secret,
)


@pytest.fixture
def scoped_owner(app) -> Caller:
    return Caller(name="sue", role=Role.OWNER, project_ids=frozenset({app.pk}), project_names=("app",))


def test_a_token_has_a_readable_prefix_and_is_kept_as_a_hash_only(owner):
    new = make_token(owner.caller, "bot", Role.GUEST)
    assert new.secret.startswith(f"zikra_{new.row.prefix}_")
    assert len(new.row.prefix) == 10
    assert len(new.secret) == 60
    assert new.row.digest == hash_secret(new.secret)
    tail = new.secret.rpartition(f"{new.row.prefix}_")[2]
    assert not any(tail in str(value) for value in RoleToken.objects.filter(pk=new.row.pk).values()[0].values())
    assert not any(tail in str(value) for value in new.row.history.values()[0].values())


def test_the_callers_role_scope_and_rate_are_the_tokens(owner):
    new = make_token(
        owner.caller,
        " two   words ",
        Role.ADMIN,
        project_names=["b", " a ", "b"],
        rate_per_minute=7,
        member=owner.member,
    )
    caller = caller_for_token(token_for_secret(new.secret))
    assert (caller.name, caller.role, caller.project_names, caller.rate_per_minute) == (
        "two words",
        Role.ADMIN,
        ("a", "b"),
        7,
    )
    assert (caller.token_id, caller.member_id) == (new.row.pk, owner.member.pk)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s + "x",
        lambda s: s[:-1],
        lambda s: s[:-1] + ("a" if s[-1] != "a" else "b"),
        lambda s: s.upper(),
        lambda s: s + "\x00",
        lambda s: s + " ",
        lambda s: s.replace("zikra_", "zikro_"),
        lambda s: s[:17],
        lambda s: s[:16],
        lambda s: s[:17] + "é" * 43,
        lambda s: s + "x" * 1_000_000,
        lambda s: s.replace("_", "\x00_", 2),
        lambda s: "zikra__" + s[17:],
        lambda s: "zikra_" + "x" * 150 + "_y",
        lambda s: "",
        lambda s: "_",
        lambda s: "zikra_\ud800_x",
    ],
)
def test_a_right_prefix_with_anything_else_opens_nothing(collaborator, change):
    assert token_for_secret(collaborator.secret) == collaborator.token
    assert token_for_secret(change(collaborator.secret)) is None


@pytest.mark.django_db
@given(st.text(max_size=80))
def test_no_text_at_all_opens_anything_or_raises(text):
    assert token_for_secret(text) is None
    assert token_for_secret(f"zikra_{text}") is None


def test_recognising_a_token_costs_one_query(collaborator, django_assert_num_queries):
    with django_assert_num_queries(1):
        token_for_secret(collaborator.secret)


def test_an_expired_a_revoked_and_a_deactivated_persons_token_open_nothing(owner, collaborator, time_machine):
    new = make_token(owner.caller, "short", Role.GUEST, expires_at=timezone.now() + timedelta(days=1))
    collaborator.member.is_active = False
    collaborator.member.save()
    assert token_for_secret(collaborator.secret) is None
    assert token_for_secret(new.secret) == new.row
    time_machine.move_to(timezone.now() + timedelta(days=1, seconds=1))
    assert token_for_secret(new.secret) is None
    new.row.refresh_from_db()
    assert new.row.state == "expired"
    revoke_token(owner.caller, owner.token)
    assert token_for_secret(owner.secret) is None
    assert (owner.token.state, owner.token.revoked_by) == ("revoked", "olga")


def test_another_secret_key_opens_nothing(collaborator, settings):
    settings.SECRET_KEY = "x" * 60
    assert token_for_secret(collaborator.secret) is None


def test_revoking_twice_keeps_the_first_revocation(owner, collaborator):
    first = revoke_token(owner.caller, collaborator.token).revoked_at
    assert revoke_token(Caller(name="b", role=Role.OWNER, project_ids=None), collaborator.token).revoked_at == first
    assert collaborator.token.revoked_by == "olga"


def test_rotation_ends_the_old_text_at_once_or_after_the_grace(owner, collaborator, time_machine):
    first = rotate_token(owner.caller, collaborator.token, grace=timedelta(hours=1))
    assert (first.row.label, first.row.role, first.row.member) == ("carl", Role.COLLABORATOR, collaborator.member)
    assert list(first.row.projects.values_list("name", flat=True)) == ["app"]
    assert token_for_secret(collaborator.secret) == collaborator.token
    assert token_for_secret(first.secret) == first.row
    with pytest.raises(Conflict, match=r"^The token 'carl' was rotated already\.$"):
        rotate_token(owner.caller, collaborator.token)
    assert find_token(owner.caller, label="carl") == first.row
    time_machine.move_to(timezone.now() + timedelta(hours=1, seconds=1))
    assert token_for_secret(collaborator.secret) is None
    collaborator.token.refresh_from_db()
    assert (collaborator.token.state, collaborator.token.replaced_by) == ("replaced", first.row)
    second = rotate_token(owner.caller, first.row)
    assert token_for_secret(first.secret) is None
    assert token_for_secret(second.secret) == second.row
    with pytest.raises(Conflict, match=r"is replaced; only an active token can be rotated\.$"):
        rotate_token(owner.caller, first.row)


def test_a_rotated_token_keeps_its_end(owner):
    end = timezone.now() + timedelta(days=3)
    new = make_token(owner.caller, "bot", Role.GUEST, expires_at=end)
    assert rotate_token(owner.caller, new.row, grace=timedelta(days=30)).row.expires_at == end
    new.row.refresh_from_db()
    assert new.row.expires_at == end


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"label": "  "}, "label"),
        ({"label": "\x00"}, "label"),
        ({"label": "x" * 201}, "label"),
        ({"project_names": []}, "project_scope"),
        ({"project_names": ["\x00"]}, "project"),
        ({"project_names": ["x" * 101]}, "project"),
        ({"project_names": [""]}, "project"),
        ({"rate_per_minute": -1}, "rate_per_minute"),
        ({"rate_per_minute": 2**31}, "rate_per_minute"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "expires_in_days"),
    ],
)
def test_what_makes_no_token_is_refused_in_words_and_leaves_nothing(owner, told, field):
    before = (RoleToken.objects.count(), Project.objects.count())
    with pytest.raises(Invalid) as refused:
        make_token(owner.caller, **{"label": "bot", "role": Role.GUEST, **told})
    assert list(refused.value.extra["fields"]) == [field]
    assert (RoleToken.objects.count(), Project.objects.count()) == before


def test_only_owners_make_change_and_end_tokens(collaborator, stranger):
    for caller in (collaborator.caller, stranger.caller):
        for deed in (
            lambda c: make_token(c, "x", Role.GUEST, project_names=["app"]),
            lambda c: revoke_token(c, collaborator.token),
            lambda c: rotate_token(c, collaborator.token),
            lambda c: rescope_token(c, collaborator.token, None),
        ):
            with pytest.raises(Forbidden):
                deed(caller)
    assert token_for_secret(collaborator.secret) == collaborator.token


def test_a_scoped_owner_hands_out_nothing_wider(scoped_owner, owner, collaborator, stranger):
    make_token(scoped_owner, "ok", Role.OWNER, project_names=["app"])
    for names in (None, ["skunkworks"], ["app", "skunkworks"], ["brand new"]):
        with pytest.raises(OutOfScope):
            make_token(scoped_owner, "no", Role.GUEST, project_names=names)
        with pytest.raises(OutOfScope):
            rescope_token(scoped_owner, collaborator.token, names)
    for token in (owner.token, stranger.token):
        for deed in (revoke_token, rotate_token, lambda c, t: rescope_token(c, t, ["app"])):
            with pytest.raises(NotFound):
                deed(scoped_owner, token)
        with pytest.raises(NotFound):
            find_token(scoped_owner, token_id=str(token.pk))
    assert not Project.objects.filter(name="brand new").exists()
    assert token_for_secret(stranger.secret) == stranger.token


def test_rescoping_takes_effect_at_once(owner, collaborator, secret_project):
    rescope_token(owner.caller, collaborator.token, ["skunkworks", "new"])
    assert caller_for_token(token_for_secret(collaborator.secret)).project_names == ("new", "skunkworks")
    rescope_token(owner.caller, collaborator.token, None)
    assert caller_for_token(token_for_secret(collaborator.secret)).project_ids is None


@pytest.mark.parametrize("token_id", ["x", "\x00", "1", "7d0f3a52-0b0e-4d0a-9d7b-6f1d0c6f2b11", "é"])
def test_an_id_that_is_none_is_not_found(owner, token_id):
    with pytest.raises(NotFound, match="^Token not found$"):
        find_token(owner.caller, token_id=token_id)


@given(st.sampled_from(ROLE_ORDER), st.sampled_from(ROLE_ORDER))
def test_a_role_includes_itself_and_the_weaker_ones(role, needed):
    assert role.includes(needed) == (ROLE_ORDER.index(role) >= ROLE_ORDER.index(needed))


@given(st.text(max_size=20))
def test_a_word_means_a_role_or_is_refused(word):
    known = {
        "guest": "guest",
        "viewer": "guest",
        "collaborator": "collaborator",
        "developer": "collaborator",
        "admin": "admin",
        "owner": "owner",
    }
    folded = word.strip().casefold()
    if folded in known:
        assert role_named(word).value == known[folded]
    else:
        with pytest.raises(ValueError, match="^Invalid role '"):
            role_named(word)


@pytest.mark.parametrize(
    ("word", "role"), [(" Viewer ", Role.GUEST), ("DEVELOPER", Role.COLLABORATOR), ("Owner", Role.OWNER)]
)
def test_old_words_and_capitals_are_understood(word, role):
    assert role_named(word) == role


def test_members_make_tokens_for_themselves_within_their_own_rights(collaborator, secret_project):
    until = timezone.now() + timedelta(days=90)
    caller = caller_for_member(collaborator.member)
    new = make_own_token(caller, "carl, laptop", Role.COLLABORATOR, project_names=["app"], expires_at=until)
    assert token_for_secret(new.secret) == new.row
    assert (new.row.member, new.row.role, new.row.expires_at) == (collaborator.member, "collaborator", until)
    for role, names, ends, refusal in (
        (Role.ADMIN, ["app"], until, Forbidden),
        (Role.GUEST, ["skunkworks"], until, OutOfScope),
        (Role.GUEST, None, until, OutOfScope),
        (Role.GUEST, ["app"], timezone.now(), Invalid),
    ):
        with pytest.raises(refusal):
            make_own_token(caller, "more", role, project_names=names, expires_at=ends)


def test_members_revoke_their_own_tokens_and_owners_anybodys(owner, collaborator, stranger):
    callers = [caller_for_member(person.member) for person in (owner, collaborator, stranger)]
    assert [may_revoke(caller, collaborator.token) for caller in callers] == [True, True, False]
    with pytest.raises(Forbidden):
        revoke_any_token(callers[2], collaborator.token)
    assert token_for_secret(collaborator.secret) == collaborator.token
    revoked = revoke_any_token(callers[1], collaborator.token)
    assert (revoked.state, revoked.revoked_by, token_for_secret(collaborator.secret)) == ("revoked", "carl", None)
    assert revoke_any_token(callers[0], stranger.token).revoked_by == "olga"
