"""What becomes of a run: started, seen, silent, back, ended; with words that come late, twice and in any order."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest
import time_machine
from django.utils import timezone

from access.errors import Conflict, Invalid, NotFound
from runs.models import CostSource, EventKind, Run, RunUsage
from runs.recording import ModelTokens, heartbeat_run, log_run, start_run
from runs.tokens import TokenCounts
from tests.conftest import make_person

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


@pytest.fixture
def clock():
    """Noon of a day; `clock.move_to` goes on."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def timeline(run: Run) -> list[tuple[str, str]]:
    return list(run.events.values_list("kind", "text"))


def test_a_run_from_start_to_end(clock, collaborator, app):
    run = start_run(collaborator.caller, app, session_id="s", agent="codex", step="Reading")
    clock.move_to(minutes(1))
    heartbeat_run(collaborator.caller, app, run_id=run.pk, step="Writing")
    heartbeat_run(collaborator.caller, app, session_id="s", step="Writing")
    clock.move_to(minutes(3))
    log_run(collaborator.caller, app, session_id="s", status="failed", output_summary="No disk.")
    kept = Run.objects.get()
    assert (kept.pk, kept.status, kept.started_at, kept.last_seen_at, kept.finished_at) == (
        run.pk,
        "failed",
        NOON,
        minutes(3),
        minutes(3),
    )
    assert kept.elapsed() == timedelta(minutes=3)
    assert timeline(kept) == [("started", "Reading"), ("step", "Writing"), ("finished", "failed")]


def test_silence_makes_a_run_stale_and_a_word_brings_it_back(clock, collaborator, app, settings):
    settings.RUN_STALE_SECONDS = 600
    run = start_run(collaborator.caller, app, session_id="s")
    clock.move_to(minutes(10))
    assert Run.objects.get().is_stale() is False
    clock.move_to(minutes(10.1))
    assert (Run.objects.get().is_stale(), Run.objects.active().count()) == (True, 1)
    heartbeat_run(collaborator.caller, app, run_id=run.pk)
    assert (Run.objects.get().is_stale(), timeline(run)) == (False, [("started", ""), ("resumed", "")])


def test_a_session_that_goes_on_after_its_end_is_the_same_run(clock, collaborator, app):
    log_run(collaborator.caller, app, session_id="s", duration_s=60)
    clock.move_to(minutes(5))
    run = start_run(collaborator.caller, app, session_id="s")
    assert (run.finished_at, run.status, run.duration_s, Run.objects.count()) == (None, "running", None, 1)
    clock.move_to(minutes(9))
    log_run(collaborator.caller, app, session_id="s")
    assert Run.objects.get().elapsed() == timedelta(minutes=10)


def test_a_report_without_a_start_began_its_duration_ago(clock, collaborator, app):
    log_run(collaborator.caller, app, duration_s=90)
    assert (Run.objects.get().started_at, Run.objects.get().elapsed()) == (minutes(-1.5), timedelta(seconds=90))


WORDS = (
    lambda person, app: start_run(person, app, session_id="s", at=minutes(0), branch="main", step="Reading"),
    lambda person, app: heartbeat_run(
        person, app, session_id="s", at=minutes(2), step="Testing", model="claude-haiku-4-5", tokens_input=100
    ),
    lambda person, app: heartbeat_run(
        person, app, session_id="s", at=minutes(4), step="Tidying", model="claude-haiku-4-5", tokens_input=700
    ),
    lambda person, app: log_run(
        person,
        app,
        session_id="s",
        at=minutes(6),
        status="success",
        model="claude-haiku-4-5",
        tokens_input=1000,
        tokens_output=200,
    ),
)


@pytest.mark.parametrize("order", list(permutations(range(len(WORDS)))))
def test_words_in_any_order_settle_to_the_same_run(clock, collaborator, app, order):
    clock.move_to(minutes(7))
    for place in order:
        WORDS[place](collaborator.caller, app)
    run = Run.objects.get()
    assert (run.started_at, run.last_seen_at, run.finished_at) == (minutes(0), minutes(6), minutes(6))
    assert (run.status, run.branch, run.step, run.model) == ("success", "main", "Tidying", "claude-haiku-4-5")
    # 1,000 at 1 dollar a million and 200 at 5
    assert (run.tokens_input, run.tokens_output, run.cost_usd) == (1000, 200, Decimal("0.002"))
    assert run.elapsed() == timedelta(minutes=6)


def test_words_that_come_twice_change_nothing(clock, collaborator, app):
    clock.move_to(minutes(7))
    for word in WORDS:
        word(collaborator.caller, app)
    once = Run.objects.values().get()
    for word in WORDS:
        word(collaborator.caller, app)
    assert Run.objects.values().get() == once


def test_a_late_sign_of_life_reopens_nothing(clock, collaborator, app):
    run = log_run(collaborator.caller, app, session_id="s", model="claude-haiku-4-5", tokens_input=1000)
    clock.move_to(minutes(1))
    heartbeat_run(collaborator.caller, app, session_id="s", at=minutes(-1), model="claude-haiku-4-5", tokens_input=10)
    run.refresh_from_db()
    assert (run.finished_at, run.status, run.tokens_input) == (NOON, "success", 1000)


def test_a_day_is_the_one_it_started_on_in_the_zone_of_the_costs(clock, collaborator, app, settings):
    settings.COST_TIME_ZONE = "Pacific/Auckland"
    run = start_run(collaborator.caller, app, session_id="s")
    assert str(run.day) == "2026-11-21"
    run = start_run(collaborator.caller, app, session_id="s", at=NOON - timedelta(hours=2))
    assert str(run.day) == "2026-11-20"


