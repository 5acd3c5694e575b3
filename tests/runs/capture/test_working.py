"""Captured events become runs: in the order of their own time, each once, whoever they come from."""

import itertools
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access.models import Project
from access.roles import Role
from memories.models import Memory
from runs.capture.keeping import Client, keep_hooks
from runs.capture.working import forget_old, work_waiting
from runs.models import CapturedEvent, CapturedSession, Handoff, Machine, Run, RunUsage
from runs.recording import log_run
from tests.conftest import make_person
from tests.runs.capture.conftest import BEGAN, bash, claude_line, edited, hook


def seconds(moment):
    return None if moment is None else (moment - BEGAN).total_seconds()


def timeline(run):
    return [(event.kind, event.text, seconds(event.at)) for event in run.events.order_by("at", "pk")]


SESSION = (
    hook("SessionStart", {"model": "claude-sonnet-4-5", "source": "startup"}, branch="csv"),
    hook("UserPromptSubmit", {"prompt": "Export the invoices as CSV"}, second=1),
    edited("/srv/app/export.py", second=2),
    bash("pytest -q", second=3, exit_code=1, stderr="1 failed"),
    hook("Stop", {"last_assistant_message": "The export works. Shall I add a header row?"}, second=4),
    hook("SessionEnd", {"reason": "prompt_input_exit"}, second=5),
)


def test_a_session_is_a_run_with_its_facts_timeline_and_files(told, collaborator, app):
    told(*SESSION, client=Client(version="0.3.0", machine="anvil"))
    run = Run.objects.get()
    assert (run.project, run.session_id, run.agent, run.machine, run.person, run.member, run.token) == (
        app, "s1", "claude-code", "anvil", "carl", collaborator.member, collaborator.token,
    )  # fmt: skip
    assert (run.cwd, run.branch, run.model, run.status, run.files_modified) == (
        "/srv/app", "csv", "claude-sonnet-4-5", "success", ["export.py"],
    )  # fmt: skip
    assert [seconds(run.started_at), seconds(run.last_seen_at), seconds(run.finished_at)] == [0, 5, 5]
    assert run.output_summary == "The export works. Shall I add a header row?"
    assert timeline(run) == [
        ("started", "", 0),
        ("prompt", "Export the invoices as CSV", 1),
        ("tool", "Edit: /srv/app/export.py", 2),
        ("error", "Bash: pytest -q", 3),
        ("finished", "", 5),
    ]
    assert set(CapturedEvent.objects.values_list("outcome", flat=True)) == {"stored"}
    assert not CapturedEvent.objects.waiting().exists()


def test_a_session_is_active_with_its_step_until_it_ends(told):
    told(*SESSION[:3])
    run = Run.objects.get()
    assert (run.is_active, run.step, run.status) == (True, "Edit: /srv/app/export.py", "running")
    told(*SESSION[5:])
    assert not Run.objects.get().is_active


@pytest.mark.parametrize("cut", range(1, 6))
def test_it_comes_to_the_same_however_the_events_are_parted(told, cut):
    told(*SESSION[:cut])
    told(*SESSION[cut:])
    run = Run.objects.get()
    assert [seconds(run.started_at), seconds(run.finished_at)] == [0, 5]
    assert [kind for kind, _, _ in timeline(run)] == ["started", "prompt", "tool", "error", "finished"]


@pytest.mark.django_db(transaction=False)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(order=st.permutations(SESSION[1:]), cuts=st.sets(st.integers(1, 4), max_size=3))
def test_it_comes_to_the_same_in_whatever_order_they_arrive(told, order, cuts):
    Run.objects.all().delete()
    CapturedEvent.objects.all().delete()
    told(SESSION[0])
    for first, last in itertools.pairwise([0, *sorted(cuts), len(order)]):
        told(*order[first:last])
    run = Run.objects.get()
    # What came with its own time after the end that was known by then brought the session back; the end told last holds.
    assert (seconds(run.started_at), seconds(run.finished_at), run.is_active) == (0, 5, False)
    assert run.files_modified == ["export.py"]
    digest = CapturedSession.objects.get().digest
    assert (digest["prompt_count"], digest["tool_count"], digest["tools"]) == (1, 2, {"Edit": 1, "Bash": 1})
    assert [(kind, text) for kind, text, _ in timeline(run) if kind in ("prompt", "tool", "error")] == [
        ("prompt", "Export the invoices as CSV"),
        ("tool", "Edit: /srv/app/export.py"),
        ("error", "Bash: pytest -q"),
    ]


def test_events_after_the_end_bring_the_session_back_and_another_end_changes_nothing(told):
    told(*SESSION)
    again = told(hook("SessionEnd", second=6))
    assert [kept.outcome.value for kept in again] == ["ignored_end"]
    assert seconds(Run.objects.get().finished_at) == 5
    told(
        hook("SessionStart", {"source": "resume"}, second=60),
        hook("UserPromptSubmit", {"prompt": "And as PDF"}, second=61),
    )
    run = Run.objects.get()
    assert (run.is_active, run.status) == (True, "running")
    told(hook("SessionEnd", second=70))
    run = Run.objects.get()
    assert (seconds(run.finished_at), [kind for kind, _, _ in timeline(run)].count("resumed")) == (70, 1)


