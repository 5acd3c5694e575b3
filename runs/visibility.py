"""Who sees which costs: sums of one's projects, one's own runs, and, from admin on, everybody's."""

from access.callers import Caller
from access.roles import Role
from runs.models import Run


def may_see_costs(caller: Caller) -> bool:
    """Whether a caller sees sums of projects at all; a guest does not."""
    return caller.may(Role.COLLABORATOR)


def may_see_people(caller: Caller) -> bool:
    """Whether a caller sees what single persons cost."""
    return caller.may(Role.ADMIN)


def is_own(caller: Caller, run: Run) -> bool:
    """Whether a run is the caller's: the same member's, or of the same label where the token belongs to nobody."""
    if run.member_id or caller.member_id:
        return run.member_id == caller.member_id
    return run.person == caller.name


def may_see_cost(caller: Caller, run: Run) -> bool:
    """Whether a caller sees what this run costs: an admin's right, and that of the person who ran it."""
    return may_see_people(caller) or (may_see_costs(caller) and is_own(caller, run))
