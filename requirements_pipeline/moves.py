"""Moving requirements from state to state: one door, each move in one transaction with its row locked, each kept."""

import uuid
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from access.callers import Caller
from access.errors import Conflict, Invalid, NotFound
from access.masking import mask
from access.roles import Role
from memories.saving import save_memory
from requirements_pipeline.models import NAME_LENGTH, Requirement, RequirementMove, RequirementState
from requirements_pipeline.states import MOVES, require_move
from requirements_pipeline.watching import tell, watcher_ids

PROMOTION_TYPES = ("prompt", "decision")
REASON_LENGTH = 5000
UNDO_REASON = "Undone."

_S = RequirementState
# Moves against the stream, or aside: who reads the history wants to know why.
NEEDS_REASON = frozenset(
    {
        *((state, _S.REJECTED) for state in _S),
        *((state, _S.ON_HOLD) for state in _S),
        (_S.PROMOTED, _S.SUBMITTED),
        (_S.IN_PROGRESS, _S.PROMOTED),
        (_S.IN_REVIEW, _S.IN_PROGRESS),
        (_S.DONE, _S.IN_PROGRESS),
    }
)

# What the button of a move says; the verb of the target's own entry unless the way there has one of its own.
VERBS: dict[RequirementState, str] = {
    _S.DRAFT: "Back to draft",
    _S.SUBMITTED: "Submit",
    _S.PROMOTED: "Promote",
    _S.IN_PROGRESS: "Start work",
    _S.IN_REVIEW: "Hand in for review",
    _S.DONE: "Accept as done",
    _S.REJECTED: "Reject",
    _S.ON_HOLD: "Put on hold",
}
VERBS_OF_WAYS: dict[tuple[RequirementState, RequirementState], str] = {
    (_S.PROMOTED, _S.SUBMITTED): "Take the promotion back",
    (_S.ON_HOLD, _S.SUBMITTED): "Back to submitted",
    (_S.REJECTED, _S.SUBMITTED): "Submit again",
    (_S.IN_PROGRESS, _S.PROMOTED): "Give back",
    (_S.IN_REVIEW, _S.IN_PROGRESS): "Send back to work",
    (_S.DONE, _S.IN_PROGRESS): "Reopen",
}


@dataclass(frozen=True)
class PossibleMove:
    """A move that a caller may make from a state. words: what its button says."""

    source: RequirementState
    target: RequirementState

    @property
    def words(self) -> str:
        """The verb on its button."""
        return VERBS_OF_WAYS.get((self.source, self.target), VERBS[self.target])

    @property
    def needs_reason(self) -> bool:
        """Whether it must be told why."""
        return (self.source, self.target) in NEEDS_REASON

    @property
    def may_become_memory(self) -> bool:
        """Whether the requirement can become a memory with it."""
        return self.target is _S.PROMOTED and not self.needs_reason


def possible_moves(caller: Caller, state: RequirementState | str) -> list[PossibleMove]:
    """The moves from a state that the caller's role allows, in the order of the table."""
    source = RequirementState(state)
    return [PossibleMove(source, target) for target, needed in MOVES[source].items() if caller.may(needed)]


def move_requirement(
    caller: Caller,
    requirement: Requirement,
    target: RequirementState,
    *,
    reason: str = "",
    run_id: uuid.UUID | None = None,
) -> Requirement:
    """Move a requirement to another state and write the move into its history.

    Raises Conflict for a move that the table of states does not have, Forbidden for a role that is too weak for it,
    Invalid where a reason is due and none is given, NotFound when it is out of sight.
    """
    with transaction.atomic():
        return move_locked(caller, locked_requirement(caller, requirement.pk), target, reason=reason, run_id=run_id)


def newest_move(requirement: Requirement) -> RequirementMove:
    """The last move of a requirement that has been moved. Raises NotFound for one that never was."""
    found = RequirementMove.objects.filter(requirement=requirement).order_by("-id").first()
    if found is None:
        raise NotFound("It was never moved.")
    return found


