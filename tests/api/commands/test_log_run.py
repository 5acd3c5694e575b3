"""The command `log_run`."""

from decimal import Decimal

import pytest

from runs.models import Run
from tests.api.conftest import needs, refusal, without
from tests.conftest import make_person


def test_a_run_is_recorded_with_all_that_was_told(tell, collaborator):
    answer = tell(
        collaborator,
        "end_session",
        runner="codex",
        session_id="s1",
        status="failed",
        summary="Gave up.",
        model="m",
        tokens_input="1200",
        tokens_output=34,
        tokens_cache_read=None,
        cost_usd=0.1,
        files_modified=["a.py", "b.py"],
        commits=["4fe21c0"],
        pull_requests=["#7"],
        duration_s=12.5,
    )
    assert without(answer, "id", "_was_alias", "_raw_command") == {"status": "logged", "_use_command": "log_run"}
    run = Run.objects.get(pk=answer["id"])
    assert (run.runner, run.session_id, run.status, run.output_summary) == ("codex", "s1", "failed", "Gave up.")
    assert (run.tokens_input, run.tokens_output, run.tokens_cache_read) == (1200, 34, None)
    assert (run.cost_usd, run.files_modified, run.duration_s) == (Decimal("0.1"), ["a.py", "b.py"], 12.5)
    assert (run.commits, run.pull_requests) == (["4fe21c0"], ["#7"])


def test_everything_is_optional(tell, collaborator):
    run = Run.objects.get(pk=tell(collaborator, "log_run")["id"])
    assert (run.status, run.runner, run.cost_usd) == ("success", "", None)


def test_the_same_session_twice_is_one_run(tell, collaborator):
    runs = [tell(collaborator, "log_run", session_id="s1", tokens_output=number)["id"] for number in (1, 2)]
    assert runs[0] == runs[1]
    assert Run.objects.get().tokens_output == 2


def test_a_stranger_finishes_no_run_of_others(ask, tell, collaborator, stranger):
    run = tell(collaborator, "log_run", session_id="s1")
    assert refusal(ask(stranger, "log_run", run_id=run["id"])) == (404, "Run not found")
    assert refusal(ask(stranger, "log_run", session_id="s1", project="app")) == (403, "token_scope_mismatch")
    assert tell(stranger, "log_run", session_id="s1")["id"] != run["id"]


def test_a_guest_logs_nothing(ask, app):
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "log_run")) == (403, "insufficient permissions", "collaborator")
    assert Run.objects.count() == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"tokens_input": -1}, "tokens_input must be at least 0"),
        ({"tokens_input": 2**63}, f"tokens_input must be at most {2**63 - 1}"),
        ({"tokens_input": "many"}, "tokens_input must be a whole number, not a string"),
        ({"tokens_input": True}, "tokens_input must be a whole number, not true or false"),
        ({"cost_usd": -0.01}, "cost_usd must be at least 0"),
        ({"cost_usd": "free"}, "cost_usd must be a number, not a string"),
        ({"cost_usd": "nan"}, f"cost_usd must be at most {2**63 - 1}"),
        ({"duration_s": []}, "duration_s must be a number, not a list"),
        ({"run_id": "7"}, "run_id must be an id (a UUID), as other commands answer it"),
        ({"files_modified": {"a": 1}}, "files_modified must be a list of strings, not an object"),
        ({"commits": ["x" * 501]}, "commits entry 0 has more than 500 characters"),
        ({"pull_requests": [7]}, "pull_requests entry 0 must be a string, not a number"),
        ({"session_id": "x" * 201}, "session_id has more than 200 characters"),
    ],
)
def test_bad_input_is_400_in_words_and_changes_nothing(ask, collaborator, arguments, error):
    assert refusal(ask(collaborator, "log_run", **arguments)) == (400, error)
    assert Run.objects.count() == 0
