"""The chain from a wish to what came of it, and back."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from access.roles import Role
from memories.errors_log import log_error
from memories.saving import save_memory
from requirements_pipeline.moves import promote_requirement
from requirements_pipeline.pulling import finish_requirement, pull_requirement
from requirements_pipeline.writing import save_requirement
from runs.models import Run
from runs.recording import log_run, start_run
from runs.work import WorkSums
from tests.conftest import make_person
from zikra_portal.tracing import Change, chain_of_memory, chain_of_run, trace_of_requirement

pytestmark = pytest.mark.django_db


@pytest.fixture
def worked_on(owner, collaborator, app):
    """A requirement that became a prompt, was worked on twice and handed in."""
    requirement = save_requirement(collaborator.caller, app, "Export invoices", content_md="As CSV, see [[CSV guide]].")
    requirement = promote_requirement(owner.caller, requirement, "prompt")
    pull_requirement(collaborator.caller, runner="codex")
    first = log_run(
        owner.caller, app, requirement_id=requirement.pk, agent="claude-code", status="failed", duration_s=60.0,
        cost_usd=Decimal("1.50"), files_modified=["a.py"], session_id="first",
    )  # fmt: skip
    second = log_run(
        collaborator.caller, app, requirement_id=requirement.pk, agent="codex", duration_s=30.0, session_id="second",
        cost_usd=Decimal("0.25"), commits=["4fe21c0"], pull_requests=["https://git.example/app/pulls/7"],
    )  # fmt: skip
    save_memory(owner.caller, app, "decision", "Semicolons", run_id=first.pk)
    failed = log_error(owner.caller, app, message="It broke")
    failed.run_id = first.pk
    failed.save(update_fields=["run_id"])
    return finish_requirement(collaborator.caller, requirement, output_summary="With tests.", run_id=second.pk)


def steps_in_words(trace):
    words = {
        "written": lambda step: step.by,
        "moved": lambda step: f"{step.by} {step.move.to_state}{' ' + step.became.title if step.became else ''}",
        "run": lambda step: f"{step.by} {step.run.run.agent}",
    }
    return [(step.kind, words[step.kind](step)) for step in trace.steps]


def test_a_requirement_s_chain_is_told_in_the_order_of_time(owner, worked_on):
    Run.objects.filter(session_id="first").update(started_at=timezone.now() + timedelta(seconds=1))
    Run.objects.filter(session_id="second").update(started_at=timezone.now() + timedelta(seconds=2))
    trace = trace_of_requirement(owner.caller, worked_on)
    assert steps_in_words(trace) == [
        ("written", "carl"),
        ("moved", "olga promoted Export invoices"),
        ("moved", "carl in_progress"),
        ("moved", "carl in_review"),
        ("run", "olga claude-code"),
        ("run", "carl codex"),
    ]
    assert trace.became.memory_type_id == "prompt"
    assert trace.work == WorkSums(runs=2, active=0, time=timedelta(seconds=90), cost_usd=Decimal("1.75"), unpriced=0)
    first, second = trace.runs
    assert ([m.title for m in first.others], [m.content_md for m in first.errors]) == (["Semicolons"], ["It broke"])
    assert first.files == ["a.py"]
    assert [change.words for change in trace.commits] == ["4fe21c0"]
    assert [(c.address, c.words) for c in trace.pull_requests] == [("https://git.example/app/pulls/7", "app/pulls/7")]
    assert (second.learnt, trace.runs_left_out) == ([], 0)


def test_costs_of_one_run_are_for_its_person_and_admins_and_sums_for_who_may_see_costs(
    owner, collaborator, app, worked_on
):
    guest = make_person("gus", Role.GUEST, app)
    seen = {}
    for person in (owner, collaborator, guest):
        trace = trace_of_requirement(person.caller, worked_on)
        shown = {traced.run.session_id: traced.shows_cost for traced in trace.runs}
        seen[person.member.username] = (shown["first"], shown["second"], trace.shows_costs)
    assert seen == {
        "olga": (True, True, True),
        "carl": (False, True, True),
        "gus": (False, False, False),
    }


def test_only_what_is_in_sight_is_told(owner, collaborator, app, secret_project, worked_on):
    hidden = log_run(owner.caller, secret_project, requirement_id=worked_on.pk, cost_usd=Decimal(7), agent="gemini")
    hidden_memory = save_memory(owner.caller, secret_project, "note", "Hidden", run_id=worked_on.moves.last().run_id)
    for person, runs, cost in ((owner, 3, Decimal("8.75")), (collaborator, 2, Decimal("1.75"))):
        trace = trace_of_requirement(person.caller, worked_on)
        assert (trace.work.runs, trace.work.cost_usd) == (runs, cost)
        learnt = {memory.pk for traced in trace.runs for memory in traced.learnt}
        assert (hidden_memory.memory.pk in learnt) is (person is owner)
    assert chain_of_run(collaborator.caller, hidden).requirement == worked_on
    assert [run.agent for run in chain_of_run(collaborator.caller, hidden).siblings] == ["codex", "claude-code"]


def test_a_run_that_only_a_move_names_belongs_to_the_chain(owner, collaborator, app):
    requirement = save_requirement(collaborator.caller, app, "Export invoices")
    promote_requirement(owner.caller, requirement)
    run = start_run(collaborator.caller, app, agent="codex")
    pull_requirement(collaborator.caller, run_id=run.pk)
    trace = trace_of_requirement(owner.caller, requirement)
    assert [traced.run.pk for traced in trace.runs] == [run.pk]
    assert (trace.work.runs, trace.work.active, trace.work.cost_usd) == (1, 1, None)


def test_upward_from_a_run(owner, collaborator, stranger, app, worked_on):
    first = Run.objects.get(session_id="first")
    chain = chain_of_run(collaborator.caller, first)
    assert (chain.requirement, chain.became.title) == (worked_on, "Export invoices")
    assert [run.session_id for run in chain.siblings] == ["second"]
    assert chain_of_run(stranger.caller, first) is None
    assert chain_of_run(owner.caller, log_run(owner.caller, app)) is None


def test_upward_from_a_memory(owner, collaborator, stranger, app, worked_on):
    learnt = save_memory(owner.caller, app, "decision", "Semicolons").memory
    guide = save_memory(owner.caller, app, "note", "CSV guide").memory
    listed = save_memory(owner.caller, app, "note", "CSV").memory
    lister = save_requirement(owner.caller, app, "Import invoices", memories=[listed.pk, guide.pk])
    up = chain_of_memory(collaborator.caller, learnt)
    assert (up.run.run.session_id, up.run.shows_cost, up.requirement) == ("first", False, worked_on)
    up = chain_of_memory(collaborator.caller, worked_on.became)
    assert (up.run, up.became_of, up.linked) == (None, [worked_on], [])
    assert chain_of_memory(collaborator.caller, guide).linked == [lister, worked_on]
    assert chain_of_memory(collaborator.caller, listed).linked == [lister]
    assert chain_of_memory(stranger.caller, guide).is_empty


def test_the_chain_takes_so_many_queries_however_long_it_is(owner, app, worked_on, django_assert_num_queries):
    with django_assert_num_queries(6):
        trace_of_requirement(owner.caller, worked_on)
    for number in range(120):
        run = log_run(owner.caller, app, requirement_id=worked_on.pk, session_id=f"more-{number}")
        save_memory(owner.caller, app, "note", f"Note {number}", run_id=run.pk)
    with django_assert_num_queries(6):
        trace = trace_of_requirement(owner.caller, worked_on)
    assert (len(trace.runs), trace.runs_left_out, trace.work.runs) == (100, 22, 122)


@pytest.mark.parametrize(
    ("told", "address", "words"),
    [
        ("https://git.example/team/app/commit/" + "4fe21c0" * 5, True, "app/commit/4fe21c04fe21"),
        ("http://git.example/x?token=1#y", True, "x"),
        ("https://git.example", True, "https://git.example"),
        ("4fe21c0" * 5, False, "4fe21c04fe21"),
        ("#12", False, "#12"),
        ("javascript:alert(1)", False, "javascript:alert(1)"),
        ("https://x y", False, "https://x y"),
        ('https://x"><script>', False, 'https://x"><script>'),
    ],
)
def test_only_web_addresses_lead_anywhere(told, address, words):
    change = Change.of(told)
    assert (change.told, change.address, change.words) == (told, told if address else "", words)


@given(st.text(max_size=500))
def test_no_change_breaks_the_page_or_leads_to_a_script(told):
    change = Change.of(told)
    assert change.address in ("", told)
    assert not change.address or change.address.lower().startswith(("http://", "https://"))
    assert bool(change.words) is bool(told)
