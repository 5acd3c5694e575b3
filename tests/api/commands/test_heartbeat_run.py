"""The command `heartbeat_run`."""

from runs.models import Run
from tests.api.conftest import needs, refusal, without
from tests.conftest import make_person


def test_a_sign_of_life_tells_step_and_tokens_so_far(tell, collaborator):
    run = tell(collaborator, "start_run", session_id="s1", model="claude-sonnet-4-5")
    answer = tell(collaborator, "heartbeat_run", run_id=run["id"], step="Testing", tokens_input=10, tokens_output=5)
    assert without(answer) == {"id": run["id"], "status": "running", "_use_command": "heartbeat_run"}
    kept = Run.objects.get()
    assert (kept.step, kept.tokens_input, kept.tokens_output, kept.finished_at) == ("Testing", 10, 5, None)


def test_the_run_is_found_without_its_project(tell, owner):
    """Also by a caller of all projects, who means the global one when none is named."""
    run = tell(owner, "start_run", project="app", session_id="s1")
    assert tell(owner, "heartbeat_run", run_id=run["id"])["id"] == run["id"]
    assert tell(owner, "heartbeat_run", session_id="s1")["id"] == run["id"]
    assert tell(owner, "log_run", run_id=run["id"])["id"] == run["id"]
    assert Run.objects.get().project.name == "app"


def test_what_has_ended_stays_ended(tell, collaborator):
    run = tell(collaborator, "log_run", session_id="s1", status="failed")
    assert tell(collaborator, "touch_run", run_id=run["id"])["status"] == "failed"
    assert Run.objects.get().finished_at is not None


def test_it_says_which_run_is_meant(ask, collaborator):
    assert refusal(ask(collaborator, "heartbeat_run")) == (
        400,
        "session_id: run_id or session_id says which run is meant.",
    )


def test_nobody_beats_for_another(ask, tell, collaborator, stranger, app):
    run = tell(collaborator, "start_run", session_id="s1")
    assert refusal(ask(stranger, "heartbeat_run", run_id=run["id"])) == (404, "Run not found")
    colleague = make_person("cora", "collaborator", app)
    assert refusal(ask(colleague, "heartbeat_run", run_id=run["id"])) == (
        409,
        "The session 's1' was reported by somebody else.",
    )
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "heartbeat_run", run_id=run["id"])) == (403, "insufficient permissions", "collaborator")
    assert Run.objects.get().events.count() == 1


def test_usage_of_several_models_adds_up(tell, ask, collaborator):
    usage = [
        {"model": "claude-opus-4-1", "tokens_input": 1000, "tokens_cache_creation": 300, "tokens_cache_write_1h": 200},
        {"model": "claude-haiku-4-5", "tokens_input": 50, "tokens_output": 7},
    ]
    tell(collaborator, "heartbeat_run", session_id="s1", usage=usage)
    run = Run.objects.get()
    assert (run.tokens_input, run.tokens_output, run.tokens_cache_write_5m, run.tokens_cache_write_1h) == (
        1050,
        7,
        100,
        200,
    )
    assert (run.model, run.usage.count()) == ("claude-opus-4-1", 2)
    refused = ask(collaborator, "heartbeat_run", session_id="s1", usage=[{"model": "m", "tokens_input": -1}])
    assert refusal(refused)[0] == 400
    assert "usage entry 0: tokens_input" in refusal(refused)[1]
