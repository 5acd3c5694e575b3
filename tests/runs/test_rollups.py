"""Rolled up days and live ones: together they are always the plain sum over the runs."""

import random
import threading
import uuid
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connections, transaction
from django.db.models import F, Sum
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from access.callers import Caller, system_caller
from access.models import Project
from access.roles import Role
from runs import rollups
from runs.cost_filters import CostFilters, Period
from runs.costs import cost_report
from runs.models import DailyTotal, DailyUsage, Dimension, RolledDay, Run, RunUsage
from runs.recording import log_run
from runs.rollups import SUMS, mark_changed, roll_up_changed_days, roll_up_day, roll_up_finished_days
from runs.tasks import roll_up_changed_days as changed_days_task
from runs.tasks import roll_up_finished_days as finished_days_task
from tests.runs.plain_sums import make_run, plain_sums

FIRST = date(2026, 3, 2)
EVERYBODY = Caller(name="sums", role=Role.OWNER, project_ids=None)
ONE = (1, 2, 3, 4, 5)


def answered(group, only=None, *, first=FIRST, last=FIRST + timedelta(days=6), by=Period.DAY):
    report = cost_report(EVERYBODY, CostFilters(first, last, by, group, only=only or {}))
    groups = {found.key: [getattr(found.sums, name) for name in SUMS] for found in report.groups if any_of(found.sums)}
    parts = [sum((part for _, part in report.parts), type(report.total)()), report.total]
    assert parts[0] == parts[1]
    return groups


def any_of(sums):
    return any(getattr(sums, name) for name in SUMS)


def agree(only=None, **days):
    span = {"first": FIRST, "last": FIRST + timedelta(days=6)} | days
    for group in Dimension:
        plain = plain_sums(span["first"], span["last"], group, only)
        assert answered(group, only, **span) == {key: sums for key, sums in plain.items() if any(sums)}


# --- one day ---------------------------------------------------------------------------------------------------------


def test_a_day_is_rolled_up_by_every_dimension(app):
    make_run(
        app, FIRST, [("a", ONE, Decimal("1.5"), Decimal("0.5")), ("b", (10, None, 0, 0, 0), None, None)], person="p"
    )
    make_run(app, FIRST, person="p", model="a")
    roll_up_day(app.pk, FIRST)
    models = DailyTotal.objects.filter(dimension="model").order_by("key")
    assert list(models.values_list("key", *SUMS)) == [
        ("a", 2, 1, 2, 3, 4, 5, Decimal("1.5"), Decimal("0.5"), 0),
        ("b", 0, 10, 0, 0, 0, 0, Decimal(0), Decimal(0), 10),
    ]
    assert list(DailyUsage.objects.order_by("model").values_list("model", "runs", "cost_usd")) == [
        ("a", 2, Decimal("1.5")),
        ("b", 0, Decimal(0)),
    ]
    assert list(DailyTotal.objects.filter(dimension="project").values_list("runs", "cost_usd", "unpriced_tokens")) == [
        (2, Decimal("1.5"), 10)
    ]
    assert list(RolledDay.objects.values_list("project_id", "day", "is_dirty")) == [(app.pk, FIRST, False)]


def test_rolling_up_again_replaces(app):
    run = make_run(app, FIRST, [("a", ONE, Decimal(1), None)])
    roll_up_day(app.pk, FIRST)
    run.usage.update(cost_usd=Decimal(2))
    mark_changed(app.pk, FIRST)
    roll_up_day(app.pk, FIRST)
    assert DailyTotal.objects.filter(dimension="project").aggregate(sum=Sum("cost_usd"))["sum"] == 2
    run.delete()
    roll_up_day(app.pk, FIRST)
    assert (DailyTotal.objects.count(), DailyUsage.objects.count()) == (0, 0)


