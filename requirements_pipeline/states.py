"""The states of a requirement and the moves between them: from where to where, and the weakest role that may.

draft → submitted → promoted → in progress → in review → done; rejected and on hold stand aside and lead back.
"""

from access.callers import Caller
from access.errors import Conflict
from access.roles import Role
from requirements_pipeline.models import Requirement, RequirementState

_S = RequirementState

MOVES: dict[RequirementState, dict[RequirementState, Role]] = {
    _S.DRAFT: {_S.SUBMITTED: Role.COLLABORATOR, _S.PROMOTED: Role.OWNER, _S.REJECTED: Role.OWNER},
    _S.SUBMITTED: {
        _S.DRAFT: Role.COLLABORATOR,
        _S.PROMOTED: Role.OWNER,
        _S.REJECTED: Role.OWNER,
        _S.ON_HOLD: Role.ADMIN,
    },
    _S.PROMOTED: {
        _S.IN_PROGRESS: Role.COLLABORATOR,
        _S.SUBMITTED: Role.OWNER,
        _S.REJECTED: Role.OWNER,
        _S.ON_HOLD: Role.ADMIN,
    },
    _S.IN_PROGRESS: {
        _S.IN_REVIEW: Role.COLLABORATOR,
        _S.PROMOTED: Role.COLLABORATOR,
        _S.REJECTED: Role.OWNER,
        _S.ON_HOLD: Role.ADMIN,
    },
    _S.IN_REVIEW: {
        _S.DONE: Role.ADMIN,
        _S.IN_PROGRESS: Role.COLLABORATOR,
        _S.REJECTED: Role.OWNER,
        _S.ON_HOLD: Role.ADMIN,
    },
    _S.DONE: {_S.IN_PROGRESS: Role.OWNER},
    _S.REJECTED: {_S.SUBMITTED: Role.OWNER},
    _S.ON_HOLD: {_S.SUBMITTED: Role.ADMIN, _S.PROMOTED: Role.OWNER, _S.REJECTED: Role.OWNER},
}


def require_move(caller: Caller, requirement: Requirement, target: RequirementState) -> None:
    """Raise Conflict when the table has no such move, Forbidden when the caller's role is too weak for it."""
    state = RequirementState(requirement.state)
    needed = MOVES[state].get(target)
    if state == target:
        raise Conflict(f"The requirement '{requirement.title}' is already {state.label.lower()}.")
    if needed is None:
        raise Conflict(
            f"The requirement '{requirement.title}' is {state.label.lower()} and cannot become {target.label.lower()}.",
            hint=f"From there it goes to {' or '.join(known.label.lower() for known in MOVES[state])}.",
        )
    caller.require(needed)
