"""The command `restore`."""

from tests.api.conftest import needs, refusal, without
from tests.conftest import make_person


def test_a_session_gets_back_what_it_kept_and_the_pinned_facts(tell, collaborator):
    tell(collaborator, "checkpoint", session_id="s1", task="Half done", next_steps=["Test"])
    tell(collaborator, "anchor", fact="Never touch prod.", reason="It is live.")
    back = tell(collaborator, "restore_checkpoint", session_id="s1")
    assert without(back["checkpoint"], "id", "created_at") == {
        "session_id": "s1",
        "task": "Half done",
        "files": [],
        "decisions": [],
        "errors": [],
        "next_steps": ["Test"],
        "automatic": False,
    }
    assert back["pinned_facts"] == [{"fact": "Never touch prod.", "reason": "It is live.", "pinned_by": "carl"}]
    assert "- Never touch prod. (because: It is live.)" in back["restored_md"].splitlines()


def test_another_session_gets_the_facts_alone(tell, collaborator):
    tell(collaborator, "checkpoint", session_id="s1", task="Half done")
    back = tell(collaborator, "restore", session_id="s2")
    assert (back["checkpoint"], back["pinned_facts"], back["restored_md"]) == (None, [], "")


def test_a_project_that_is_not_there_has_nothing(tell, owner):
    assert tell(owner, "restore", project="nowhere", session_id="s1")["checkpoint"] is None


def test_nobody_gets_back_what_is_another_persons(tell, ask, owner, collaborator, stranger, app):
    tell(collaborator, "checkpoint", session_id="s1", task="Half done")
    assert refusal(ask(owner, "restore", session_id="s1", project="app")) == (
        409,
        "The session 's1' is somebody else's.",
    )
    assert refusal(ask(stranger, "restore", session_id="s1", project="app")) == (403, "token_scope_mismatch")
    assert tell(stranger, "restore", session_id="s1")["checkpoint"] is None
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "restore", session_id="s1")) == (403, "insufficient permissions", "collaborator")