def test_an_event_from_before_the_end_that_comes_late_is_told_and_reopens_nothing(told):
    told(*SESSION[:3], *SESSION[4:])
    assert [kept.outcome.value for kept in told(SESSION[3])] == ["stored"]
    run = Run.objects.get()
    assert (run.is_active, ("error", "Bash: pytest -q", 3) in timeline(run)) == (False, True)


def test_an_earlier_beginning_that_comes_late_moves_the_start(told):
    told(*SESSION[2:])
    told(*SESSION[:2])
    run = Run.objects.get()
    assert (seconds(run.started_at), timeline(run)[0]) == (0, ("started", "", 0))
    assert Memory.objects.get().title == "Export the invoices as CSV" or Memory.objects.get().title.startswith(
        "Session of"
    )


def test_a_session_of_another_person_that_both_began_at_once_stays_the_firsts(collaborator, app):
    dora = make_person("dora", Role.COLLABORATOR, app)
    keep_hooks(collaborator.caller, [hook("UserPromptSubmit", {"prompt": "Mine"})])
    # The door saw none of the other's events yet when this one came.
    hers = CapturedEvent.objects.get()
    hers.pk, hers.ingest_key, hers.member, hers.person = None, "hers", dora.member, "dora"
    hers.save()
    assert work_waiting() == 2
    assert Run.objects.get().member == collaborator.member
    assert list(CapturedEvent.objects.order_by("pk").values_list("outcome", flat=True)) == [
        "stored",
        "dropped_collision",
    ]


def test_another_persons_token_cannot_end_a_session_out_of_its_projects(told, stranger, app):
    told(*SESSION[:3])
    kept = told(hook("SessionEnd", second=9, project="app"), hook("SessionEnd", second=9), by=stranger)
    assert [one.outcome.value for one in kept] == ["dropped_unauthorized", "stored"]
    assert Run.objects.get(project=app).is_active


def transcript(*lines, **more):
    return {"zikra_transcript": {"agent": "claude-code", "thread": "s1", "offset": 0, "lines": list(lines), **more}}


def usage():
    return {row.model: (row.tokens_input, row.tokens_output, row.tokens_cache_read) for row in RunUsage.objects.all()}


def test_usage_is_read_from_the_transcripts_tail_and_costs_what_the_prices_say(told):
    told(*SESSION[:4], hook("Stop", transcript(claude_line(1), claude_line(2)), second=4))
    assert usage() == {"claude-sonnet-4-5": (20, 200, 2000)}
    run = Run.objects.get()
    # Sonnet 4.5: 3, 15 and 0.30 US dollars for a million tokens of input, output and cache.
    assert run.cost_usd == Decimal("0.003660")
    assert (run.cost_source, run.model) == ("computed", "claude-sonnet-4-5")


def test_a_tail_that_is_sent_again_doubles_nothing_and_a_longer_answer_counts_once(told):
    told(*SESSION[:4], hook("Stop", transcript(claude_line(1, output=40)), second=4))
    told(hook("Stop", transcript(claude_line(1, output=100), claude_line(2)), second=5))
    told(hook("SessionEnd", transcript(claude_line(2), claude_line(3, model="claude-haiku-4-5")), second=6))
    assert usage() == {"claude-sonnet-4-5": (20, 200, 2000), "claude-haiku-4-5": (10, 100, 1000)}
    told(hook("SessionEnd", transcript(claude_line(1), claude_line(4)), second=7))
    assert usage()["claude-sonnet-4-5"] == (30, 300, 3000)
    assert not Run.objects.get().is_active


def test_no_text_of_a_transcript_is_kept_but_the_last_answer(told):
    line = claude_line(1, cwd="/srv/app")
    told(
        hook("UserPromptSubmit", {"prompt": "x"}),
        hook("Stop", transcript('{"type":"user","message":{"content":"Tell nobody"}}', line), second=4),
    )
    kept = CapturedEvent.objects.exclude(transcript=None).get()
    assert "zikra_transcript" not in kept.body
    assert "Tell nobody" not in str(kept.transcript)
    assert kept.transcript[0]["last_words"] == "Answer 1."
    assert "Answer 1." not in str(kept.transcript[0]["lines"])


def test_the_machine_is_known_by_what_its_client_told_last(told, collaborator):
    told(SESSION[0], client=Client("0.3.0", "anvil", backlog=7, backlog_seconds=60, untrusted=("codex",)))
    told(hook("SessionStart", session="s2", agent="codex"), client=Client("0.3.1", "anvil", backlog=0))
    machine = Machine.objects.get()
    assert (machine.name, machine.member, machine.token, machine.agents) == (
        "anvil",
        collaborator.member,
        collaborator.token,
        ["claude-code", "codex"],
    )
    assert (machine.client_version, machine.backlog, machine.backlog_seconds, machine.untrusted) == (
        "0.3.1",
        0,
        None,
        [],
    )


