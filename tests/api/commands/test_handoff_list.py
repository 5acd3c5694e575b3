"""The command `handoff_list`."""

from tests.api.conftest import refusal
from tests.conftest import make_person


def summaries(answer):
    return [row["summary"] for row in answer["handoffs"]]


def test_handoffs_are_listed_by_state_the_newest_first(tell, ask, collaborator):
    for summary in ("One", "Two", "Three"):
        tell(collaborator, "handoff_begin", summary=summary)
    tell(collaborator, "handoff_cancel")
    tell(collaborator, "handoff_accept")
    answer = tell(collaborator, "list_handoffs")
    assert (answer["count"], answer["total"], summaries(answer)) == (1, 1, ["One"])
    assert summaries(tell(collaborator, "handoff_list", state="accepted")) == ["Two"]
    assert summaries(tell(collaborator, "handoff_list", status="expired")) == ["Three"]
    assert summaries(tell(collaborator, "handoff_list", state="all", limit=2)) == ["Three", "Two"]
    assert refusal(ask(collaborator, "handoff_list", state="lost")) == (
        400,
        "state: is open, accepted, expired or all, not 'lost'.",
    )


def test_everybody_in_the_project_sees_them_and_nobody_else(tell, ask, owner, collaborator, stranger, app):
    tell(collaborator, "handoff_begin", summary="Ours")
    for person in (owner, collaborator, make_person("gwen", "guest", app)):
        assert summaries(tell(person, "handoff_list", project="app")) == ["Ours"]
    assert summaries(tell(stranger, "handoff_list")) == []
    assert refusal(ask(stranger, "handoff_list", project="app")) == (403, "token_scope_mismatch")
