"""Machines: who sees them, which event came first by a token, and their end."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from access.callers import caller_for_member
from access.errors import Conflict, Forbidden, Invalid, NotFound
from access.roles import Role
from runs.machines import (
    FIRST_EVENT_WITHIN,
    MachineRefused,
    allow_machine,
    find_machine,
    first_event_of,
    forget_machine,
    machines_seen_by,
    may_allow,
    name_told,
    note_machine,
    refuse_machine,
    rename_machine,
    require_allowed,
    revoke_machine,
    sharing_token,
)
from runs.models import CapturedEvent, Machine
from tests.conftest import make_person

pytestmark = pytest.mark.django_db


def machine_of(person):
    return Machine.objects.create(
        holder=f"member:{person.member.pk}", name=person.member.username, member=person.member, token=person.token
    )


def event(token, project, after):
    return CapturedEvent.objects.create(
        project=project, token=token, ingest_key=uuid.uuid4().hex, session_id="s", kind="stop", at=timezone.now(),
        received_at=token.created_at + after,
    )  # fmt: skip


def test_a_lead_sees_machines_whose_token_lies_inside_their_scope(owner, collaborator, stranger, app):
    machines = {person.member.username: machine_of(person) for person in (owner, collaborator, stranger)}
    lead = caller_for_member(make_person("ada", Role.ADMIN, app).member)
    seen = {
        caller.name: {machine.name for machine in machines_seen_by(caller)}
        for caller in (lead, *(caller_for_member(person.member) for person in (owner, collaborator, stranger)))
    }
    assert seen == {"ada": {"carl"}, "olga": {"olga", "carl", "sven"}, "carl": {"carl"}, "sven": {"sven"}}
    with pytest.raises(NotFound):
        find_machine(lead, machines["olga"].pk)
    with pytest.raises(Forbidden):
        revoke_machine(lead, machines["carl"])
    with pytest.raises(NotFound):
        revoke_machine(lead, machines["sven"])


def test_a_machine_is_revoked_once(collaborator):
    machine, caller = machine_of(collaborator), caller_for_member(collaborator.member)
    revoke_machine(caller, machine)
    with pytest.raises(Conflict, match="carl is shut out already"):
        revoke_machine(caller, machine)


def second_of(machine, name="second", **more):
    return Machine.objects.create(holder=machine.holder, name=name, member=machine.member, token=machine.token, **more)


def test_who_shares_a_token_is_told_apart_from_who_is_refused_or_has_another(collaborator, owner):
    machine = machine_of(collaborator)
    assert sharing_token(machine) == []
    second = second_of(machine)
    second_of(machine, "third", refused_at=timezone.now())
    machine_of(owner)
    assert sharing_token(machine) == [second]
    Machine.objects.filter(pk=second.pk).update(token=None)
    assert sharing_token(machine) == []


def test_a_refused_machine_is_known_by_its_clients_name_and_holder_alone(owner, collaborator, stranger):
    machine, caller = machine_of(collaborator), collaborator.caller
    machine_of(owner), machine_of(stranger)
    require_allowed(caller, "carl")
    refused = refuse_machine(caller_for_member(collaborator.member), machine)
    assert (refused.refused_by, refused.token.state) == (collaborator.member, "active")
    for told in ("carl", "  carl\n"):
        with pytest.raises(MachineRefused, match="The machine 'carl' is refused here"):
            require_allowed(caller, told)
    # Its name is its client's word: another one, or none, is let in.
    for told in ("anvil", "", "CARL"):
        require_allowed(caller, told)
    for person in (owner, stranger):
        require_allowed(person.caller, "carl")
    with pytest.raises(Conflict, match="carl is shut out already"):
        refuse_machine(caller_for_member(collaborator.member), machine)
    allow_machine(caller_for_member(collaborator.member), machine)
    require_allowed(caller, "carl")
    with pytest.raises(Conflict, match="carl is not refused"):
        allow_machine(caller_for_member(collaborator.member), machine)


def test_a_secret_in_a_machines_name_is_masked_and_refused_all_the_same(collaborator):
    told = "anvil ghp_" + "a1B2c3D4" * 5
    machine_of(collaborator)
    Machine.objects.update(name=name_told(told), refused_at=timezone.now())
    with pytest.raises(MachineRefused, match=r"'anvil \[masked: github token\]'"):
        require_allowed(collaborator.caller, told)


def test_who_may_refuse_allow_and_rename(owner, collaborator, stranger, app):
    machine = machine_of(collaborator)
    lead = caller_for_member(make_person("ada", Role.ADMIN, app).member)
    mine, olga, sven = (caller_for_member(person.member) for person in (collaborator, owner, stranger))
    verbs = (refuse_machine, allow_machine, lambda caller, found: rename_machine(caller, found, "x"))
    for verb in verbs:
        with pytest.raises(NotFound):
            verb(sven, machine)
        with pytest.raises(Forbidden):
            verb(lead, machine)
    refuse_machine(olga, machine)
    # What an owner refused, an owner allows.
    with pytest.raises(Forbidden):
        allow_machine(mine, machine)
    assert [may_allow(caller, Machine.objects.get()) for caller in (olga, mine, lead, sven)] == [
        *(True, False, False, False),
    ]
    allow_machine(olga, machine)
    refuse_machine(mine, machine)
    allow_machine(olga, machine)
    machine.refresh_from_db()
    assert (machine.refused_at, machine.refused_by, machine.display_name) == (None, None, "")


def test_a_refused_machine_cannot_be_forgotten_into_being_let_in(collaborator):
    machine, caller = machine_of(collaborator), caller_for_member(collaborator.member)
    refuse_machine(caller, machine)
    with pytest.raises(Conflict, match="carl is refused; off the list it would be let in"):
        forget_machine(caller, machine.pk)
    allow_machine(caller, machine)
    forget_machine(caller, machine.pk)
    assert not Machine.objects.exists()


def test_a_renamed_machine_is_recognised_by_what_its_client_says(collaborator, app):
    machine, caller = machine_of(collaborator), caller_for_member(collaborator.member)
    assert str(rename_machine(caller, machine, "  The  laptop ")) == "The laptop"
    told = event(collaborator.token, app, timedelta())
    told.machine, told.member, told.agent = "carl", collaborator.member, "codex"
    assert note_machine([told]) == machine
    kept = Machine.objects.get()
    assert (kept.name, str(kept), kept.agents) == ("carl", "The laptop", ["codex"])
    refuse_machine(caller, machine)
    with pytest.raises(MachineRefused):
        require_allowed(collaborator.caller, "carl")
    require_allowed(collaborator.caller, "The laptop")
    for name in ("carl", ""):
        assert rename_machine(caller, machine, name).display_name == ""


def test_two_machines_of_one_holder_are_not_called_alike(owner, collaborator):
    machine, caller = machine_of(collaborator), caller_for_member(collaborator.member)
    second_of(machine, display_name="desk")
    for taken in ("second", "desk"):
        with pytest.raises(Conflict, match=f"Another machine is called {taken} already"):
            rename_machine(caller, machine, taken)
    with pytest.raises(Invalid, match="name: has 61 characters; at most 60 fit"):
        rename_machine(caller, machine, "x" * 61)
    rename_machine(caller_for_member(owner.member), machine_of(owner), "desk")
    assert set(Machine.objects.values_list("display_name", flat=True)) == {"", "desk"}
    assert Machine.objects.filter(display_name="desk").count() == 2


def test_the_first_event_of_a_token_is_the_earliest_within_a_day(owner, collaborator, app):
    token = collaborator.token
    event(owner.token, app, timedelta())
    event(token, app, FIRST_EVENT_WITHIN)
    assert first_event_of(token) is None
    event(token, app, timedelta(minutes=9))
    first = event(token, app, timedelta(minutes=2))
    assert first_event_of(token) == first
