"""Checkpoints and pinned facts come back whole to their own session, and to nobody else's."""

import pytest

from access.errors import Conflict, Forbidden, Invalid, NotFound, OutOfScope
from access.roles import Role
from runs import checkpoints
from runs.models import Checkpoint, PinnedFact
from runs.recording import start_run
from tests.conftest import make_person


def test_a_checkpoint_comes_back_with_the_facts_that_hold(collaborator, app):
    checkpoints.keep_checkpoint(collaborator.caller, app, "s1", task="First")
    kept = checkpoints.keep_checkpoint(
        collaborator.caller,
        app,
        "s1",
        task="Second",
        files=["a.py"],
        decisions=["CSV"],
        errors=["E1"],
        next_steps=["Test"],
    )
    checkpoints.pin_fact(collaborator.caller, app, "Never touch prod", reason="It is live")
    checkpoints.pin_fact(collaborator.caller, app, "Only here", session_id="s1")
    checkpoints.pin_fact(collaborator.caller, app, "Elsewhere", session_id="s2")
    back = checkpoints.restore(collaborator.caller, app, "s1")
    assert (back.checkpoint, [fact.fact for fact in back.facts]) == (kept, ["Never touch prod", "Only here"])
    assert (kept.task, kept.files, kept.decisions, kept.errors, kept.next_steps) == (
        "Second",
        ["a.py"],
        ["CSV"],
        ["E1"],
        ["Test"],
    )


def test_nothing_kept_comes_back_as_nothing(collaborator, app):
    back = checkpoints.restore(collaborator.caller, app, "s1")
    assert (back.checkpoint, back.facts) == (None, [])


def test_the_same_fact_is_pinned_once_and_released_by_its_text(collaborator, app):
    first = checkpoints.pin_fact(collaborator.caller, app, "Never touch prod")
    again = checkpoints.pin_fact(collaborator.caller, app, " Never touch prod ", reason="It is live")
    assert (first.pk, again.reason, PinnedFact.objects.count()) == (again.pk, "It is live", 1)
    checkpoints.release_fact(collaborator.caller, app, "Never touch prod")
    assert checkpoints.facts_of(app) == []
    with pytest.raises(NotFound, match="Pinned fact not found"):
        checkpoints.release_fact(collaborator.caller, app, "Never touch prod")


def test_there_is_an_end_to_pinning(collaborator, app):
    for number in range(checkpoints.FACTS_AT_MOST):
        checkpoints.pin_fact(collaborator.caller, app, f"Fact {number}")
    with pytest.raises(Conflict, match="50 facts are pinned here already"):
        checkpoints.pin_fact(collaborator.caller, app, "One more")


def test_another_persons_session_stays_theirs(collaborator, app):
    dora = make_person("dora", Role.COLLABORATOR, app)
    start_run(dora.caller, app, session_id="hers")
    checkpoints.keep_checkpoint(dora.caller, app, "unreported", task="Hers")
    for session in ("hers", "unreported"):
        with pytest.raises(Conflict, match="is somebody else's"):
            checkpoints.restore(collaborator.caller, app, session)
        with pytest.raises(Conflict):
            checkpoints.keep_checkpoint(collaborator.caller, app, session, task="Mine")
        with pytest.raises(Conflict):
            checkpoints.pin_fact(collaborator.caller, app, "x", session_id=session)


def test_strangers_and_guests_are_refused(stranger, app):
    guest = make_person("gwen", Role.GUEST, app)
    for who, refusal in ((stranger, OutOfScope), (guest, Forbidden)):
        for deed in (
            lambda caller: checkpoints.keep_checkpoint(caller, app, "s", task="x"),
            lambda caller: checkpoints.restore(caller, app, "s"),
            lambda caller: checkpoints.pin_fact(caller, app, "x"),
            lambda caller: checkpoints.release_fact(caller, app, "x"),
        ):
            with pytest.raises(refusal):
                deed(who.caller)
    assert (Checkpoint.objects.count(), PinnedFact.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("session", "told"),
    [
        ("", {"task": "x"}),
        ("x" * 201, {"task": "x"}),
        ("s", {}),
        ("s", {"task": "x" * 3001}),
        ("s", {"files": [str(n) for n in range(201)]}),
    ],
)
def test_what_cannot_be_kept_is_invalid(collaborator, app, session, told):
    with pytest.raises(Invalid):
        checkpoints.keep_checkpoint(collaborator.caller, app, session, **told)
    assert Checkpoint.objects.count() == 0


def test_secrets_are_masked(collaborator, app):
    secret = "AKIA" + "ABCDEFGH12345678"
    kept = checkpoints.keep_checkpoint(collaborator.caller, app, "s", task=secret, errors=[f"denied for {secret}"])
    fact = checkpoints.pin_fact(collaborator.caller, app, f"The key is {secret}", reason=secret)
    assert secret not in f"{kept.task}{kept.errors}{fact.fact}{fact.reason}"
