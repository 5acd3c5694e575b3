"""The machines that people's agents run on, as their clients tell of them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from access.callers import Caller
from access.errors import Conflict, NotFound, Refusal
from access.masking import mask
from access.models import RoleToken
from access.roles import Role
from access.tokens import revoke_any_token
from runs.models import MACHINE_NAME_LENGTH, NAME_LENGTH, CapturedEvent, Machine, MachineQuerySet, holder_of
from runs.texts import problem_with
from runs.transcripts import text_of

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


class MachineRefused(Refusal):
    """The client names a machine that its holder, or an owner, has shut out."""

    status = 403
    outcome = "refused"

    def __init__(self, name: str) -> None:
        super().__init__(f"The machine '{name}' is refused here.", hint="Allow it again on the portal's Connect page.")


def name_told(text: Any) -> str:
    """A machine's name as it is kept, of what a client says: on one line, masked, then cut; "" for none."""
    return mask(" ".join(text_of(text).split())).text[:NAME_LENGTH].rstrip()


def require_allowed(caller: Caller, told: str) -> None:
    """Raise MachineRefused where the client calls itself by the name of a machine of the caller's that is refused.

    told: the client's word; "" for a client that does not say, which is let in. So this keeps out a client that goes
    on as it was; who has the token and writes requests of their own is kept out by revoking the token alone.
    """
    name = name_told(told)
    if name and Machine.objects.of(caller).refused().filter(name=name).exists():
        raise MachineRefused(name)


def sharing_token(machine: Machine) -> list[Machine]:
    """The other machines that speak with the same token, by name, but for those that are refused."""
    if machine.token_id is None:
        return []
    others = Machine.objects.filter(token_id=machine.token_id, refused_at=None).exclude(pk=machine.pk)
    return list(others.order_by("name"))


def may_look_after(caller: Caller, machine: Machine) -> bool:
    """Whether the caller may shut out and rename a machine: people their own, owners those in their sight."""
    return machine.holder == holder_of(caller) or caller.may(Role.OWNER)


def may_allow(caller: Caller, machine: Machine) -> bool:
    """Whether the caller may allow a refused machine again: what an owner refused, an owner allows."""
    return caller.may(Role.OWNER) or (
        machine.holder == holder_of(caller) and machine.refused_by_id in (None, caller.member_id)
    )


def revoke_machine(caller: Caller, machine: Machine) -> Machine:
    """Shut a machine out by revoking the token it speaks with, and every other that has the token; what it told stays.

    People revoke their own, owners those in their sight. Raises Forbidden, NotFound, Conflict when its token opens
    nothing any more.
    """
    with transaction.atomic():
        found = _locked(caller, machine)
        if found.token is None or found.token.state != "active":
            raise Conflict(f"{found} is shut out already.")
        revoke_any_token(caller, found.token)
    return found


def refuse_machine(caller: Caller, machine: Machine) -> Machine:
    """Refuse what a machine's client sends from now on, and leave its token to the others that have it.

    Raises Forbidden, NotFound, Conflict when it is refused already, or its token opens nothing any more.
    """
    with transaction.atomic():
        found = _looked_after(caller, machine)
        if found.refused_at is not None or found.token is None or found.token.state != "active":
            raise Conflict(f"{found} is shut out already.")
        found.refused_at, found.refused_by_id = timezone.now(), caller.member_id
        found.save(update_fields=["refused_at", "refused_by"])
    return found


def allow_machine(caller: Caller, machine: Machine) -> Machine:
    """Take from a refused machine what it sends, again; what waits there comes then.

    Raises Forbidden, also where an owner refused it and somebody else asks; NotFound; Conflict for one not refused.
    """
    with transaction.atomic():
        found = _looked_after(caller, machine)
        if found.refused_at is None:
            raise Conflict(f"{found} is not refused.")
        if not may_allow(caller, found):
            caller.require(Role.OWNER)
        found.refused_at = found.refused_by = None
        found.save(update_fields=["refused_at", "refused_by"])
    return found


def rename_machine(caller: Caller, machine: Machine, name: str) -> Machine:
    """Call a machine by another name on the portal; "" calls it again as its client does, which goes on as it was.

    name: at most 60 characters; secrets are masked. Raises Forbidden, NotFound, Invalid for one that is too long,
    Conflict for the name of another machine of the same holder.
    """
    wanted = mask(" ".join(text_of(name).split())).text
    if len(wanted) > MACHINE_NAME_LENGTH:
        raise problem_with("name", f"has {len(wanted)} characters; at most {MACHINE_NAME_LENGTH} fit.")
    with transaction.atomic():
        # All of the holder's in one order: two that are given one name at once wait for each other here.
        of_holder = list(Machine.objects.select_for_update().filter(holder=machine.holder).order_by("pk"))
        found = _looked_after(caller, machine)
        if wanted and any(wanted in (other.name, other.display_name) for other in of_holder if other.pk != found.pk):
            raise Conflict(f"Another machine is called {wanted} already.", hint="Choose another name.")
        found.display_name = "" if wanted == found.name else wanted
        found.save(update_fields=["display_name"])
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
        holder=holder,
        name=newest.machine,
        defaults={"first_event_at": newest.received_at, "last_event_at": newest.received_at},
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
    """Take a machine of one's own off the list; the next event from it brings it back.

    Raises NotFound, Conflict for one that is refused: what is not on the list is not refused.
    """
    caller.require(Role.COLLABORATOR)
    with transaction.atomic():
        found = Machine.objects.of(caller).select_for_update().filter(pk=machine_id).first()
        if found is None:
            raise NotFound("Machine not found")
        if found.refused_at is not None:
            raise Conflict(f"{found} is refused; off the list it would be let in.", hint="Allow it again first.")
        found.delete()


# --- parts -----------------------------------------------------------------------------------------------------------


def _locked(caller: Caller, machine: Machine) -> Machine:
    found = Machine.objects.select_for_update().filter(pk=machine.pk).first()
    if found is None or not Machine.objects.visible_to(caller).filter(pk=found.pk).exists():
        raise NotFound("Machine not found")
    return found


def _looked_after(caller: Caller, machine: Machine) -> Machine:
    found = _locked(caller, machine)
    if not may_look_after(caller, found):
        caller.require(Role.OWNER)
    return found
