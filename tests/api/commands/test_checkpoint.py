"""The command `checkpoint`."""

from runs.models import Checkpoint
from tests.api.conftest import needs, refusal
from tests.conftest import make_person


def test_what_was_told_is_kept_and_the_only_active_session_is_meant(tell, ask, collaborator):
    assert refusal(ask(collaborator, "checkpoint", task="x")) == (
        400,
        "session_id: is required: none of your sessions are active here.",
    )
    tell(collaborator, "start_run", session_id="s1")
    answer = tell(collaborator, "save_checkpoint", task="Half done", files="a.py, b.py", decisions=["CSV"])
    kept = Checkpoint.objects.get()
    assert (answer["id"], answer["session_id"]) == (str(kept.pk), "s1")
    assert (kept.task, kept.files, kept.decisions, kept.is_automatic) == ("Half done", ["a.py", "b.py"], ["CSV"], False)
    tell(collaborator, "start_run", session_id="s2")
    assert refusal(ask(collaborator, "checkpoint", task="x")) == (
        400,
        "session_id: is required: 2 of your sessions are active here.",
    )


def test_who_may_not_keeps_none(ask, collaborator, stranger, app):
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "checkpoint", session_id="s", task="x")) == (
        403,
        "insufficient permissions",
        "collaborator",
    )
    assert refusal(ask(stranger, "checkpoint", session_id="s", task="x", project="app")) == (
        403,
        "token_scope_mismatch",
    )
    assert refusal(ask(collaborator, "checkpoint", session_id="s")) == (
        400,
        "task: a checkpoint tells at least the task, a file, a decision, an error or a next step.",
    )
    assert Checkpoint.objects.count() == 0
