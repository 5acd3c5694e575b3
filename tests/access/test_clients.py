"""What a member lends to a client, and what happens when two come with the same secret at once."""

import threading
from datetime import timedelta

import pytest
from django.db import close_old_connections, connection, transaction
from django.utils import timezone
from oauth2_provider.models import Application

from access.callers import caller_for_member
from access.clients import (
    Consent,
    code_presented,
    find_connection,
    hand_out,
    let_in_client,
    refresh_token_presented,
    revoke_client,
)
from access.errors import Conflict, Forbidden, Invalid, NotFound, OutOfScope
from access.models import ConnectedClient, Project, RefreshToken, RoleToken
from access.roles import Role
from access.tokens import lend_token, new_secret, renew_secret, rotate_token, token_for_secret

ADDRESS, CHALLENGE = "https://chat.example.com/cb", "x" * 43


@pytest.fixture
def chat(db):
    return Application.objects.create(
        name="Chat", client_type="public", authorization_grant_type="authorization-code", redirect_uris=ADDRESS
    )


def let_in(person, chat, role=Role.COLLABORATOR, names=("app",), code="code"):
    consent = Consent(role, None if names is None else list(names), ADDRESS, CHALLENGE)
    return let_in_client(caller_for_member(person.member), chat, consent, code)


def fetched(chat, code="code"):
    with transaction.atomic():
        return hand_out(code_presented(code, chat))


@pytest.mark.parametrize(
    ("role", "names", "refusal"),
    [
        (Role.ADMIN, ["app"], Forbidden),
        (Role.OWNER, ["app"], Forbidden),
        (Role.GUEST, ["skunkworks"], OutOfScope),
        (Role.GUEST, ["app", "skunkworks"], OutOfScope),
        (Role.GUEST, ["new"], OutOfScope),
        (Role.GUEST, None, OutOfScope),
        (Role.GUEST, [], Invalid),
    ],
)
def test_nobody_lends_more_than_they_have(chat, collaborator, secret_project, role, names, refusal):
    with pytest.raises(refusal):
        let_in(collaborator, chat, role, names)
    assert ConnectedClient.objects.count() == 0
    assert set(Project.objects.values_list("name", flat=True)) == {"app", "skunkworks"}


def test_lending_makes_no_project(chat, owner):
    with pytest.raises(NotFound):
        let_in(owner, chat, Role.GUEST, ["unheard-of"])
    assert Project.objects.count() == 0


def test_a_lent_token_opens_nothing_before_it_is_fetched(chat, collaborator):
    made = let_in(collaborator, chat)
    assert (made.token.state, made.state) == ("expired", "waiting")
    assert list(RoleToken.objects.usable()) == [collaborator.token]


def test_a_renewed_secret_replaces_the_old_one_and_leaves_no_row_of_history(collaborator, app):
    end = timezone.now() + timedelta(hours=1)
    token = lend_token(
        caller_for_member(collaborator.member),
        collaborator.member,
        "x",
        Role.GUEST,
        project_names=["app"],
        expires_at=end,
    )
    rows = token.history.count()
    first = renew_secret(token, end)
    second = renew_secret(token, end)
    assert (token_for_secret(first), token_for_secret(second)) == (None, token)
    assert token.history.count() == rows


def test_a_secret_of_oauth_is_masked_like_a_token():
    from access.masking import mask

    assert "[masked: zikra token" in mask(f"it is {new_secret()}").text


def test_revoking_says_when_it_is_too_late_and_to_whom_it_is_unknown(chat, owner, collaborator, stranger):
    made = let_in(collaborator, chat)
    with pytest.raises(NotFound):
        revoke_client(caller_for_member(stranger.member), made)
    with pytest.raises(NotFound):
        find_connection(caller_for_member(stranger.member), str(made.pk))
    ended = revoke_client(caller_for_member(owner.member), made)
    assert (ended.state, ended.token.revoked_by) == ("revoked", "olga")
    with pytest.raises(Conflict):
        revoke_client(caller_for_member(collaborator.member), made)


def test_an_owner_who_rotates_the_token_shuts_the_client_out(chat, owner, collaborator):
    made = let_in(collaborator, chat)
    secrets = fetched(chat)
    made.token.refresh_from_db()
    rotate_token(owner.caller, made.token, grace=timedelta(hours=1))
    with transaction.atomic():
        assert refresh_token_presented(secrets.refresh_token, chat) is None


def test_a_scope_that_an_owner_widens_or_narrows_holds_over_renewals(chat, owner, secret_project, app):
    from access.tokens import rescope_token

    made = let_in(owner, chat, Role.GUEST, ["app"])
    secrets = fetched(chat)
    rescope_token(owner.caller, made.token, ["skunkworks"])
    with transaction.atomic():
        hand_out(refresh_token_presented(secrets.refresh_token, chat))
    assert list(made.token.projects.values_list("name", flat=True)) == ["skunkworks"]


def at_once(work, times=8):
    """The outcomes of the same work in as many threads, started together."""
    barrier, outcomes, problems = threading.Barrier(times), [], []

    def run():
        close_old_connections()
        try:
            barrier.wait(timeout=10)
            with transaction.atomic():
                outcomes.append(work())
        except Exception as problem:
            problems.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert problems == []
    return outcomes


@pytest.mark.django_db(transaction=True)
def test_of_many_who_bring_one_code_at_once_one_is_served_and_the_connection_ends(collaborator, chat):
    made = let_in(collaborator, chat)

    def bring():
        row = code_presented("code", chat)
        return hand_out(row) if row else None

    served = [outcome for outcome in at_once(bring) if outcome]
    assert len(served) == 1
    made.refresh_from_db()
    assert (made.state, made.end_reason) == ("revoked", "its authorization code came a second time")
    assert token_for_secret(served[0].token) is None


@pytest.mark.django_db(transaction=True)
def test_of_many_who_renew_with_one_refresh_token_at_once_one_is_served_and_the_family_dies(collaborator, chat):
    made = let_in(collaborator, chat)
    first = fetched(chat)

    def renew():
        row = refresh_token_presented(first.refresh_token, chat)
        return hand_out(row) if row else None

    served = [outcome for outcome in at_once(renew) if outcome]
    assert len(served) == 1
    assert RefreshToken.objects.filter(connection=made).count() == 2
    assert token_for_secret(served[0].token) is None
    with transaction.atomic():
        assert refresh_token_presented(served[0].refresh_token, chat) is None
