"""Runs as they are reported: once per session, by their own person, with what is unknown left unknown."""

import threading
import uuid
from decimal import Decimal

import pytest
from django.db import connection, connections
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from access.callers import Caller, caller_for_token
from access.errors import Conflict, Forbidden, Invalid, NotFound, OutOfScope
from access.models import Project
from access.roles import Role
from access.tokens import make_token, rotate_token
from runs.models import PromptPickup, Run
from runs.recording import CHANGES_AT_MOST, add_changes, log_run, pick_up_prompt


def test_a_report_is_kept_and_what_it_does_not_tell_stays_unknown(collaborator, app):
    run = log_run(
        collaborator.caller,
        app,
        runner="ci",
        output_summary="done",
        tokens_input=0,
        files_modified=["a.py", "a.py", "b.py"],
    )
    kept = Run.objects.get()
    assert (kept.pk, kept.project, kept.runner, kept.status, kept.output_summary) == (
        run.pk,
        app,
        "ci",
        "success",
        "done",
    )
    assert (kept.tokens_input, kept.tokens_output, kept.cost_usd, kept.duration_s, kept.prompt_id) == (
        0,
        None,
        None,
        None,
        None,
    )
    assert kept.files_modified == ["a.py", "b.py"]
    assert (kept.token, kept.member, kept.reported_by) == (collaborator.token, collaborator.member, "carl")


def test_two_reports_without_a_session_are_two_runs(collaborator, app):
    assert log_run(collaborator.caller, app).pk != log_run(collaborator.caller, app).pk


def test_the_same_session_twice_is_one_run_that_keeps_what_the_second_leaves_out(collaborator, app):
    first = log_run(collaborator.caller, app, session_id="s1", model="m", tokens_input=5, cost_usd=Decimal("0.1234567"))
    second = log_run(collaborator.caller, app, session_id=" s1 ", status="failed", tokens_output=7)
    kept = Run.objects.get()
    assert first.pk == second.pk == kept.pk
    assert (kept.model, kept.tokens_input, kept.tokens_output, kept.status) == ("m", 5, 7, "failed")
    assert kept.cost_usd == Decimal("0.123457")


def test_the_same_session_id_in_two_projects_is_two_runs(owner, app, secret_project):
    assert log_run(owner.caller, app, session_id="s").pk != log_run(owner.caller, secret_project, session_id="s").pk


def test_a_run_is_finished_by_its_id_and_takes_a_session(collaborator, app):
    run = log_run(collaborator.caller, app, status="started")
    assert log_run(collaborator.caller, app, run_id=run.pk, session_id="s", status="success").pk == run.pk
    assert Run.objects.values_list("session_id", "status").get() == ("s", "success")
    other = log_run(collaborator.caller, app)
    with pytest.raises(Conflict, match="The session 's' belongs to another run"):
        log_run(collaborator.caller, app, run_id=other.pk, session_id="s")


def test_a_run_out_of_sight_or_of_another_project_is_not_found(owner, stranger, collaborator, app, secret_project):
    run = log_run(collaborator.caller, app)
    for caller, project, run_id in (
        (stranger.caller, secret_project, run.pk),
        (owner.caller, secret_project, run.pk),
        (owner.caller, app, uuid.uuid4()),
    ):
        with pytest.raises(NotFound, match="^Run not found$"):
            log_run(caller, project, run_id=run_id, status="failed")
    assert Run.objects.values_list("status", flat=True).get() == "success"


def test_a_project_out_of_scope_is_refused(stranger, app):
    with pytest.raises(OutOfScope):
        log_run(stranger.caller, app)
    with pytest.raises(OutOfScope):
        pick_up_prompt(stranger.caller, app, "ci", uuid.uuid4(), "p")
    assert (Run.objects.count(), PromptPickup.objects.count()) == (0, 0)


def test_a_guest_records_nothing(app):
    guest = Caller(name="g", role=Role.GUEST, project_ids=None)
    with pytest.raises(Forbidden):
        log_run(guest, app)
    pick_up_prompt(guest, app, "ci", uuid.uuid4(), "p")
    assert (Run.objects.count(), PromptPickup.objects.count()) == (0, 0)


def test_a_session_of_another_person_is_refused_in_words(owner, collaborator, app):
    log_run(collaborator.caller, app, session_id="s", status="success")
    with pytest.raises(Conflict) as refused:
        log_run(owner.caller, app, session_id="s", status="failed")
    assert refused.value.fields() == {
        "error": "The session 's' was reported by somebody else.",
        "hint": "Report your own session under an id of its own.",
    }
    assert Run.objects.values_list("status", flat=True).get() == "success"


def test_a_rotated_token_goes_on_with_its_sessions(owner, app):
    new = make_token(owner.caller, "bot", Role.COLLABORATOR, project_names=["app"])
    run = log_run(caller_for_token(new.row), app, session_id="s")
    rotated = rotate_token(owner.caller, new.row)
    assert log_run(caller_for_token(rotated.row), app, session_id="s").pk == run.pk


def test_commits_and_pull_requests_are_kept_once_and_added_to(owner, collaborator, stranger, app):
    run = log_run(collaborator.caller, app, commits=["4fe21c0" * 5, " 4fe21c0" * 1], pull_requests=["#7", "#7", " "])
    assert (run.commits, run.pull_requests) == (["4fe21c0" * 5, "4fe21c0"], ["#7"])
    add_changes(collaborator.caller, run, commits=["4fe21c0", "b"], pull_requests=["https://git.example/pulls/8"])
    run.refresh_from_db()
    assert run.commits == ["4fe21c0" * 5, "4fe21c0", "b"]
    assert run.pull_requests == ["#7", "https://git.example/pulls/8"]
    with pytest.raises(Conflict):
        add_changes(owner.caller, run, commits=["c"])
    with pytest.raises(NotFound):
        add_changes(stranger.caller, run, commits=["c"])
    with pytest.raises(Invalid):
        add_changes(collaborator.caller, run, commits=[str(number) for number in range(CHANGES_AT_MOST)])
    run.refresh_from_db()
    assert len(run.commits) == 3