def take_back_move(caller: Caller, move_id: int) -> Requirement:
    """Move a requirement back to where a move has taken it from, when it has not been moved since.

    It is a move of its own: the table of states must have it and the caller's role allow it. Raises Conflict when
    somebody has moved it since or there is no way back, Forbidden, NotFound when it is out of sight.
    """
    with transaction.atomic():
        taken_back = RequirementMove.objects.filter(pk=move_id).first()
        if taken_back is None:
            raise NotFound("Requirement not found")
        locked = locked_requirement(caller, taken_back.requirement_id)
        if newest_move(locked).pk != move_id:
            raise Conflict(f"“{locked.title}” was moved again since; that stands.")
        return move_locked(caller, locked, RequirementState(taken_back.from_state), reason=UNDO_REASON)


def locked_requirement(caller: Caller, requirement_id: uuid.UUID) -> Requirement:
    """The requirement, locked until the transaction ends. Raises NotFound when it is out of sight."""
    visible = Requirement.objects.visible_to(caller).select_for_update(of=("self",)).select_related("project")
    found = visible.filter(pk=requirement_id).first()
    if found is None:
        raise NotFound("Requirement not found")
    return found


def move_locked(
    caller: Caller,
    requirement: Requirement,
    target: RequirementState,
    *,
    reason: str = "",
    run_id: uuid.UUID | None = None,
) -> Requirement:
    """As move_requirement, for a row that this transaction has locked."""
    require_move(caller, requirement, target)
    before = RequirementState(requirement.state)
    words = _reason(requirement, before, target, reason)
    now = timezone.now()
    requirement.state = target
    requirement.updated_at = now
    if target is _S.PROMOTED and before is not _S.IN_PROGRESS:
        requirement.promoted_by, requirement.promoted_at = caller.name[:NAME_LENGTH], now
    if target is not _S.IN_PROGRESS and target is not _S.IN_REVIEW:
        requirement.claimed_by, requirement.claimant_id, requirement.claimed_at = "", None, None
    requirement.save(
        update_fields=[
            *("state", "updated_at", "promoted_by", "promoted_at", "claimed_by", "claimant", "claimed_at"),
        ]
    )
    RequirementMove.objects.create(
        requirement=requirement,
        from_state=before,
        to_state=target,
        reason=words,
        by=caller.name[:NAME_LENGTH],
        member_id=caller.member_id,
        run_id=run_id,
        at=now,
    )
    told = f"{caller.name} moved “{requirement.title}” to {target.label.lower()}{f': {words}' if words else '.'}"
    tell(caller, requirement, watcher_ids(requirement), kind="moved", words=told)
    return requirement


def _reason(requirement: Requirement, before: RequirementState, target: RequirementState, reason: str) -> str:
    words = mask(reason.replace("\x00", "").strip()).text
    if not words and (before, target) in NEEDS_REASON:
        problem = f"Say why '{requirement.title}' goes from {before.label.lower()} to {target.label.lower()}."
        raise Invalid(problem, fields={"reason": [problem]})
    if len(words) > REASON_LENGTH:
        problem = f"The reason is {len(words)} characters long; {REASON_LENGTH} is the limit."
        raise Invalid(problem, fields={"reason": [problem]})
    return words


def promote_requirement(caller: Caller, requirement: Requirement, promote_to: str = "") -> Requirement:
    """Let work on a requirement begin. Needs an owner.

    promote_to: "prompt" or "decision" also writes a memory of that type with the requirement's text. Raises Conflict
    when it is promoted already or too far on, NotFound when it is out of sight, Invalid for another promote_to.
    """
    caller.require(Role.OWNER)
    memory_type = promote_to.strip().casefold()
    if memory_type and memory_type not in PROMOTION_TYPES:
        problem = f"A requirement is promoted to {' or '.join(PROMOTION_TYPES)}, not '{promote_to[:40]}'."
        raise Invalid(problem, fields={"promote_to": [problem]})
    with transaction.atomic():
        locked = move_locked(caller, locked_requirement(caller, requirement.pk), RequirementState.PROMOTED)
        if memory_type:
            locked.became = save_memory(
                caller,
                locked.project,
                memory_type,
                locked.title,
                content_md=as_text(locked),
                module=locked.module,
                tags=locked.tags,
            ).memory
            locked.save(update_fields=["became"])
    return locked


def as_text(requirement: Requirement) -> str:
    """A requirement in Markdown: its text, then its acceptance criteria as a list."""
    if not requirement.acceptance:
        return requirement.content_md
    criteria = "\n".join(f"- {criterion}" for criterion in requirement.acceptance)
    return f"{requirement.content_md}\n\n## Acceptance criteria\n\n{criteria}".lstrip()
