"""The demo: a whole team's month in an empty portal, and out again without a trace or a loss."""

import io
import re
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db.models import F, Max
from django.utils import timezone

from access.callers import system_caller
from access.members import make_member
from access.models import AuditEntry, Member, Notification, Project
from access.roles import Role
from memories.hygiene import hygiene_report
from memories.models import Memory, MemoryLink, MemoryType, PendingEmbedding
from memories.saving import save_memory
from requirements_pipeline.models import Requirement, RequirementMove, RequirementState
from requirements_pipeline.states import MOVES
from requirements_pipeline.writing import save_requirement
from runs.budgets import budget_states
from runs.machines import sharing_token
from runs.models import DailyTotal, Dimension, Handoff, Machine, Run, RunUsage
from runs.recording import log_run
from zikra_portal.demo.material import PROJECTS
from zikra_portal.demo.wishes import WISHES

pytestmark = [pytest.mark.long, pytest.mark.django_db]

OPERATOR = system_caller("tests")
# Kept by the portal itself, or told of the commands: no part of what people have.
NOT_COMPARED = {"access.auditentry", "memories.embeddingspace", "django_celery_beat.periodictasks"}


def every_row() -> dict[str, dict]:
    """All rows of all tables, by model and key."""
    rows = {}
    for model in apps.get_models(include_auto_created=True):
        name = model._meta.label_lower
        if name not in NOT_COMPARED and model._meta.managed and not model._meta.proxy:
            found = model._base_manager.order_by("pk")
            rows[name] = dict(zip(map(str, found.values_list("pk", flat=True)), found.values(), strict=True))
    return rows


def own_project() -> Project:
    """A project of the portal's own with a bit of everything."""
    project = Project.objects.create(name="own")
    member = make_member(OPERATOR, "ana", Role.COLLABORATOR, password="correct horse battery", project_names=["own"])
    first = save_memory(OPERATOR, project, "decision", "Own decision", content_md="See [[Own note]].").memory
    save_memory(OPERATOR, project, "note", "Own note", content_md="Read [[Own decision]].")
    requirement = save_requirement(OPERATOR, project, "Own wish", acceptance=["It works"], memories=[first.pk])
    log_run(
        OPERATOR, project, session_id="own", model="claude-sonnet-4-5", tokens_input=10, requirement_id=requirement.pk
    )
    Notification.objects.create(member=member, project=project, kind="moved", words="Own words")
    return project


