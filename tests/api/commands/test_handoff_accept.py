"""The command `handoff_accept`."""

from tests.api.conftest import needs, refusal
from tests.conftest import make_person


def test_a_handoff_is_taken_once(tell, ask, collaborator, app):
    left = tell(collaborator, "handoff_begin", summary="Carry on")["handoff"]
    taken = tell(collaborator, "take_handoff", agent="codex", session_id="n1")
    assert (taken["handoff"]["id"], taken["handoff"]["state"], taken["handoff"]["accepted_agent"]) == (
        left["id"],
        "accepted",
        "codex",
    )
    assert taken["handoff_md"].startswith("<zikra-memory>\n")
    assert "> Carry on" in taken["handoff_md"]
    none = tell(collaborator, "handoff_accept")
    assert (none["handoff"], none["handoff_md"]) == (None, "")
    assert refusal(ask(collaborator, "handoff_accept", id=left["id"])) == (409, "carl accepted this handoff already.")


def test_one_that_is_named_is_taken_before_others(tell, collaborator):
    left = [tell(collaborator, "handoff_begin", summary=summary)["handoff"]["id"] for summary in ("One", "Two")]
    assert tell(collaborator, "handoff_accept", handoff_id=left[0])["handoff"]["summary"] == "One"


def test_nobody_takes_what_is_not_in_their_projects(tell, ask, owner, collaborator, stranger, app):
    left = tell(collaborator, "handoff_begin", summary="Carry on")["handoff"]
    assert refusal(ask(stranger, "handoff_accept", id=left["id"])) == (404, "Handoff not found")
    assert refusal(ask(stranger, "handoff_accept", project="app")) == (403, "token_scope_mismatch")
    assert tell(stranger, "handoff_accept")["handoff"] is None
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "handoff_accept")) == (403, "insufficient permissions", "collaborator")
    assert tell(owner, "handoff_accept", project="app")["handoff"]["id"] == left["id"]