def test_a_rolled_day_answers_from_its_sums_until_it_is_changed(app):
    make_run(app, FIRST, [("a", ONE, Decimal(1), None)])
    roll_up_day(app.pk, FIRST)
    for table in (DailyTotal, DailyUsage):
        table.objects.update(cost_usd=F("cost_usd") + 100)
    assert answered(Dimension.MODEL)["a"][6] == 101
    assert answered(Dimension.MODEL, {Dimension.AGENT: ""})["a"][6] == 101
    mark_changed(app.pk, FIRST)
    agree()
    agree({Dimension.AGENT: ""})


def test_finished_days_are_those_before_today_with_runs_and_without_clean_sums(app, secret_project, time_machine_at):
    for days in (0, 1, 5):
        make_run(app, FIRST - timedelta(days=days), [("a", ONE, Decimal(1), None)])
    make_run(secret_project, FIRST - timedelta(days=1))
    assert roll_up_finished_days() == 3
    assert roll_up_finished_days() == 0
    mark_changed(app.pk, FIRST - timedelta(days=5), FIRST)
    assert finished_days_task() == 1
    make_run(secret_project, FIRST - timedelta(days=7))
    assert changed_days_task() == 0
    assert finished_days_task() == 1
    assert not RolledDay.objects.filter(day=FIRST).exists()


@pytest.fixture
def time_machine_at(time_machine):
    time_machine.move_to("2026-03-02T12:00:00Z")


def test_a_late_report_makes_its_day_dirty_and_the_sums_true_again(owner, app):
    run = log_run(owner.caller, app, session_id="s", model="m", tokens_input=5, cost_usd=Decimal(1))
    Run.objects.update(day=FIRST)
    roll_up_day(app.pk, FIRST)
    log_run(owner.caller, app, session_id="s", cost_usd=Decimal(3))
    assert RolledDay.objects.get().is_dirty
    agree()
    assert roll_up_changed_days() == 1
    agree()
    assert run.pk == Run.objects.get().pk


def test_sums_too_large_for_a_column_stay_live_and_true(app):
    for _ in range(3):
        make_run(app, FIRST, [("a", (2**62, 0, 0, 0, 0), None, None)])
    make_run(app, FIRST + timedelta(days=1), [("a", ONE, Decimal(1), None)])
    assert roll_up_finished_days() == 1
    agree()


# --- any runs, any days rolled up ------------------------------------------------------------------------------------

NAMES = st.sampled_from(["", "x", "y"])
MODELS = st.sampled_from(["", "m1", "m2"])
COUNT = st.none() | st.integers(0, 10**9)
MONEY = st.none() | st.integers(0, 10**9).map(lambda micros: Decimal(micros) / 10**6)
IDS = st.sampled_from([None, uuid.UUID(int=1), uuid.UUID(int=2)])
USAGE = st.dictionaries(MODELS, st.tuples(st.tuples(COUNT, COUNT, COUNT, COUNT, COUNT), MONEY, MONEY), max_size=3)
RUNS = st.lists(
    st.fixed_dictionaries(
        {
            "project": st.integers(0, 1),
            "day": st.integers(-7, 6),
            "usage": USAGE,
            "told": st.fixed_dictionaries(
                {
                    "person": NAMES,
                    "agent": NAMES,
                    "machine": NAMES,
                    "prompt_id": IDS,
                    "prompt_name": NAMES,
                    "requirement_id": IDS,
                    "requirement_title": NAMES,
                }
            ),
        }
    ),
    max_size=6,
)


class RollupsEqualRows(TestCase):
    """Whatever ran, whatever of it is rolled up, changed since and rolled up again."""

    @settings(max_examples=40, deadline=None)
    @given(
        RUNS,
        st.sets(st.tuples(st.integers(0, 1), st.integers(-7, 6))),
        RUNS,
        st.sets(st.tuples(st.integers(0, 1), st.integers(-7, 6))),
        st.dictionaries(st.sampled_from([d for d in Dimension if d is not Dimension.PROJECT]), NAMES, max_size=3),
    )
    def test_they_do(self, runs, rolled, later, again, only):
        projects = [Project.objects.create(name=name) for name in ("a", "b")]
        self._add(projects, runs)
        for project, day in rolled:
            roll_up_day(projects[project].pk, FIRST + timedelta(days=day))
        self._add(projects, later)
        for project, day in again:
            roll_up_day(projects[project].pk, FIRST + timedelta(days=day))
        agree()
        agree(only)

    def _add(self, projects, runs):
        for run in runs:
            project, day = projects[run["project"]], FIRST + timedelta(days=run["day"])
            usage = [(model, *counts) for model, counts in run["usage"].items()]
            make_run(project, day, usage, **run["told"])
            mark_changed(project.pk, day)


