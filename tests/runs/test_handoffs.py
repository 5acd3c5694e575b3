"""Handoffs: one session gets each, the right one first, and nobody out of the project."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from access.errors import Conflict, Forbidden, Invalid, NotFound, OutOfScope
from access.models import Notification, Project
from access.roles import Role
from runs import handoffs
from runs.models import Handoff, Run
from tests.conftest import make_person
from tests.runs.capture.conftest import edited, hook
from tests.runs.capture.test_working import SESSION


@pytest.fixture
def told(collaborator):
    from runs.capture.keeping import keep_hooks
    from runs.capture.working import work_waiting

    def tell(*hooks, by=None):
        keep_hooks((by or collaborator).caller, list(hooks))
        work_waiting()

    return tell


def begun(person, project, summary="Carry on", **more):
    return handoffs.begin(person.caller, project, summary, **more)


def test_a_sessions_end_leaves_a_handoff_with_what_it_did(told, app):
    told(*SESSION)
    left = Handoff.objects.get()
    assert (left.project, left.from_run, left.from_session, left.from_agent, left.from_person, left.cwd) == (
        app, Run.objects.get(), "s1", "claude-code", "carl", "/srv/app",
    )  # fmt: skip
    assert (left.state, left.is_automatic, left.files_touched, left.open_questions) == (
        "open", True, ["export.py"], ["Shall I add a header row?"],
    )  # fmt: skip
    assert left.summary.splitlines() == [
        "Asked:",
        "- Export the invoices as CSV",
        "",
        "Used: Bash (1), Edit (1)",
        "",
        "Failed:",
        "- Bash: pytest -q: 1 failed",
        "",
        "Last answer:",
        "The export works. Shall I add a header row?",
    ]


def test_a_newer_automatic_one_of_the_same_directory_expires_the_older(told):
    told(*SESSION)
    told(*(hook(one.words["event"], one.body, session="s2", second=100 + n) for n, one in enumerate(SESSION)))
    told(
        *(
            hook(one.words["event"], one.body, session="s3", second=200 + n, cwd="/srv/other")
            for n, one in enumerate(SESSION)
        )
    )
    assert list(Handoff.objects.order_by("created_at").values_list("from_session", "state", "ended_reason")) == [
        ("s1", "expired", "A newer session in the same directory ended."),
        ("s2", "open", ""),
        ("s3", "open", ""),
    ]


def test_a_session_without_work_leaves_none_and_gives_back_what_it_claimed(told, collaborator, app):
    told(*SESSION)
    told(hook("SessionStart", session="s2", second=50))
    taken = handoffs.claim(collaborator.caller, app, directory="/srv/app", session_id="s2", agent="codex")
    assert (taken.from_session, taken.state, taken.accepted_agent, taken.accepted_person) == (
        "s1",
        "accepted",
        "codex",
        "carl",
    )
    told(hook("SessionEnd", session="s2", second=51))
    left = Handoff.objects.get()
    assert (left.state, left.accepted_at, left.accepted_session, left.accepted_person) == ("open", None, "", "")


def test_a_session_with_work_keeps_what_it_claimed(told, collaborator, app):
    told(*SESSION)
    handoffs.claim(collaborator.caller, app, session_id="s2")
    told(edited("/srv/app/a.py", session="s2", second=60), hook("SessionEnd", session="s2", second=61))
    assert dict(Handoff.objects.values_list("from_session", "state")) == {"s1": "accepted", "s2": "open"}


def test_what_a_silent_client_claimed_is_given_back_by_the_sweep(told, collaborator, app):
    told(*SESSION)
    handoffs.claim(collaborator.caller, app, session_id="never-heard-of")
    assert handoffs.give_back_unused() == 0
    assert handoffs.give_back_unused(timezone.now() + timedelta(minutes=15)) == 1
    assert Handoff.objects.get().state == "open"


def test_the_sweep_leaves_alone_what_a_working_session_claimed(told, collaborator, app):
    told(*SESSION)
    handoffs.claim(collaborator.caller, app, session_id="s2")
    told(edited("/srv/app/a.py", session="s2", second=60))
    assert handoffs.give_back_unused(timezone.now() + timedelta(minutes=15)) == 0


def test_automatic_ones_expire_and_explicit_ones_do_not(told, collaborator, app):
    told(*SESSION)
    begun(collaborator, app)
    assert handoffs.expire_old(timezone.now() + timedelta(days=31)) == 1
    assert dict(Handoff.objects.values_list("is_automatic", "state")) == {True: "expired", False: "open"}


def test_which_one_a_session_gets_first(told, collaborator, app):
    dora = make_person("dora", Role.COLLABORATOR, app)
    told(*SESSION)
    told(
        *(
            hook(one.words["event"], one.body, session="hers", second=100 + n, cwd="/home/dora/app")
            for n, one in enumerate(SESSION)
        ),
        by=dora,
    )
    begun(dora, app, "explicit")
    begun(dora, app, "for carl", assign_to="carl")
    begun(dora, app, "for dora", assign_to="DORA")
    got = [handoffs.claim(collaborator.caller, app, directory="/srv/app", session_id=f"n{n}") for n in range(5)]
    assert [one and (one.summary if not one.is_automatic else one.from_session) for one in got] == [
        "for carl", "explicit", "s1", "hers", None,
    ]  # fmt: skip


def test_who_asks_again_at_once_gets_the_same_one_and_a_session_never_its_own(told, collaborator, app):
    told(*SESSION)
    assert handoffs.claim(collaborator.caller, app, session_id="s1") is None
    first = handoffs.claim(collaborator.caller, app, session_id="s2")
    assert handoffs.claim(collaborator.caller, app, session_id="s2") == first
    assert handoffs.claim(collaborator.caller, app, session_id="s3") is None
    assert handoffs.claim(collaborator.caller, app) is None


def test_another_session_that_only_guesses_the_id_does_not_get_it_again(told, collaborator, app):
    told(*SESSION)
    handoffs.claim(collaborator.caller, app, session_id="s2")
    assert handoffs.claim(make_person("dora", Role.COLLABORATOR, app).caller, app, session_id="s2") is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("waiting", [1, 2])
def test_of_sessions_that_start_at_the_same_moment_each_handoff_goes_to_one(waiting):
    app = Project.objects.create(name="app")
    person = make_person("carl", Role.COLLABORATOR, app)
    for number in range(waiting):
        begun(person, app, f"Carry on {number}")
    barrier, got = threading.Barrier(6), []

    def start(number):
        try:
            barrier.wait()
            got.append(handoffs.claim(person.caller, app, session_id=f"n{number}"))
        finally:
            connection.close()

    threads = [threading.Thread(target=start, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [one.summary for one in got if one is not None]
    assert sorted(taken) == [f"Carry on {number}" for number in range(waiting)]
    assert (len(got), Handoff.objects.open().count()) == (6, 0)


def test_it_is_assigned_told_and_left_to_everybody_again(collaborator, app):
    dora = make_person("dora", Role.COLLABORATOR, app)
    left = begun(collaborator, app, "The export is half done")
    handoffs.assign(collaborator.caller, left, "dora")
    assert Notification.objects.values_list("member__username", "words").get() == (
        "dora", "A handoff waits for you in app: The export is half done",
    )  # fmt: skip
    assert handoffs.claim(collaborator.caller, app, session_id="x") is None
    with pytest.raises(Conflict, match="assigned to another member"):
        handoffs.accept(collaborator.caller, left)
    handoffs.assign(collaborator.caller, left, "")
    assert handoffs.accept(collaborator.caller, left, session_id="x", agent="codex").accepted_person == "carl"
    with pytest.raises(Conflict, match="carl accepted this handoff already"):
        handoffs.accept(dora.caller, left)


def test_a_cancelled_one_is_over(collaborator, app):
    left = begun(collaborator, app)
    over = handoffs.cancel(collaborator.caller, left, "done by hand")
    assert (over.state, over.ended_reason) == ("expired", "Cancelled by carl: done by hand")
    with pytest.raises(Conflict, match="Cancelled by carl: done by hand"):
        handoffs.cancel(collaborator.caller, left)
    assert handoffs.claim(collaborator.caller, app) is None


@pytest.mark.parametrize("deed", [handoffs.accept, handoffs.cancel, lambda who, it: handoffs.assign(who, it, "sven")])
def test_a_stranger_neither_finds_nor_changes_it(collaborator, stranger, app, deed):
    left = begun(collaborator, app)
    with pytest.raises(NotFound, match="Handoff not found"):
        deed(stranger.caller, left)
    with pytest.raises(NotFound):
        handoffs.find_handoff(stranger.caller, left.pk)
    for refused in (handoffs.claim, lambda who, project: handoffs.begin(who, project, "x")):
        with pytest.raises(OutOfScope):
            refused(stranger.caller, app)
    assert Handoff.objects.get().state == "open"


def test_a_guest_changes_nothing(collaborator, app):
    guest = make_person("gwen", Role.GUEST, app)
    left = begun(collaborator, app)
    for deed in (
        handoffs.accept,
        handoffs.cancel,
        lambda who, it: handoffs.assign(who, it, "gwen"),
        lambda who, it: handoffs.claim(who, app),
    ):
        with pytest.raises(Forbidden):
            deed(guest.caller, left)


def test_the_owner_may_do_all_of_it(owner, collaborator, app):
    assert handoffs.accept(owner.caller, begun(collaborator, app)).accepted_person == "olga"
    assert handoffs.cancel(owner.caller, begun(collaborator, app)).ended_reason == "Cancelled by olga."


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"summary": " "}, "summary"),
        ({"summary": "x" * 3001}, "summary"),
        ({"open_questions": ["x"] * 1 + [str(n) for n in range(51)]}, "open_questions"),
        ({"next_steps": ["x" * 3001]}, "next_steps"),
        ({"assign_to": "sven"}, "assign_to"),
        ({"assign_to": "nobody"}, "assign_to"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_is_left(collaborator, stranger, app, told, field):
    with pytest.raises(Invalid) as refusal:
        begun(collaborator, app, **told)
    assert list(refusal.value.extra["fields"]) == [field]
    assert Handoff.objects.count() == 0


def test_secrets_are_masked(collaborator, app):
    secret = "ghp_" + "a1B2" * 9
    left = begun(
        collaborator, app, f"Use {secret}", next_steps=[f"push with {secret}"], files_touched=["~/.ssh/id_rsa"]
    )
    assert secret not in f"{left.summary}{left.next_steps}{left.files_touched}"
    assert left.files_touched == ["[masked: private key path]"]
