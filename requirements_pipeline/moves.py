"""Moving requirements from state to state, each move in one transaction with its row locked."""

from django.db import transaction
from django.utils import timezone

from access.callers import Caller
from access.errors import Invalid, NotFound
from access.roles import Role
from memories.saving import save_memory
from requirements_pipeline.models import NAME_LENGTH, Requirement, RequirementState
from requirements_pipeline.states import require_move

PROMOTION_TYPES = ("prompt", "decision")


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
        locked = (
            Requirement.objects.visible_to(caller)
            .select_for_update(of=("self",))
            .select_related("project")
            .filter(pk=requirement.pk)
            .first()
        )
        if locked is None:
            raise NotFound("Requirement not found")
        require_move(caller, locked, RequirementState.PROMOTED)
        locked.state = RequirementState.PROMOTED
        locked.promoted_by = caller.name[:NAME_LENGTH]
        locked.promoted_at = locked.updated_at = timezone.now()
        locked.save(update_fields=["state", "promoted_by", "promoted_at", "updated_at"])
        if memory_type:
            save_memory(
                caller,
                locked.project,
                memory_type,
                locked.title,
                content_md=as_text(locked),
                module=locked.module,
                tags=locked.tags,
            )
    return locked


def as_text(requirement: Requirement) -> str:
    """A requirement in Markdown: its text, then its acceptance criteria as a list."""
    if not requirement.acceptance:
        return requirement.content_md
    criteria = "\n".join(f"- {criterion}" for criterion in requirement.acceptance)
    return f"{requirement.content_md}\n\n## Acceptance criteria\n\n{criteria}".lstrip()
