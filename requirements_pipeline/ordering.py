"""The order among requirements of one priority: owners place them, and pulling follows."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from django.db import transaction

from access.callers import Caller
from access.errors import Conflict, Invalid, NotFound
from access.roles import Role
from requirements_pipeline.models import UNRANKED, Requirement, RequirementQuerySet
from requirements_pipeline.relations import lock_project

# A board's column shows no more, and nobody places more by hand.
PLACED_AT_MOST = 500


def reorder(caller: Caller, ids: Iterable[uuid.UUID]) -> list[Requirement]:
    """Place requirements of one project and one priority in this order; the others of that priority come after them.

    ids: every requirement to be placed, first one first. Answers them with their ranks from 1. Needs an owner. Raises
    NotFound for one out of sight, Invalid for a repeated one, several projects or priorities, or too many.
    """
    caller.require(Role.OWNER)
    wanted = list(ids)
    if len(wanted) > PLACED_AT_MOST or len(set(wanted)) < len(wanted):
        raise _problem(f"Name each requirement once, and {PLACED_AT_MOST} at most; there are {len(wanted)}.")
    with transaction.atomic():
        placed = _locked(caller, wanted)
        if placed:
            peers = Requirement.objects.filter(project_id=placed[0].project_id, priority=placed[0].priority)
            peers.exclude(pk__in=wanted).exclude(rank=UNRANKED).update(rank=UNRANKED)
        for rank, requirement in enumerate(placed, 1):
            requirement.rank = rank
        Requirement.objects.bulk_update(placed, ["rank"])
    return placed


@dataclass(frozen=True)
class Placement:
    """A requirement that was put beside another one, and all that taking it back needs.

    placed: the keys of the placed ones, in their order. position: where among the placed ones it stood before, from 0;
    None when nobody had placed it. ranked: how many were placed before.
    """

    requirement_id: uuid.UUID
    placed: list[uuid.UUID]
    position: int | None
    ranked: int

    @property
    def mark(self) -> str:
        """Another one for another order."""
        return _mark_of(self.placed)


def place_beside(caller: Caller, requirement: Requirement, other: Requirement, *, after: bool) -> Placement:
    """Put an open requirement right before another one of its project and priority, or right after it.

    Places no more than it must: what nobody placed and comes later stays unplaced. Needs an owner. Raises Conflict when
    one of them is done or rejected, else as reorder.
    """
    caller.require(Role.OWNER)
    if requirement.pk == other.pk:
        raise _problem("A requirement cannot stand beside itself.")
    with transaction.atomic():
        lock_project(requirement.project_id)
        rows = list(_in_order(_peers(caller, requirement).open()).values_list("pk", "rank"))
        order = [pk for pk, _ in rows]
        _require_open_peers(caller, requirement, other, order)
        ranked = [pk for pk, rank in rows if rank < UNRANKED]
        position = ranked.index(requirement.pk) if requirement.pk in ranked else None
        order.remove(requirement.pk)
        order.insert(order.index(other.pk) + after, requirement.pk)
        needed = max(len(ranked) + (position is None), order.index(requirement.pk) + 1)
        placed = reorder(caller, order[:needed])
        return Placement(requirement.pk, [row.pk for row in placed], position, len(ranked))


def take_back_place(caller: Caller, requirement: Requirement, *, position: int | None, ranked: int, mark: str) -> None:
    """Undo a placement, told as it told of itself, while the order is still the one that it left. Needs an owner.

    Raises Conflict when the order was changed since.
    """
    caller.require(Role.OWNER)
    with transaction.atomic():
        lock_project(requirement.project_id)
        placed = _peers(caller, requirement).exclude(rank=UNRANKED)
        order = list(_in_order(placed).values_list("pk", flat=True))
        if _mark_of(order) != mark:
            raise Conflict(f"The order around “{requirement.title}” was changed since; that stands.")
        order.remove(requirement.pk)
        if position is not None:
            order.insert(position, requirement.pk)
        if not reorder(caller, order[:ranked]):
            placed.update(rank=UNRANKED)


def _peers(caller: Caller, requirement: Requirement) -> RequirementQuerySet:
    """Those that stand in one order with it, itself among them."""
    return Requirement.objects.visible_to(caller).filter(
        project_id=requirement.project_id, priority=requirement.priority
    )


def _in_order(rows: RequirementQuerySet) -> RequirementQuerySet:
    return rows.order_by("rank", "-created_at", "pk")


def _mark_of(order: Iterable[uuid.UUID]) -> str:
    return sha256(" ".join(map(str, order)).encode()).hexdigest()[:16]


def _require_open_peers(caller: Caller, requirement: Requirement, other: Requirement, order: list[uuid.UUID]) -> None:
    for row in (requirement, other):
        if row.pk in order:
            continue
        if (row.project_id, row.priority) != (requirement.project_id, requirement.priority):
            raise _problem("Only requirements of one project and one priority stand in one order.")
        if not Requirement.objects.visible_to(caller).filter(pk=row.pk).exists():
            raise NotFound("Requirement not found")
        raise Conflict(f"'{row.title}' is {row.get_state_display().lower()} or has just changed; it keeps no place.")


def _locked(caller: Caller, wanted: list[uuid.UUID]) -> list[Requirement]:
    """The requirements in the wanted order; their project is locked, so that two orders cannot mix."""
    first = Requirement.objects.visible_to(caller).filter(pk__in=wanted).first()
    if first is not None:
        lock_project(first.project_id)
    visible = (
        Requirement.objects.visible_to(caller).filter(pk__in=wanted).order_by("pk").select_for_update(of=("self",))
    )
    found = {row.pk: row for row in visible.select_related("project")}
    if len(found) < len(wanted):
        raise NotFound("Requirement not found")
    if len({(row.project_id, row.priority) for row in found.values()}) > 1:
        raise _problem("Only requirements of one project and one priority stand in one order.")
    return [found[pk] for pk in wanted]


def _problem(problem: str) -> Invalid:
    return Invalid(problem, fields={"ids": [problem]})
