"""Machines: who sees them, which event came first by a token, and their end."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from access.callers import caller_for_member
from access.errors import Conflict, Forbidden, NotFound
from access.roles import Role
from runs.machines import FIRST_EVENT_WITHIN, find_machine, first_event_of, machines_seen_by, revoke_machine
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


def test_the_first_event_of_a_token_is_the_earliest_within_a_day(owner, collaborator, app):
    token = collaborator.token
    event(owner.token, app, timedelta())
    event(token, app, FIRST_EVENT_WITHIN)
    assert first_event_of(token) is None
    event(token, app, timedelta(minutes=9))
    first = event(token, app, timedelta(minutes=2))
    assert first_event_of(token) == first