def test_what_cannot_be_is_refused_and_changes_nothing(clock, collaborator, stranger, app):
    run = start_run(collaborator.caller, app, session_id="s")
    cora = make_person("cora", "collaborator", app)
    for error, call in (
        (Invalid, lambda: heartbeat_run(collaborator.caller, app)),
        (Invalid, lambda: heartbeat_run(collaborator.caller, app, session_id="s", tokens_input=-1)),
        (Invalid, lambda: heartbeat_run(collaborator.caller, app, session_id="s", at=timezone.make_naive(NOON))),
        (Invalid, lambda: heartbeat_run(collaborator.caller, app, session_id="s", at=minutes(60))),
        (Conflict, lambda: heartbeat_run(cora.caller, app, session_id="s")),
        (Conflict, lambda: log_run(cora.caller, app, run_id=run.pk)),
        (Conflict, lambda: start_run(cora.caller, app, session_id="s")),
    ):
        before = Run.objects.values().get()
        with pytest.raises(error):
            call()
        assert (Run.objects.values().get(), run.events.count()) == (before, 1)


# --- tokens and costs ------------------------------------------------------------------------------------------------


def test_models_are_counted_apart_and_add_up(clock, collaborator, app):
    usage = [
        ModelTokens("claude-sonnet-4-5", TokenCounts(1_000_000, 100_000, 2_000_000, 0, 100_000)),
        ModelTokens("claude-haiku-4-5", TokenCounts(500_000, 10_000)),
    ]
    run = log_run(collaborator.caller, app, session_id="s", usage=usage)
    # 3 + 1.5 + 0.6 + 0.6 and 0.5 + 0.05
    assert {row.model: row.cost_usd for row in run.usage.all()} == {
        "claude-sonnet-4-5": Decimal("5.7"),
        "claude-haiku-4-5": Decimal("0.55"),
    }
    assert (run.cost_usd, run.cost_source, run.model) == (
        Decimal("6.25"),
        CostSource.COMPUTED,
        "claude-sonnet-4-5",
    )
    assert run.tokens_input == 1_500_000
    assert {row.price_version for row in run.usage.all()} == {1}


def test_an_unknown_model_has_no_price_and_its_tokens_still_count(collaborator, app):
    run = log_run(collaborator.caller, app, model="made-up-9000", tokens_input=7)
    assert (run.cost_usd, run.cost_source, run.tokens_input) == (None, CostSource.NO_PRICE, 7)
    silent = log_run(collaborator.caller, app, model="claude-haiku-4-5")
    assert (silent.cost_usd, silent.cost_source, silent.model) == (None, CostSource.NO_TOKENS, "claude-haiku-4-5")


def test_a_reported_cost_counts_and_the_computed_one_stands_beside_it(collaborator, app):
    usage = [
        ModelTokens("claude-haiku-4-5", TokenCounts(1_000_000)),
        ModelTokens("claude-sonnet-4-5", TokenCounts(1_000_000)),
        ModelTokens("made-up-9000", TokenCounts(5)),
    ]
    run = log_run(collaborator.caller, app, session_id="s", usage=usage, cost_usd=Decimal("5"))
    assert (run.cost_usd, run.cost_source, run.reported_cost_usd, run.computed_cost_usd) == (5, "reported", 5, 4)
    assert {row.model: row.cost_usd for row in run.usage.all()} == {
        "claude-haiku-4-5": Decimal("1.25"),
        "claude-sonnet-4-5": Decimal("3.75"),
        "made-up-9000": Decimal(0),
    }


def test_parts_of_a_reported_cost_add_up_to_it(collaborator, app):
    usage = [ModelTokens(f"made-up-{number}", TokenCounts(1)) for number in range(3)]
    run = log_run(collaborator.caller, app, usage=usage, cost_usd=Decimal("0.1"))
    assert sum(row.cost_usd for row in run.usage.all()) == Decimal("0.1")
    lone = log_run(collaborator.caller, app, cost_usd=Decimal("0.3"), model="made-up-9000")
    assert [(row.model, row.cost_usd) for row in lone.usage.all()] == [("made-up-9000", Decimal("0.3"))]


def test_a_model_that_becomes_known_late_takes_what_was_counted(collaborator, app):
    heartbeat_run(collaborator.caller, app, session_id="s", tokens_input=10)
    assert RunUsage.objects.values_list("model", "tokens_input").get() == ("", 10)
    heartbeat_run(collaborator.caller, app, session_id="s", model="claude-haiku-4-5", tokens_input=1_000_000)
    assert RunUsage.objects.values_list("model", "tokens_input").get() == ("claude-haiku-4-5", 1_000_000)
    assert Run.objects.get().cost_usd == Decimal(1)


def test_a_run_out_of_sight_is_not_found(collaborator, stranger, secret_project, app):
    run = start_run(collaborator.caller, app, session_id="s")
    with pytest.raises(NotFound, match="Run not found"):
        heartbeat_run(stranger.caller, secret_project, run_id=run.pk)


def test_secrets_in_steps_and_paths_are_masked(collaborator, app):
    secret = "sk-" + "a1B2c3D4" * 5
    run = start_run(collaborator.caller, app, step=f"export KEY {secret}", cwd=f"/tmp/{secret}")
    run.refresh_from_db()
    assert secret not in run.step + run.cwd + run.events.get().text
    assert run.events.get().kind == EventKind.STARTED
