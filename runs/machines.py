"""The machines that people's agents run on, as their clients tell of them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction

from access.callers import Caller
from access.errors import Conflict, NotFound
from access.models import RoleToken
from access.roles import Role
from access.tokens import revoke_any_token
from runs.models import CapturedEvent, Machine, MachineQuerySet

AGENTS_AT_MOST = 20
# Who makes a line runs it within minutes; looking further back would read all that was captured since.
FIRST_EVENT_WITHIN = timedelta(days=1)


def machines_of(caller: Caller) -> MachineQuerySet:
    """The caller's own machines, the one last heard of first."""
    return Machine.objects.of(caller).select_related("token", "member")


def machines_seen_by(caller: Caller) -> MachineQuerySet:
    """The machines that the caller may look after, the one last heard of first, with their tokens' projects."""
    seen = Machine.objects.visible_to(caller).select_related("token", "member").prefetch_related("token__projects")
    return seen.order_by("-last_event_at", "pk")


def find_machine(caller: Caller, machine_id: int) -> Machine:
    """A machine in the caller's sight. Raises NotFound."""
    found = machines_seen_by(caller).filter(pk=machine_id).first()
    if found is None:
        raise NotFound("Machine not found")
    return found


def sharing_token(machine: Machine) -> list[Machine]:
    """The other machines that speak with the same token, by name."""
    if machine.token_id is None:
        return []
    return list(Machine.objects.filter(token_id=machine.token_id).exclude(pk=machine.pk).order_by("name"))


def revoke_machine(caller: Caller, machine: Machine) -> Machine:
    """Shut a machine out by revoking the token it speaks with; what it told stays.

    Members revoke their own, owners those in their sight. Raises Forbidden, NotFound, Conflict when its token opens
    nothing any more.
    """
    with transaction.atomic():
        found = Machine.objects.select_for_update().filter(pk=machine.pk).first()
        if found is None or not Machine.objects.visible_to(caller).filter(pk=found.pk).exists():
            raise NotFound("Machine not found")
        if found.token is None or found.token.state != "active":
            raise Conflict(f"{found.name} is shut out already.")
        revoke_any_token(caller, found.token)
    return found


def first_event_of(token: RoleToken) -> CapturedEvent | None:
    """The first event that came by a token, within a day of its making; None while there is none."""
    came = CapturedEvent.objects.filter(
        token=token, received_at__gte=token.created_at, received_at__lt=token.created_at + FIRST_EVENT_WITHIN
    )
    return came.order_by("received_at", "pk").first()


def note_machine(events: Sequence[CapturedEvent]) -> Machine | None:
    """Keep what the newest of a session's events tells of its machine; None where none names one."""
    named = [event for event in events if event.machine]
    if not named:
        return None
    newest = max(named, key=lambda event: (event.received_at, event.pk))
    holder = f"member:{newest.member_id}" if newest.member_id is not None else f"token:{newest.token_id}"
    machine, _made = Machine.objects.select_for_update().get_or_create(
        holder=holder, name=newest.machine, defaults={"first_event_at": newest.received_at}
    )
    told: dict[str, Any] = newest.client if isinstance(newest.client, dict) else {}
    machine.member_id, machine.token_id = newest.member_id, newest.token_id
    machine.last_event_at = max(machine.last_event_at, newest.received_at)
    agents = [event.agent for event in named if event.agent]
    machine.agents = list(dict.fromkeys([*machine.agents, *agents]))[:AGENTS_AT_MOST]
    if told:
        machine.client_version = told.get("version", machine.client_version)
        machine.backlog, machine.backlog_seconds = told.get("backlog"), told.get("backlog_seconds")
        machine.untrusted = told.get("untrusted", [])
    machine.save()
    return machine


def forget_machine(caller: Caller, machine_id: int) -> None:
    """Take a machine of one's own off the list; the next event from it brings it back. Raises NotFound."""
    caller.require(Role.COLLABORATOR)
    if not Machine.objects.of(caller).filter(pk=machine_id).delete()[0]:
        raise NotFound("Machine not found")