def test_the_demo_is_a_whole_month_and_goes_without_a_trace(monkeypatch):
    before = every_row()
    # An older demo is there, and the command puts a new one in its place.
    old = Project.objects.create(name="demo-shop", is_demo=True)
    save_memory(OPERATOR, old, "note", "Of the old demo")
    make_member(OPERATOR, "demo-pm", Role.OWNER, password="correct horse battery")
    Member.objects.update(is_demo=True)
    told = run_command("--again").splitlines()
    password = told[-2]
    counts = {name: int(count) for count, name in re.findall(r"(\d+) (\w+)", told[0])}
    assert not Memory.objects.filter(title="Of the old demo").exists()
    assert password not in "".join(str(row) for table in every_row().values() for row in table.values())
    assert AuditEntry.objects.values_list("command", "door").get() == ("fill_demo", "console")
    with pytest.raises(CommandError, match="The demo is there already. Renew it with --again"):
        run_command()
    now = timezone.now()

    memories_made = counts.pop("memories")
    machines_noted = counts.pop("machines")
    assert counts == {"projects": 4, "members": 8, "requirements": 60, "runs": 300, "handoffs": 5}
    assert 480 <= memories_made <= 520
    usernames = list(Member.objects.filter(is_demo=True).order_by("pk").values_list("username", flat=True))
    assert {member.role for member in Member.objects.filter(is_demo=True)} == set(Role.values)
    assert all(
        name.startswith("demo-")
        for name in [*usernames, *Project.objects.values_list("name", flat=True)]
        if name != "global"
    )
    assert told[1] == f"Log in at {settings.PORTAL_URL} as one of {', '.join(usernames)}."
    assert all(member.check_password(password) for member in Member.objects.filter(is_demo=True))
    assert Project.objects.filter(is_demo=True).count() == len(PROJECTS)
    assert Requirement.objects.count() == sum(len(wishes) for wishes in WISHES.values())

    memories = Memory.objects.select_related("memory_type")
    assert {memory.memory_type_id for memory in memories} == set(MemoryType.objects.values_list("name", flat=True))
    assert memories.filter(created_at__gt=now).count() == 0
    assert memories.filter(version__gte=2).count() > 30
    assert memories.pinned().count() == 8
    assert memories.exclude(archived_at=None).count() > 5
    assert memories.exclude(run_id=None).count() > 80
    assert MemoryLink.objects.exclude(target=None).count() > 400
    report = hygiene_report(OPERATOR, None)
    assert report.orphan_count > 10
    assert len(report.dead_links) == 12
    assert len(report.duplicates) >= 4
    assert PendingEmbedding.objects.values("memory").distinct().count() == memories.count()

    states = Counter(Requirement.objects.values_list("state", flat=True))
    assert set(states) == set(RequirementState.values)
    for requirement in Requirement.objects.prefetch_related("moves"):
        state = RequirementState.DRAFT
        last = requirement.created_at
        for move in requirement.moves.all():
            assert move.from_state == state
            assert RequirementState(move.to_state) in MOVES[state]
            assert last <= move.at <= now
            state, last = RequirementState(move.to_state), move.at
        assert state == requirement.state
    assert RequirementMove.objects.exclude(run_id=None).count() > 20

    runs = Run.objects.all()
    assert runs.filter(started_at__lt=now - timedelta(days=36)).count() == 0
    assert runs.filter(last_seen_at__gt=now).count() == 0
    assert runs.active().count() == 6
    assert sum(run.is_stale() for run in runs.active()) == 2
    assert runs.filter(status="failed").count() > 5
    assert set(runs.values_list("cost_source", flat=True)) == {
        "reported",
        "computed",
        "no_price",
        "no_tokens",
    }
    assert sum(row.cost_usd or 0 for row in RunUsage.objects.all()) == sum(run.cost_usd or 0 for run in runs)
    rolled = DailyTotal.objects.filter(dimension=Dimension.PROJECT)
    today_ = runs.filter(day__gte=now.date())
    assert sum(row.cost_usd for row in rolled) + sum(run.cost_usd or 0 for run in today_) == sum(
        run.cost_usd or 0 for run in runs
    )
    shares = {state.budget.project.name: state.share for state in budget_states(OPERATOR)}
    assert set(shares) == {"demo-shop", "demo-dispatch", "demo-platform"}
    assert shares["demo-shop"] < Decimal("0.8")

    assert Counter(Handoff.objects.values_list("state", flat=True)) == {"open": 3, "accepted": 1, "expired": 1}
    assert Handoff.objects.exclude(assigned_to=None).get().assigned_to.username == "demo-lead"
    taken = Handoff.objects.get(state="accepted")
    assert taken.created_at < taken.accepted_at < now
    assert Run.objects.active().filter(session_id=taken.accepted_session, project=taken.project).exists()
    assert all(handoff.from_run.finished_at <= now for handoff in Handoff.objects.select_related("from_run"))
    assert Handoff.objects.filter(created_at__gt=now).count() == 0
    machines = Machine.objects.all()
    assert machines_noted == machines.count() == runs.values("machine", "token").distinct().count()
    assert machines.filter(first_event_at__gte=F("last_event_at")).count() == 0
    heard = {machine.name: machine.last_event_at for machine in machines}
    assert heard == {
        row["machine"]: row["last"] for row in runs.order_by().values("machine").annotate(last=Max("last_seen_at"))
    }
    assert machines.refused().count() == machines.exclude(display_name="").count() == 1
    assert sharing_token(machines.refused().get()) != []
    assert machines.exclude(untrusted=[]).count() == machines.filter(backlog__gt=0).count() == 1

    # Removing finds a project of the portal's own beside it, and leaves it as it is, row for row.
    own_project()
    with_own = every_row()
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    with pytest.raises(CommandError, match="Nothing was removed"):
        run_command("--remove")
    assert every_row() == with_own
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert "300 runs" in run_command("--remove")
    after = every_row()
    for name, rows in after.items():
        assert rows == {key: fields for key, fields in with_own[name].items() if key in rows}, name
    Project.objects.get(name="own")
    new = {name: set(rows) - set(before[name]) for name, rows in after.items()}
    assert {name: len(keys) for name, keys in new.items() if keys} == own_rows()
    assert all(set(before[name]) <= set(rows) for name, rows in after.items())


def own_rows() -> dict[str, int]:
    """How many rows the portal's own project has in each table."""
    from memories.models import Posting

    return {
        **dict.fromkeys(("access.project", "access.historicalproject", "access.membership", "access.notification"), 1),
        **dict.fromkeys(
            ("access.member", "access.historicalmember", "runs.run", "runs.runusage", "memories.memorycount"), 1
        ),
        **dict.fromkeys(
            (
                "memories.memory",
                "memories.memoryversion",
                "memories.memorylink",
                "memories.pendingembedding",
                "runs.runevent",
            ),
            2,
        ),
        **dict.fromkeys(
            (
                "requirements_pipeline.requirement",
                "requirements_pipeline.requirementversion",
                "requirements_pipeline.requirement_memories",
            ),
            1,
        ),
        "memories.posting": Posting.objects.count(),
    }


def test_a_portal_with_anything_of_its_own_is_refused_and_stays_as_it_is():
    own_project()
    before = every_row()
    with pytest.raises(CommandError, match="this one holds 1 project, 2 memories, 1 requirement, 1 run of your own"):
        call_command("demo", stdout=io.StringIO())
    assert every_row() == before


def test_removing_where_there_is_no_demo_says_so():
    assert run_command("--remove", "--yes") == "There is no demo data here.\n"


def run_command(*options: str) -> str:
    output = io.StringIO()
    call_command("demo", *options, stdout=output)
    return output.getvalue()


def test_pages_say_that_they_show_demo_data_to_those_who_see_it(client, owner, collaborator, app):
    words = "This portal shows demo data."
    client.force_login(owner.member)
    assert words not in client.get("/").content.decode()
    Project.objects.create(name="demo-shop", is_demo=True)
    assert words in client.get("/").content.decode()
    assert words in client.get("/runs/").content.decode()
    client.force_login(collaborator.member)
    assert words not in client.get("/").content.decode()
