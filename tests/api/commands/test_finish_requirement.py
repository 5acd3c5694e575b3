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