# --- at once ---------------------------------------------------------------------------------------------------------

WRITERS = 4
CHANGES = 25
DAYS = 4


@pytest.mark.django_db(transaction=True)
def test_sums_stay_true_while_runs_of_rolled_days_change(transactional_db):
    project = Project.objects.create(name="busy")
    runs = [
        make_run(project, FIRST + timedelta(days=n % DAYS), [("m", ONE, Decimal(1), Decimal(0))], agent=str(n % 3))
        for n in range(12)
    ]
    done = threading.Event()
    failures: list[BaseException] = []

    def guarded(work):
        def run():
            try:
                work()
            except BaseException as error:
                failures.append(error)
            finally:
                connections.close_all()

        return threading.Thread(target=run)

    def write(seed):
        draw = random.Random(seed)
        for _ in range(CHANGES):
            with transaction.atomic():
                run = Run.objects.select_for_update().get(pk=draw.choice(runs).pk)
                before, run.day = run.day, FIRST + timedelta(days=draw.randrange(DAYS))
                # Whole dollars moved from tokens to cost: each state that is committed has cost = input tokens.
                more = draw.randint(1, 9)
                RunUsage.objects.filter(run=run).update(
                    cost_usd=F("cost_usd") + more, tokens_input=F("tokens_input") + more
                )
                run.save()
                mark_changed(project.pk, before, run.day)

    def roll():
        while not done.is_set():
            for day in range(DAYS):
                roll_up_day(project.pk, FIRST + timedelta(days=day))

    def read():
        # Each run began with one dollar and one input token, and every change adds to both alike.
        while not done.is_set():
            for group in (Dimension.AGENT, Dimension.PROJECT):
                total = cost_report(EVERYBODY, CostFilters(FIRST, FIRST + timedelta(days=6), group=group)).total
                assert (total.runs, total.cost_usd) == (12, total.tokens_input)

    writers = [guarded(lambda seed=seed: write(seed)) for seed in range(WRITERS)]
    others = [guarded(roll), guarded(read)]
    for thread in [*others, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in others:
        thread.join()
    assert failures == []
    agree()
    roll_up_finished_days()
    assert not RolledDay.objects.filter(is_dirty=True).exists()
    agree()


@pytest.mark.django_db(transaction=True)
def test_a_roll_up_waits_for_a_change_that_is_under_way(transactional_db):
    project = Project.objects.create(name="busy")
    run = make_run(project, FIRST, [("m", ONE, Decimal(1), None)])
    roll_up_day(project.pk, FIRST)
    changed, may_commit = threading.Event(), threading.Event()

    def change():
        with transaction.atomic():
            mark_changed(project.pk, FIRST)
            RunUsage.objects.filter(run=run).update(cost_usd=Decimal(7))
            changed.set()
            may_commit.wait(10)
        connections.close_all()

    def roll():
        rollups.roll_up_day(project.pk, FIRST)
        connections.close_all()

    writer, roller = threading.Thread(target=change), threading.Thread(target=roll)
    writer.start()
    assert changed.wait(10)
    roller.start()
    roller.join(0.5)
    assert roller.is_alive()
    may_commit.set()
    writer.join(10)
    roller.join(10)
    assert not RolledDay.objects.get().is_dirty
    assert cost_report(system_caller("t"), CostFilters(FIRST, FIRST)).total.cost_usd == 7
