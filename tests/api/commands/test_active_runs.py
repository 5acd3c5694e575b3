"""The command `active_runs`."""

from runs.models import Run
from tests.api.conftest import refusal, without
from tests.conftest import make_person

ROW = {
    "project": "app",
    "agent": "codex",
    "runner": "",
    "person": "carl",
    "machine": "anvil",
    "model": "",
    "session_id": "s1",
    "branch": "",
    "prompt_name": "",
    "requirement_id": None,
    "requirement_title": "",
    "step": "Testing",
    "stale": False,
}
COSTS = {
    "tokens_input": None,
    "tokens_output": 5,
    "tokens_cache_read": None,
    "tokens_cache_write_5m": None,
    "tokens_cache_write_1h": None,
    "cost_usd": None,
}


def test_what_runs_is_listed_until_it_ends(tell, collaborator):
    tell(collaborator, "start_run", session_id="s1", agent="codex", machine="anvil", step="Testing", tokens_output=5)
    answer = tell(collaborator, "list_active_runs")
    [row] = answer["runs"]
    assert answer["count"] == 1
    assert without(row, "id", "started_at", "last_seen_at", "elapsed_s") == {**ROW, **COSTS}
    tell(collaborator, "log_run", session_id="s1")
    assert without(tell(collaborator, "active_runs")) == {"count": 0, "runs": [], "_use_command": "active_runs"}


def test_costs_of_others_are_an_admins_to_see(tell, ask, owner, collaborator, stranger, app):
    tell(collaborator, "start_run", session_id="s1", agent="codex", machine="anvil", step="Testing", tokens_output=5)
    colleague = make_person("cora", "collaborator", app)
    [seen] = tell(colleague, "active_runs")["runs"]
    assert without(seen, "id", "started_at", "last_seen_at", "elapsed_s") == ROW
    [seen] = tell(owner, "active_runs", project="app")["runs"]
    assert without(seen, "id", "started_at", "last_seen_at", "elapsed_s") == {**ROW, **COSTS}
    assert tell(stranger, "active_runs")["runs"] == []
    assert refusal(ask(stranger, "active_runs", project="app")) == (403, "token_scope_mismatch")


def test_the_count_is_of_all_and_the_list_is_bounded(tell, collaborator):
    for number in range(3):
        tell(collaborator, "start_run", session_id=f"s{number}")
    answer = tell(collaborator, "active_runs", limit=2)
    assert (answer["count"], [row["session_id"] for row in answer["runs"]]) == (3, ["s2", "s1"])
    assert Run.objects.active().count() == 3
