"""Importing past sessions: each once, updated when it has grown, refused in words."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from access.errors import Forbidden, Invalid
from access.models import Project
from access.roles import Role
from runs.importing import Result, Tally, import_sessions
from runs.models import Run, RunEvent, RunUsage
from runs.recording import heartbeat_run, log_run, start_run
from runs.tokens import TokenCounts
from runs.transcripts import Session
from tests.conftest import make_person

STARTED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SESSION = Session(
    agent="claude-code",
    session_id="s1",
    started_at=STARTED,
    last_at=STARTED + timedelta(minutes=10),
    cwd="/nowhere/ana/app",
    branch="main",
    first_prompt="make it faster",
    files_modified=("a.py",),
    usage={"claude-sonnet-4-5": TokenCounts(1000, 200, 10_000, 50, 400), "claude-opus-4-5": TokenCounts(10, 20)},
    lines=9,
)
# Of the price list: 3, 15, 0.30, 3.75 and 6 dollars a million for Sonnet 4.5; 5 and 25 for Opus 4.5.
COST = Decimal("0.011588") + Decimal("0.000550")
GROWN = replace(
    SESSION,
    last_at=STARTED + timedelta(minutes=20),
    usage={**SESSION.usage, "claude-opus-4-5": TokenCounts(20, 30)},
    files_modified=("b.py",),
)


def imported(caller, *sessions: Session, **options):
    return [(one.result, one.reason or one.project) for one in import_sessions(caller, sessions, **options)]


def test_a_session_becomes_a_run_of_its_own_day(collaborator, app):
    (one,) = import_sessions(collaborator.caller, [SESSION], machine="laptop")
    assert (one.result, one.project, one.cost_usd, one.without_price) == (Result.NEW, "app", COST, ())
    run = Run.objects.get()
    assert (run.project, run.session_id, run.agent, run.machine, run.cwd, run.branch) == (
        app,
        "s1",
        "claude-code",
        "laptop",
        "/nowhere/ana/app",
        "main",
    )
    assert (run.person, run.member, run.model, run.status) == (
        "carl",
        collaborator.member,
        "claude-sonnet-4-5",
        "success",
    )
    assert (run.started_at, run.finished_at, run.day, run.duration_s) == (
        STARTED,
        SESSION.last_at,
        date(2026, 3, 2),
        600.0,
    )
    assert (run.output_summary, run.files_modified) == ("make it faster", ["a.py"])
    assert TokenCounts.of(run) == SESSION.tokens
    assert (run.cost_usd, run.cost_source) == (COST, "computed")
    assert {row.model: TokenCounts.of(row) for row in run.usage.all()} == SESSION.usage


def test_again_changes_nothing_and_what_has_grown_is_updated(collaborator, app):
    assert imported(collaborator.caller, SESSION) == [(Result.NEW, "app")]
    before = (Run.objects.values().get(), list(RunEvent.objects.values()), list(RunUsage.objects.values()))
    assert imported(collaborator.caller, SESSION, project_name="app") == [(Result.UNCHANGED, "app")]
    # The same end, but other numbers: only a file that has grown is news.
    assert imported(collaborator.caller, replace(GROWN, last_at=SESSION.last_at)) == [(Result.UNCHANGED, "app")]
    assert before == (Run.objects.values().get(), list(RunEvent.objects.values()), list(RunUsage.objects.values()))
    assert imported(collaborator.caller, GROWN) == [(Result.UPDATED, "app")]
    run = Run.objects.get()
    assert (TokenCounts.of(run), run.finished_at, run.duration_s) == (GROWN.tokens, GROWN.last_at, 1200.0)
    assert (run.started_at, run.files_modified) == (STARTED, ["a.py", "b.py"])
    assert imported(collaborator.caller, GROWN, SESSION) == [(Result.UNCHANGED, "app"), (Result.UNCHANGED, "app")]


def test_a_session_stays_in_the_project_it_was_recorded_in(owner, app, secret_project):
    log_run(owner.caller, secret_project, session_id="s1", at=SESSION.last_at + timedelta(seconds=1), status="failed")
    assert imported(owner.caller, SESSION, project_name="app") == [(Result.UPDATED, "skunkworks")]
    run = Run.objects.get()
    assert (run.status, run.output_summary, TokenCounts.of(run)) == ("failed", "make it faster", SESSION.tokens)
    assert imported(owner.caller, SESSION) == [(Result.UNCHANGED, "skunkworks")]


def test_what_an_agent_reported_is_neither_lowered_nor_doubled_under_another_spelling(collaborator, app):
    log_run(
        collaborator.caller,
        app,
        session_id="s1",
        model="Claude-Sonnet-4-5[1m]",
        tokens_input=500,
        tokens_output=300,
        at=SESSION.last_at + timedelta(seconds=2),
        output_summary="told by the agent",
    )
    assert imported(collaborator.caller, SESSION) == [(Result.UPDATED, "app")]
    run = Run.objects.get()
    assert run.output_summary == "told by the agent"
    assert {row.model: TokenCounts.of(row) for row in run.usage.all()} == {
        "Claude-Sonnet-4-5[1m]": TokenCounts(1000, 300, 10_000, 50, 400),
        "claude-opus-4-5": TokenCounts(10, 20),
    }
    assert imported(collaborator.caller, SESSION) == [(Result.UNCHANGED, "app")]


def test_a_session_that_runs_is_brought_up_to_date_and_goes_on(collaborator, app):
    now = timezone.now()
    start_run(collaborator.caller, app, session_id="s1", at=now - timedelta(seconds=60))
    live = replace(SESSION, started_at=now - timedelta(seconds=50), last_at=now - timedelta(seconds=1))
    assert imported(collaborator.caller, live) == [(Result.UPDATED, "app")]
    run = Run.objects.get()
    assert (run.finished_at, run.status, TokenCounts.of(run)) == (None, "running", SESSION.tokens)
    assert imported(collaborator.caller, live) == [(Result.UNCHANGED, "app")]


def test_a_session_that_fell_silent_is_ended(collaborator, app):
    heartbeat_run(collaborator.caller, app, session_id="s1", at=STARTED)
    assert imported(collaborator.caller, SESSION) == [(Result.UPDATED, "app")]
    assert Run.objects.get().finished_at == SESSION.last_at
    assert imported(collaborator.caller, SESSION) == [(Result.UNCHANGED, "app")]


def test_a_dry_run_reckons_everything_and_keeps_nothing(owner):
    (one,) = import_sessions(owner.caller, [SESSION], dry_run=True)
    assert (one.result, one.project, one.cost_usd) == (Result.NEW, "app", COST)
    assert (Run.objects.count(), RunUsage.objects.count(), Project.objects.filter(name="app").count()) == (0, 0, 0)


def test_projects_are_made_for_who_may_and_refused_in_words_to_others(owner, collaborator, stranger, app):
    elsewhere = replace(SESSION, cwd="/nowhere/lab")
    assert imported(collaborator.caller, elsewhere, SESSION) == [
        (Result.SKIPPED, "carl does not reach the project lab"),
        (Result.NEW, "app"),
    ]
    assert imported(owner.caller, replace(elsewhere, session_id="s2")) == [(Result.NEW, "lab")]
    assert imported(stranger.caller, SESSION, GROWN) == [(Result.SKIPPED, "recorded by somebody else already")] * 2
    assert Run.objects.filter(session_id="s1").get().person == "carl"


def test_a_session_of_somebody_else_is_left_alone(owner, collaborator, app):
    assert imported(collaborator.caller, SESSION) == [(Result.NEW, "app")]
    assert imported(owner.caller, GROWN) == [(Result.SKIPPED, "recorded by somebody else already")]
    assert TokenCounts.of(Run.objects.get()) == SESSION.tokens


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"lines": 0}, "nothing in it that is known here"),
        ({"last_at": None}, "nothing in it that is known here"),
        ({"session_id": ""}, "no session named"),
        ({"usage": {}}, "no tokens used"),
        ({"usage": {"m": TokenCounts(0, 0)}}, "no tokens used"),
        ({"last_at": STARTED - timedelta(seconds=1)}, "ended before 2026-03-02"),
        ({"last_at": datetime(2190, 1, 1, tzinfo=UTC)}, "ends in the future by this portal's clock"),
        ({"cwd": ""}, "no directory told; name a project with --project"),
        ({"usage": {"m": TokenCounts(2**53), "n": TokenCounts(2**53 + 1)}}, None),
        ({"session_id": "s" * 201}, None),
    ],
)
def test_what_cannot_be_recorded_is_skipped_in_words(owner, change, reason):
    ((result, told),) = imported(owner.caller, replace(SESSION, **change), since=STARTED)
    assert result is Result.SKIPPED
    assert told == reason if reason else "limit" in told or "between 0 and" in told
    assert Run.objects.count() == 0


def test_a_caller_who_may_record_nothing_and_an_impossible_project_are_refused_at_once(app, owner):
    guest = make_person("gil", Role.GUEST, app)
    with pytest.raises(Forbidden):
        imported(guest.caller, SESSION)
    with pytest.raises(Invalid, match="A project name"):
        imported(owner.caller, SESSION, project_name="*")


def test_secrets_are_masked_and_what_is_too_long_is_cut(collaborator, app):
    prompt = "deploy with ghp_" + "a1B2" * 9
    long = replace(SESSION, first_prompt=prompt, branch="b" * 300, cwd="/nowhere/" + "d/" * 600 + "app")
    assert imported(collaborator.caller, replace(long, files_modified=("x" * 1001, "ok.py"))) == [(Result.NEW, "app")]
    run = Run.objects.get()
    assert run.output_summary == "deploy with [masked: github token]"
    assert (run.branch, len(run.cwd), run.files_modified) == ("b" * 200, 1000, ["ok.py"])


def test_the_tally_adds_up(owner):
    other = replace(SESSION, session_id="s2", usage={"mystery-9": TokenCounts(7, 3)}, broken_lines=2)
    tally = Tally()
    for one in import_sessions(owner.caller, [SESSION, other, SESSION, replace(SESSION, session_id="")]):
        tally.add(one)
    assert tally.results == {Result.NEW: 2, Result.UPDATED: 0, Result.UNCHANGED: 1, Result.SKIPPED: 1}
    assert (tally.sessions, tally.reasons) == (4, {"no session named": 1})
    assert (tally.projects, tally.cost_usd, tally.without_price) == ({"app": 3}, 2 * COST, {"mystery-9": 10})
    assert tally.tokens == SESSION.tokens + SESSION.tokens + TokenCounts(7, 3)
    assert (tally.lines, tally.broken_lines) == (36, 2)
