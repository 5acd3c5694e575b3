"""Filling an empty portal with the demo, whole or not at all."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from access.callers import system_caller
from access.errors import Conflict
from access.members import new_password
from access.models import GLOBAL_PROJECT, Member, Project
from memories.models import Memory
from requirements_pipeline.models import Requirement
from runs.budgets import save_budget
from runs.costs import spent_by_project
from runs.days import month_of, today
from runs.models import Handoff, Machine, Run
from runs.rollups import roll_up_finished_days
from zikra_portal.demo.handoffs import HandoffStories, note_machines
from zikra_portal.demo.material import PROJECTS
from zikra_portal.demo.memories import MemoryStories
from zikra_portal.demo.people import DEMO, Team, make_team
from zikra_portal.demo.removing import remove_demo
from zikra_portal.demo.requirements import RequirementStories
from zikra_portal.demo.runs import RUNS, RunStories
from zikra_portal.demo.times import Calendar

SEED = "houseplants"
# Shares of the month's budget that are spent: one is about to reach the threshold of 80 %, one has passed 100 %.
BUDGETS = {"demo-shop": Decimal("0.78"), "demo-dispatch": Decimal("1.04"), "demo-platform": Decimal("0.45")}
# On the first of a month nothing may be spent yet.
LEAST_BUDGET = Decimal(20)


@dataclass(frozen=True)
class Filled:
    """What is there now. password: of every member of the demo; kept nowhere else."""

    password: str
    usernames: list[str]
    counts: dict[str, int]


def fill_demo(*, again: bool = False, now: datetime | None = None) -> Filled:
    """Fill the portal with the demo, dated up to now.

    again: put a new one in the place of the demo that is there. Raises Conflict when the portal holds anything else,
    or a demo already without `again`; then nothing has changed.
    """
    password = new_password()
    with transaction.atomic():
        require_room(again=again)
        remove_demo()
        team = _tell(password, Calendar((now or timezone.now()).replace(microsecond=0), SEED))
        _set_budgets(team)
    roll_up_finished_days()
    return Filled(password, list(team.members), _counts(team))


def require_room(*, again: bool) -> None:
    """Raise Conflict, naming what is there, unless the portal is empty but for a demo that may be renewed."""
    held = {
        "project": Project.objects.filter(is_demo=False).exclude(name=GLOBAL_PROJECT).count(),
        "memory": Memory.objects.exclude(project__is_demo=True).count(),
        "requirement": Requirement.objects.exclude(project__is_demo=True).count(),
        "run": Run.objects.exclude(project__is_demo=True).count(),
    }
    plurals = {"memory": "memories"}
    words = ", ".join(
        f"{count} {name if count == 1 else plurals.get(name, f'{name}s')}" for name, count in held.items() if count
    )
    if words:
        raise Conflict(
            f"The demo fills an empty portal only, and this one holds {words} of your own.",
            hint="Start another portal for it: ./zikra up --data-dir DIR --port NUMBER.",
        )
    if not again and (Project.objects.filter(is_demo=True).exists() or Member.objects.filter(is_demo=True).exists()):
        raise Conflict("The demo is there already.", hint="Renew it with --again, or remove it with --remove.")


def _tell(password: str, calendar: Calendar) -> Team:
    """The whole story: people, wishes, prompts, runs, what became of the wishes, what was learnt and left off."""
    team = make_team(password, calendar)
    requirements, runs = RequirementStories(team, calendar), RunStories(team, calendar)
    memories = MemoryStories(team, calendar)
    stories = {project.name: requirements.write(project) for project in PROJECTS}
    prompts = {project.name: memories.prompts(project) for project in PROJECTS}
    for project in PROJECTS:
        runs.of_requirements(project, stories[project.name])
    runs.running_now(stories)
    left = RUNS - runs.sessions
    for number, project in enumerate(PROJECTS):
        share = left // len(PROJECTS) + (1 if number < left % len(PROJECTS) else 0)
        runs.others(project, prompts[project.name], share)
    runs.date([project.pk for project in team.projects.values()])
    for project in PROJECTS:
        requirements.go_on(project, stories[project.name])
        memories.curate(project, memories.write(project))
        memories.link(project, stories[project.name])
        memories.give_to_runs(project)
    HandoffStories(team, calendar).leave(stories)
    note_machines(team)
    return team


def _set_budgets(team: Team) -> None:
    """Budgets of which this month has spent a given share."""
    ids = {name: team.projects[name].pk for name in BUDGETS}
    spent = spent_by_project(list(ids.values()), month_of(today()), today())
    for name, share in BUDGETS.items():
        monthly = max(spent.get(ids[name], Decimal(0)) / share, LEAST_BUDGET)
        save_budget(system_caller(DEMO, "console"), team.projects[name], monthly, [50, 80, 100])


def _counts(team: Team) -> dict[str, int]:
    ids = [project.pk for project in team.projects.values()]
    return {
        "projects": len(ids),
        "members": len(team.members),
        "memories": Memory.objects.filter(project_id__in=ids).count(),
        "requirements": Requirement.objects.filter(project_id__in=ids).count(),
        "runs": Run.objects.filter(project_id__in=ids).count(),
        "handoffs": Handoff.objects.filter(project_id__in=ids).count(),
        "machines": Machine.objects.filter(token__in=[caller.token_id for caller in team.agents.values()]).count(),
    }