def test_a_run_that_was_logged_by_command_is_the_same_session(told, collaborator, app):
    log_run(
        collaborator.caller, app, session_id="s1", runner="claude-code", output_summary="Said by the agent", at=BEGAN
    )
    told(*SESSION[1:])
    assert Run.objects.count() == 1


def test_a_session_that_fails_stops_no_other(told, monkeypatch):
    from runs.capture import working

    real = working.work_session
    monkeypatch.setattr(
        working, "work_session", lambda project, session: real(project, session) if session != "bad" else 1 / 0
    )
    told(
        hook("UserPromptSubmit", {"prompt": "x"}, session="bad"),
        hook("UserPromptSubmit", {"prompt": "y"}, session="good"),
    )
    assert list(Run.objects.values_list("session_id", flat=True)) == ["good"]
    assert CapturedEvent.objects.waiting().get().session_id == "bad"


def test_old_events_are_forgotten_once_they_are_worked(told, settings):
    told(*SESSION)
    keep_hooks(
        make_person("dora", Role.COLLABORATOR, Project.objects.get(name="app")).caller, [hook("Stop", session="s9")]
    )
    assert forget_old() == 0
    settings.CAPTURE_DAYS = -1
    assert forget_old() == 6
    assert CapturedEvent.objects.get().session_id == "s9"


def test_working_a_long_session_takes_as_many_statements_as_a_short_one(collaborator):
    def statements(session, count):
        keep_hooks(collaborator.caller, [hook("UserPromptSubmit", {"prompt": "x"}, session=session)])
        keep_hooks(collaborator.caller, [edited(f"/srv/app/{n}.py", second=n, session=session) for n in range(count)])
        with connection.execute_wrapper(counted := Counter()):
            work_waiting()
        return counted.count

    assert statements("a", 5) == statements("b", 200)


class Counter:
    def __init__(self):
        self.count = 0

    def __call__(self, execute, *arguments):
        self.count += 1
        return execute(*arguments)


def codex_line(kind, second, **payload):
    return json.dumps({"type": kind, "timestamp": (BEGAN + timedelta(seconds=second)).isoformat(), "payload": payload})


def codex_tokens(second, given, output):
    totals = {"input_tokens": given, "cached_input_tokens": 0, "output_tokens": output}
    return codex_line("event_msg", second, type="token_count", info={"total_token_usage": totals})


def test_codex_counts_are_totals_of_a_file_whatever_it_is_called(told):
    def tail(offset, *lines):
        part = {"agent": "codex", "thread": "rollout-2026-03-02T09-00-00-t1", "offset": offset, "lines": list(lines)}
        return {"zikra_transcript": [part]}

    first = (codex_line("session_meta", 0, id="t1", cwd="/srv/app"), codex_line("turn_context", 1, model="gpt-5"))
    told(SESSION[1], hook("Stop", tail(0, *first, codex_tokens(2, 100, 10)), second=3))
    told(hook("SessionEnd", tail(900, codex_tokens(4, 250, 30)), second=5))
    assert usage() == {"gpt-5": (250, 30, 0)}


def test_files_that_only_the_transcript_tells_of_are_the_sessions_files(told):
    change = {"type": "FileChange", "status": "completed", "changes": [{"path": "/srv/app/refunds.py"}]}
    failed = {"type": "FileChange", "status": "failed", "changes": [{"path": "/srv/app/other.py"}]}
    at = BEGAN.isoformat()
    lines = [
        {"type": "session_meta", "timestamp": at, "payload": {"id": "t1", "session_id": "t1", "cwd": "/srv/app"}},
        *[
            {"type": "event_msg", "timestamp": at, "payload": {"type": "item_completed", "item": item}}
            for item in (change, failed)
        ],
    ]
    tail = {"agent": "codex", "thread": "t1", "offset": 0, "lines": [json.dumps(line) for line in lines]}
    told(*SESSION[:2], hook("Stop", {"zikra_transcript": tail}, second=3), hook("SessionEnd", second=4))
    assert Run.objects.get().files_modified == ["refunds.py"]
    assert Handoff.objects.get().files_touched == ["refunds.py"]


def test_what_gemini_puts_before_a_prompt_is_not_what_was_asked(told):
    prompt = "<hook_context>&lt;zikra-memory&gt; old news &lt;/zikra-memory&gt;</hook_context>\n\nWrite the tests"
    told(SESSION[0], hook("BeforeAgent", {"prompt": prompt}, second=1), hook("SessionEnd", second=2))
    assert Memory.objects.get().title == "Write the tests"


def test_a_session_with_more_events_than_fit_one_transaction_is_worked_whole(collaborator, monkeypatch):
    monkeypatch.setattr("runs.capture.working.EVENTS_AT_ONCE", 2)
    keep_hooks(collaborator.caller, [edited(f"/srv/app/{n}.py", second=n, session="long") for n in range(5)])
    keep_hooks(collaborator.caller, [edited("/srv/app/x.py", session="short")])
    assert work_waiting() == 6
    assert CapturedEvent.objects.waiting().count() == 0
    assert work_waiting() == 0