def test_secrets_are_masked(collaborator, app):
    run = log_run(
        collaborator.caller, app, output_summary="set API_KEY=abc123", files_modified=["/home/ana/.ssh/id_rsa"]
    )
    run.refresh_from_db()
    assert (run.output_summary, run.files_modified) == ("set API_KEY=[masked: key]", ["[masked: private key path]"])


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"tokens_input": -1}, "tokens_input"),
        ({"tokens_output": 2**63}, "tokens_output"),
        ({"cost_usd": Decimal("-0.01")}, "cost_usd"),
        ({"cost_usd": Decimal("NaN")}, "cost_usd"),
        ({"cost_usd": Decimal("Infinity")}, "cost_usd"),
        ({"cost_usd": Decimal("1e8")}, "cost_usd"),
        ({"duration_s": float("nan")}, "duration_s"),
        ({"duration_s": -1.0}, "duration_s"),
        ({"runner": "x" * 201}, "runner"),
        ({"session_id": "a\x00b"}, "session_id"),
        ({"files_modified": ["x" * 1001]}, "files_modified"),
        ({"status": "x" * 41}, "status"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words_and_changes_nothing(collaborator, app, told, field):
    with pytest.raises(Invalid) as refused:
        log_run(collaborator.caller, app, **told)
    assert list(refused.value.extra["fields"]) == [field]
    assert Run.objects.count() == 0


def test_the_runners_next_report_in_the_project_is_linked_to_the_prompt_once(owner, app, secret_project):
    prompt = uuid.uuid4()
    pick_up_prompt(owner.caller, app, "ci", prompt, "Release")
    assert log_run(owner.caller, app, runner="other").prompt_id is None
    assert log_run(owner.caller, secret_project, runner="ci").prompt_id is None
    assert log_run(owner.caller, app).prompt_id is None
    linked = log_run(owner.caller, app, runner="ci")
    assert (linked.prompt_id, linked.prompt_name, linked.prompt_pickup.prompt_id) == (prompt, "Release", prompt)
    assert log_run(owner.caller, app, runner="ci").prompt_id is None


def test_a_report_that_names_a_prompt_leaves_the_pickup_open(owner, app):
    picked, named = uuid.uuid4(), uuid.uuid4()
    pick_up_prompt(owner.caller, app, "ci", picked, "Release")
    assert log_run(owner.caller, app, runner="ci", prompt_id=named).prompt_id == named
    assert log_run(owner.caller, app, runner="ci", prompt_name="By name").prompt_id is None
    assert log_run(owner.caller, app, runner="ci").prompt_id == picked


def test_a_second_report_of_a_linked_session_takes_no_second_prompt(owner, app):
    first, second = uuid.uuid4(), uuid.uuid4()
    pick_up_prompt(owner.caller, app, "ci", first, "One")
    log_run(owner.caller, app, runner="ci", session_id="s")
    pick_up_prompt(owner.caller, app, "ci", second, "Two")
    assert log_run(owner.caller, app, runner="ci", session_id="s").prompt_id == first
    assert log_run(owner.caller, app, runner="ci").prompt_id == second


def test_a_prompt_fetched_long_ago_is_not_linked(owner, app, time_machine):
    time_machine.move_to("2026-01-01T00:00:00Z", tick=False)
    pick_up_prompt(owner.caller, app, "ci", uuid.uuid4(), "Old")
    time_machine.move_to("2026-01-02T00:00:01Z", tick=False)
    assert log_run(owner.caller, app, runner="ci").prompt_id is None


def at_once(count, work):
    """Run `work(i)` in so many threads that start together; answers their results and raises their errors."""
    barrier = threading.Barrier(count)
    results, errors = [], []

    def body(index):
        try:
            barrier.wait(timeout=30)
            results.append(work(index))
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=body, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert errors == []
    return results


@pytest.mark.django_db(transaction=True)
def test_many_reports_of_one_session_at_once_are_one_run():
    app = Project.objects.create(name="app")
    caller = Caller(name="bot", role=Role.COLLABORATOR, project_ids=None)
    runs = at_once(8, lambda index: log_run(caller, app, session_id="s", files_modified=[f"{index}.py"]).pk)
    assert len(runs) == 8
    assert len(set(runs)) == Run.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_pickup_is_linked_to_one_of_many_reports_at_once():
    app = Project.objects.create(name="app")
    caller = Caller(name="bot", role=Role.COLLABORATOR, project_ids=None)
    prompt = uuid.uuid4()
    pick_up_prompt(caller, app, "ci", prompt, "Release")
    linked = at_once(8, lambda index: log_run(caller, app, runner="ci").prompt_id)
    assert sorted(linked, key=str) == sorted([prompt, *[None] * 7], key=str)
    assert connection.is_usable()


class CostsTest(TestCase):
    @settings(max_examples=60, deadline=None)
    @given(st.decimals(min_value=0, max_value=Decimal("99999999.999999"), allow_nan=False, allow_infinity=False))
    def test_every_cost_is_kept_to_a_millionth(self, cost):
        app = Project.objects.get_or_create(name="app")[0]
        caller = Caller(name="bot", role=Role.COLLABORATOR, project_ids=None)
        run = log_run(caller, app, cost_usd=cost)
        run.refresh_from_db()
        assert abs(run.cost_usd - cost) <= Decimal("0.0000005")
