"""The command `handoff_begin`."""

from runs.models import Handoff
from tests.api.conftest import needs, refusal, without
from tests.conftest import make_person


def test_a_handoff_is_left_with_all_that_was_told(tell, collaborator):
    tell(collaborator, "start_run", session_id="s1", agent="claude-code", cwd="/srv/app")
    answer = tell(
        collaborator,
        "hand_off",
        summary="The export works.",
        open_questions="Header row?\nSemicolons?",
        next_steps=["Test it"],
        files_touched=["export.py"],
        session_id="s1",
    )
    assert without(answer["handoff"], "id", "created_at") == {
        "project": "app",
        "state": "open",
        "automatic": False,
        "from_session": "s1",
        "from_agent": "claude-code",
        "from_person": "carl",
        "cwd": "/srv/app",
        "summary": "The export works.",
        "open_questions": ["Header row?", "Semicolons?"],
        "next_steps": ["Test it"],
        "files_touched": ["export.py"],
        "assigned_to": None,
        "accepted_at": None,
        "accepted_session": "",
        "accepted_agent": "",
        "accepted_person": "",
        "ended_reason": "",
    }


def test_the_same_key_leaves_one(tell, collaborator):
    ids = {tell(collaborator, "handoff_begin", summary="x", idempotency_key="k")["handoff"]["id"] for _ in range(2)}
    assert (len(ids), Handoff.objects.count()) == (1, 1)


def test_who_may_not_leaves_none(tell, ask, collaborator, stranger, app):
    assert refusal(ask(stranger, "handoff_begin", summary="x", project="app")) == (403, "token_scope_mismatch")
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "handoff_begin", summary="x")) == (403, "insufficient permissions", "collaborator")
    assert refusal(ask(collaborator, "handoff_begin")) == (400, "summary is required")
    assert refusal(ask(collaborator, "handoff_begin", summary="x", assign_to="sven")) == (
        400,
        "assign_to: no member 'sven' sees app.",
    )
    assert Handoff.objects.count() == 0
