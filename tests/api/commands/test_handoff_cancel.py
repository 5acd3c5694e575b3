"""The command `handoff_cancel`."""

from tests.api.conftest import needs, refusal
from tests.conftest import make_person


def test_the_newest_own_one_is_taken_back(tell, ask, collaborator):
    tell(collaborator, "handoff_begin", summary="One")
    tell(collaborator, "handoff_begin", summary="Two")
    over = tell(collaborator, "cancel_handoff", reason="Done by hand.")["handoff"]
    assert (over["summary"], over["state"], over["ended_reason"]) == (
        "Two",
        "expired",
        "Cancelled by carl: Done by hand.",
    )
    assert refusal(ask(collaborator, "handoff_cancel", id=over["id"])) == (
        409,
        "This handoff is over: Cancelled by carl: Done by hand.",
    )


def test_nobody_takes_back_what_is_not_theirs_to_see(tell, ask, collaborator, stranger, app):
    left = tell(collaborator, "handoff_begin", summary="One")["handoff"]
    assert refusal(ask(stranger, "handoff_cancel", id=left["id"])) == (404, "Handoff not found")
    assert refusal(ask(stranger, "handoff_cancel")) == (404, "Handoff not found")
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "handoff_cancel", id=left["id"])) == (403, "insufficient permissions", "collaborator")
    assert tell(collaborator, "handoff_list")["count"] == 1
