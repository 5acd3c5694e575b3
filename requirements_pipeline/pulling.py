"""Agents take requirements, work on them, and hand them in; what is dropped goes back by itself."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from access.callers import Caller, system_caller
from access.errors import Conflict, Invalid
from access.roles import Role
from requirements_pipeline.criteria import meet_criteria
from requirements_pipeline.models import NAME_LENGTH, Requirement, RequirementState
from requirements_pipeline.moves import locked_requirement, move_locked
from runs.models import Run
from runs.reading import newest_own_run_on, own_run
from runs.recording import add_changes

# How an agent may say that it is done, or that it is not; the first of each is what it is called.
HANDED_IN = ("success", "done", "completed", "finished", "in_review")
GIVEN_BACK = ("failed", "failure", "error", "blocked", "abandoned", "cancelled")


def pull_requirement(
    caller: Caller, project_ids: list[int] | None = None, *, runner: str = "", run_id: uuid.UUID | None = None
) -> Requirement | None:
    """Claim the most urgent requirement that is ready, as owners placed them, then the oldest promotion; None when
    nothing waits.

    project_ids: where to look; None for everywhere in scope. Of any number of callers at once each gets another one.
    A requirement that waits for others, or is assigned to somebody else, is passed over. It goes back by itself when
    the runs that work on it fall silent. Needs a collaborator.
    """
    caller.require(Role.COLLABORATOR)
    with transaction.atomic():
        waiting = Requirement.objects.visible_to(caller).within(project_ids).ready().open_to(caller)
        taken = (
            waiting.select_related("project")
            .select_for_update(of=("self",), skip_locked=True)
            .order_by("priority", "rank", "promoted_at", "pk")
            .first()
        )
        if taken is None:
            return None
        move_locked(caller, taken, RequirementState.IN_PROGRESS, run_id=run_id)
        taken.claimed_by = (runner.strip() or caller.name)[:NAME_LENGTH]
        taken.claimant_id = caller.member_id
        taken.claimed_at = timezone.now()
        taken.save(update_fields=["claimed_by", "claimant", "claimed_at"])
    return taken


def finish_requirement(
    caller: Caller,
    requirement: Requirement,
    *,
    outcome: str = HANDED_IN[0],
    output_summary: str = "",
    criteria_met: Iterable[str | int] = (),
    run_id: uuid.UUID | None = None,
    commits: Iterable[str] = (),
    pull_requests: Iterable[str] = (),
) -> Requirement:
    """Hand a requirement in for review, or give it back. Needs a collaborator: who claimed it, or an admin.

    outcome: a word of HANDED_IN, or of GIVEN_BACK, which returns it to those that wait. output_summary: what came of it,
    or why it is given back. criteria_met: acceptance criteria that are met now, by number from 1 or by their text; the
    others stay as they are. commits, pull_requests: hashes, numbers or addresses; they are kept with the run that worked on
    it, the caller's newest where run_id names none. Raises Conflict when it is not in progress or somebody else works on it, Invalid for
    another outcome, a criterion that it does not have or commits of no run, NotFound when it is out of sight.
    """
    caller.require(Role.COLLABORATOR)
    word = outcome.strip().casefold() or HANDED_IN[0]
    if word not in HANDED_IN + GIVEN_BACK:
        problem = f"An outcome is one of {', '.join(HANDED_IN + GIVEN_BACK)}, not '{outcome[:40]}'."
        raise Invalid(problem, fields={"outcome": [problem]})
    target = RequirementState.IN_REVIEW if word in HANDED_IN else RequirementState.PROMOTED
    with transaction.atomic():
        locked = locked_requirement(caller, requirement.pk)
        if locked.state == RequirementState.IN_PROGRESS and not _is_theirs(caller, locked):
            raise Conflict(
                f"'{locked.title}' is being worked on by {locked.claimed_by}.", hint="An admin may finish it for them."
            )
        meet_criteria(caller, locked, criteria_met)
        _keep_changes(caller, locked, run_id, list(commits), list(pull_requests))
        reason = output_summary.strip() or (f"Given back: {word}." if word in GIVEN_BACK else "")
        return move_locked(caller, locked, target, reason=reason, run_id=run_id)


def _keep_changes(
    caller: Caller, requirement: Requirement, run_id: uuid.UUID | None, commits: list[str], pull_requests: list[str]
) -> None:
    if not commits and not pull_requests:
        return
    run = own_run(caller, run_id) if run_id else newest_own_run_on(caller, requirement.pk)
    if run is None:
        problem = "Commits and pull requests are kept with a run; name it with run_id, or record it with log_run."
        raise Invalid(problem, fields={"run_id": [problem]})
    add_changes(caller, run, commits=commits, pull_requests=pull_requests)


def _is_theirs(caller: Caller, requirement: Requirement) -> bool:
    """Whether the caller claimed it, acts for who did, or may act for anybody."""
    if caller.may(Role.ADMIN) or not requirement.claimed_by:
        return True
    if requirement.claimant_id or caller.member_id:
        return requirement.claimant_id == caller.member_id
    return True


def return_dropped_requirements(now: datetime | None = None) -> list[Requirement]:
    """Return requirements in progress whose runs fell silent, or never began; answers those that went back.

    One is dropped when no run that names it has been heard of for RUN_STALE_SECONDS, nor was it claimed since then.
    A run that ended without finishing the requirement counts until then too.
    """
    moment = now or timezone.now()
    silent_since = moment - timedelta(seconds=settings.RUN_STALE_SECONDS)
    keeper = system_caller("lease")
    heard_of = Run.objects.filter(requirement_id__isnull=False, last_seen_at__gte=silent_since)
    suspects = Requirement.objects.filter(state=RequirementState.IN_PROGRESS, claimed_at__lt=silent_since).exclude(
        pk__in=heard_of.values("requirement_id")
    )
    returned = []
    for requirement_id in suspects.values_list("pk", flat=True):
        with transaction.atomic():
            locked = Requirement.objects.select_for_update(of=("self",)).get(pk=requirement_id)
            if locked.state != RequirementState.IN_PROGRESS or heard_of.filter(requirement_id=locked.pk).exists():
                continue
            words = f"{locked.claimed_by} has not been heard of since it was claimed."
            returned.append(move_locked(keeper, locked, RequirementState.PROMOTED, reason=words))
    return returned
