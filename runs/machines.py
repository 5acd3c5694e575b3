"""The machines that people's agents run on, as their clients tell of them."""

from collections.abc import Sequence
from typing import Any

from access.callers import Caller
from access.errors import NotFound
from access.roles import Role
from runs.models import CapturedEvent, Machine, MachineQuerySet

AGENTS_AT_MOST = 20


def machines_of(caller: Caller) -> MachineQuerySet:
    """The caller's own machines, the one last heard of first."""
    return Machine.objects.of(caller).select_related("token", "member")


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
