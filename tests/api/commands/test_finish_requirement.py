"""The command `finish_requirement`."""

import pytest

from tests.api.conftest import needs, refusal, without
from tests.conftest import make_person


@pytest.fixture
def pulled(tell, owner, collaborator):
    """A requirement that the collaborator works on."""
    made = tell(collaborator, "save_requirement", title="CSV")
    tell(owner, "promote_requirement", id=made["id"])
    return tell(collaborator, "pull_requirement")["requirement"]


def test_it_is_handed_in(tell, collaborator, pulled):
    answer = tell(collaborator, "complete_requirement", id=pulled["id"], summary="With tests.")
    assert without(answer, "_was_alias", "_raw_command") == {
        "id": pulled["id"],
        "title": "CSV",
        "status": "finished",
        "state": "in_review",
        "_use_command": "finish_requirement",
    }


def test_it_is_given_back(tell, collaborator, pulled):
    assert tell(collaborator, "finish_requirement", title="CSV", outcome="blocked")["state"] == "promoted"
    assert tell(collaborator, "pull_requirement")["requirement"]["id"] == pulled["id"]


def test_commits_and_pull_requests_go_to_the_run_that_worked_on_it(ask, tell, collaborator, pulled):
    told = {"id": pulled["id"], "commits": ["4fe21c0", "4fe21c0"], "pull_requests": ["https://git.example/app/pulls/7"]}
    assert refusal(ask(collaborator, "finish_requirement", **told)) == (
        400,
        "Commits and pull requests are kept with a run; name it with run_id, or record it with log_run.",
    )
    tell(collaborator, "log_run", requirement_id=pulled["id"], session_id="s1", commits=["0a1b2c3"])
    tell(collaborator, "log_run", session_id="other", commits=["fffffff"])
    tell(collaborator, "finish_requirement", **told)
    runs = tell(collaborator, "get_requirement", id=pulled["id"])["runs"]
    assert [(row["commits"], row["pull_requests"]) for row in runs] == [
        (["0a1b2c3", "4fe21c0"], ["https://git.example/app/pulls/7"])
    ]


def test_refusals_in_words(ask, collaborator, stranger, app, pulled):
    assert refusal(ask(stranger, "finish_requirement", id=pulled["id"])) == (404, "Requirement not found")
    cora = make_person("cora", "collaborator", app)
    assert refusal(ask(cora, "finish_requirement", id=pulled["id"])) == (409, "'CSV' is being worked on by carl.")
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "finish_requirement", id=pulled["id"])) == (403, "insufficient permissions", "collaborator")
    status, words = refusal(ask(collaborator, "finish_requirement", id=pulled["id"], outcome="perhaps"))
    assert (status, words.startswith("An outcome is one of success, done")) == (400, True)


def test_it_tells_which_criteria_are_met(ask, tell, owner, collaborator):
    made = tell(collaborator, "save_requirement", title="XML", acceptance=["Opens", "Closes", "Sings"])
    tell(owner, "promote_requirement", id=made["id"])
    tell(collaborator, "pull_requirement")
    assert refusal(ask(collaborator, "finish_requirement", id=made["id"], criteria_met=[4])) == (
        400,
        "'XML' has no criterion '4'; it has 3, numbered from 1.",
    )
    tell(collaborator, "finish_requirement", id=made["id"], criteria_met=[3, "Opens"])
    criteria = tell(owner, "get_requirement", id=made["id"])["criteria"]
    assert [(row["text"], row["met"], row["met_by"]) for row in criteria] == [
        ("Opens", True, "carl"),
        ("Closes", False, None),
        ("Sings", True, "carl"),
    ]
    assert criteria[1]["met_at"] is None
    assert criteria[0]["met_at"].endswith("Z")
