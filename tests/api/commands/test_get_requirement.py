"""The command `get_requirement`."""

from tests.api.conftest import refusal
from tests.conftest import make_person


def test_the_whole_chain_is_told(tell, owner, collaborator):
    made = tell(collaborator, "save_requirement", title="CSV", content_md="All rows.", acceptance=["Opens"], priority=2)
    tell(owner, "promote_requirement", id=made["id"])
    tell(collaborator, "pull_requirement", runner="codex")
    run = tell(collaborator, "start_run", requirement_id=made["id"], agent="codex", session_id="s1")
    tell(collaborator, "log_run", session_id="s1", cost_usd=1.5, files_modified=["a.py"])
    tell(collaborator, "finish_requirement", id=made["id"], output_summary="Done.")
    answer = tell(collaborator, "fetch_requirement", title="CSV")
    assert (answer["id"], answer["state"], answer["content_md"], answer["acceptance"], answer["claimed_by"]) == (
        made["id"],
        "in_review",
        "All rows.",
        ["Opens"],
        "codex",
    )
    assert [(move["from"], move["to"], move["by"], move["reason"]) for move in answer["moves"]] == [
        ("submitted", "promoted", "olga", ""),
        ("promoted", "in_progress", "carl", ""),
        ("in_progress", "in_review", "carl", "Done."),
    ]
    assert [(row["id"], row["agent"], row["cost_usd"], row["files_modified"]) for row in answer["runs"]] == [
        (run["id"], "codex", 1.5, ["a.py"])
    ]


def test_others_see_it_in_scope_and_without_the_costs_of_persons(tell, ask, collaborator, stranger, app):
    made = tell(collaborator, "save_requirement", title="CSV")
    tell(collaborator, "log_run", requirement_id=made["id"], cost_usd=1.5)
    guest = make_person("gwen", "guest", app)
    assert ["cost_usd" in row for row in tell(guest, "get_requirement", id=made["id"])["runs"]] == [False]
    assert refusal(ask(stranger, "get_requirement", id=made["id"])) == (404, "Requirement not found")
