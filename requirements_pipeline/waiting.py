"""What waits for somebody: to promote, to review, to do, and what came back to them."""

from datetime import timedelta
from functools import reduce
from operator import or_

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from access.callers import Caller
from access.roles import Role
from requirements_pipeline.models import Requirement, RequirementMove, RequirementQuerySet, RequirementState
from requirements_pipeline.moves import NEEDS_REASON

_S = RequirementState
ORDER = ("priority", "rank", "created_at", "pk")
# Against the stream: the moves that need a reason, and the one that gives a text back to who wrote it.
SENDS_BACK = NEEDS_REASON | {(_S.SUBMITTED, _S.DRAFT)}
# Who has not looked at it for a month has let it be.
SENT_BACK_WITHIN = timedelta(days=30)


def waiting_for_promotion(caller: Caller, project_ids: list[int] | None = None) -> RequirementQuerySet:
    """Submitted requirements in sight, the most urgent and oldest first; none for who may not promote."""
    return _in_state(caller, project_ids, _S.SUBMITTED) if caller.may(Role.OWNER) else Requirement.objects.none()


def waiting_for_review(caller: Caller, project_ids: list[int] | None = None) -> RequirementQuerySet:
    """Requirements in review in sight, the most urgent and oldest first; none for who may not call them done."""
    return _in_state(caller, project_ids, _S.IN_REVIEW) if caller.may(Role.ADMIN) else Requirement.objects.none()


def given_to(caller: Caller, project_ids: list[int] | None = None) -> RequirementQuerySet:
    """Open requirements in sight that are assigned to the caller's member, the most urgent and oldest first."""
    mine = Requirement.objects.visible_to(caller).within(project_ids).open().filter(assignee_id=caller.member_id or 0)
    return mine.exclude(state__in=[_S.ON_HOLD, _S.IN_REVIEW]).order_by(*ORDER)


def sent_back_to(caller: Caller, project_ids: list[int] | None = None) -> QuerySet[RequirementMove]:
    """The moves by which others sent back what the caller's member wrote or works on, and that are the last ones.

    The last first; those of the last thirty days.
    """
    me = caller.member_id or 0
    visible = Requirement.objects.visible_to(caller).within(project_ids)
    mine = visible.filter(Q(author_id=me) | Q(assignee_id=me) | Q(claimant_id=me))
    later = RequirementMove.objects.filter(requirement=OuterRef("requirement"), pk__gt=OuterRef("pk"))
    back = reduce(or_, (Q(from_state=before, to_state=after) for before, after in SENDS_BACK))
    moves = RequirementMove.objects.filter(
        back, ~Exists(later), requirement__in=mine, at__gte=timezone.now() - SENT_BACK_WITHIN
    ).exclude(member_id=me)
    light = moves.select_related("requirement", "requirement__project")
    return light.defer("requirement__content_md", "requirement__acceptance").order_by("-at", "-pk")


def _in_state(caller: Caller, project_ids: list[int] | None, state: RequirementState) -> RequirementQuerySet:
    rows = Requirement.objects.visible_to(caller).within(project_ids).filter(state=state)
    return rows.order_by(*ORDER)
