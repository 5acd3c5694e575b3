"""What runs and what ran: within scope, bound by what is asked, with people's names for admins only."""

import uuid
from datetime import date, timedelta

import pytest
from django.utils import timezone

from access.errors import Forbidden, NotFound
from access.roles import Role
from runs.board import RUNS_FOR_CHOICES, HistoryBounds, active_runs, ended_runs, history_choices
from runs.drift import drift_of
from runs.models import Run
from runs.reading import own_run
from runs.recording import log_run, start_run
from tests.conftest import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def runs(owner, collaborator, app, secret_project):
    """Two that run and three that ended, by name."""
    now = timezone.now()
    return {
        "live": start_run(collaborator.caller, app, agent="codex", session_id="live", at=now - timedelta(minutes=5)),
        "hidden live": start_run(owner.caller, secret_project, agent="claude-code", session_id="s1"),
        "export": log_run(
            collaborator.caller, app, agent="codex", model="m1", machine="box", branch="csv-export", session_id="s2",
            duration_s=60.0, tokens_input=10, tokens_cache_read=5, prompt_id=uuid.UUID(int=1), prompt_name="Release",
        ),
        "failed": log_run(
            owner.caller, app, agent="claude-code", model="m2", status="failed", requirement_id=uuid.UUID(int=2),
            output_summary="It fell over 100% of the time.", at=now - timedelta(days=3),
        ),
        "hidden": log_run(owner.caller, secret_project, agent="gemini", model="m3", session_id="s3"),
    }  # fmt: skip


def names(runs, found):
    return {name for name, run in runs.items() if run.pk in {row.pk for row in found}}


def test_each_sees_the_runs_of_their_scope(owner, collaborator, stranger, runs):
    seen = {
        person.member.username: (names(runs, active_runs(person.caller)), names(runs, ended_runs(person.caller)))
        for person in (owner, collaborator, stranger)
    }
    assert seen == {
        "olga": ({"live", "hidden live"}, {"export", "failed", "hidden"}),
        "carl": ({"live"}, {"export", "failed"}),
        "sven": ({"hidden live"}, {"hidden"}),
    }


def test_a_project_bounds_both(owner, collaborator, app, secret_project, runs):
    assert names(runs, ended_runs(owner.caller, [app.pk])) == {"export", "failed"}
    assert names(runs, active_runs(owner.caller, [app.pk])) == {"live"}
    assert names(runs, ended_runs(collaborator.caller, [secret_project.pk])) == set()


@pytest.mark.parametrize(
    ("bounds", "found"),
    [
        ({}, {"export", "failed", "hidden"}),
        ({"agent": "codex"}, {"export"}),
        ({"agent": "cod"}, set()),
        ({"person": "carl"}, {"export"}),
        ({"model": "m2"}, {"failed"}),
        ({"machine": "box"}, {"export"}),
        ({"status": "success"}, {"export", "hidden"}),
        ({"prompt_id": uuid.UUID(int=1)}, {"export"}),
        ({"requirement_id": uuid.UUID(int=2)}, {"failed"}),
        ({"text": "CSV"}, {"export"}),
        ({"text": "release csv"}, {"export"}),
        ({"text": "release fell"}, set()),
        ({"text": "100%"}, {"failed"}),
        ({"text": "%"}, {"failed"}),
        ({"text": "s_"}, set()),
        ({"agent": "codex", "status": "failed"}, set()),
    ],
)
def test_bounds_find_what_they_say(owner, runs, bounds, found):
    assert names(runs, ended_runs(owner.caller, None, HistoryBounds(**bounds))) == found


def test_days_bound_by_the_day_that_a_run_started_on_both_included(owner, runs):
    day = runs["failed"].day
    for since, until, found in (
        (day, day, {"failed"}),
        (day + timedelta(days=1), None, {"export", "hidden"}),
        (None, day - timedelta(days=1), set()),
        (date(2020, 1, 1), None, {"export", "failed", "hidden"}),
    ):
        bounds = HistoryBounds(since=since, until=until)
        assert names(runs, ended_runs(owner.caller, None, bounds)) == found


def test_only_admins_bound_by_person(collaborator, stranger, app, runs):
    with pytest.raises(Forbidden):
        ended_runs(collaborator.caller, None, HistoryBounds(person="carl"))
    assert names(runs, ended_runs(stranger.caller, None, HistoryBounds(person="olga"))) == {"hidden"}


def test_runs_are_sized_by_what_was_told(owner, runs):
    sizes = {row.pk: (row.seconds, row.tokens_total) for row in ended_runs(owner.caller)}
    assert sizes[runs["export"].pk] == (60.0, 15)
    assert sizes[runs["failed"].pk] == (0.0, None)


def test_choices_are_those_of_the_newest_runs_in_scope(owner, collaborator, stranger, app, runs):
    offered = {person.member.username: history_choices(person.caller) for person in (owner, collaborator, stranger)}
    assert {name: (found.agents, found.people, found.models, found.statuses) for name, found in offered.items()} == {
        "olga": (
            ["claude-code", "codex", "gemini"], ["carl", "olga"], ["m1", "m2", "m3"], ["failed", "running", "success"],
        ),
        "carl": (["claude-code", "codex"], [], ["m1", "m2"], ["failed", "running", "success"]),
        "sven": (["claude-code", "gemini"], ["olga"], ["m3"], ["running", "success"]),
    }  # fmt: skip
    assert history_choices(owner.caller, []).agents == []
    assert Run.objects.count() < RUNS_FOR_CHOICES


def test_one_s_own_run_is_found_by_id_or_session_and_no_other(owner, collaborator, stranger, app, runs):
    live = runs["live"]
    assert own_run(collaborator.caller, live.pk) == own_run(collaborator.caller, None, " live ") == live
    assert own_run(collaborator.caller, None, "") is None
    assert own_run(collaborator.caller, None, "unheard of") is None
    for person in (owner, stranger):
        assert own_run(person.caller, None, "live") is None
        with pytest.raises(NotFound, match="^Run not found$"):
            own_run(person.caller, live.pk)


def test_a_colleague_s_run_of_the_same_project_is_not_one_s_own(app, runs):
    colleague = make_person("cora", Role.COLLABORATOR, app)
    assert own_run(colleague.caller, None, "live") is None


@pytest.mark.parametrize(
    ("reported", "computed", "usd", "percent"),
    [(None, 1, None, None), (1, None, None, None), (3, 2, 1, 50), (1, 2, -1, -50), (1, 0, 1, None)],
)
def test_drift_is_reported_less_computed(reported, computed, usd, percent):
    drift = drift_of(Run(reported_cost_usd=reported, computed_cost_usd=computed))
    assert (drift.usd, drift.percent) == (usd, percent) if usd is not None else drift is None
