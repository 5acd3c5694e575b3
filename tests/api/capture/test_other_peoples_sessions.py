"""A session of a project that a token does not reach: it is neither claimed, nor read, nor ended, at any door."""

import json
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from access.roles import Role
from runs import checkpoints, handoffs
from runs.capture.keeping import keep_hooks
from runs.capture.working import work_waiting
from runs.models import CapturedEvent, Checkpoint, Handoff, PinnedFact, Run
from tests.conftest import make_person
from tests.runs.capture.conftest import hook
from tests.runs.capture.test_working import SESSION

pytestmark = pytest.mark.django_db
# In all that the session tells, and in no refusal.
CANARY = "kestrel"
AT_WORK = "s-at-work"


@pytest.fixture
def session(collaborator, app):
    """Carl's: it runs, has a checkpoint and a fact, and an earlier one left a handoff."""
    keep_hooks(collaborator.caller, list(SESSION))
    told = hook("UserPromptSubmit", {"prompt": f"Feed the {CANARY}"}, session=AT_WORK)
    told.words["at"] = timezone.now().isoformat()
    keep_hooks(collaborator.caller, [told])
    work_waiting()
    checkpoints.keep_checkpoint(collaborator.caller, app, AT_WORK, task=f"Half of the {CANARY}")
    checkpoints.pin_fact(collaborator.caller, app, f"Never wake the {CANARY}", session_id=AT_WORK)
    Handoff.objects.update(summary=f"The {CANARY} sleeps")
    return Run.objects.get(session_id=AT_WORK)


def standing():
    """All that could have been claimed, changed or ended."""
    return (
        list(Run.objects.order_by("session_id").values_list("session_id", "finished_at", "last_seen_at", "status")),
        list(Handoff.objects.values_list("state", "accepted_session", "assigned_to", "ended_reason")),
        list(Checkpoint.objects.values_list("session_id", "task")),
        list(PinnedFact.objects.values_list("fact", flat=True)),
        CapturedEvent.objects.filter(project__name="app").count(),
    )


def send(client, person, **words):
    query = urlencode({"event": "session-end", "agent": "codex", "session_id": AT_WORK, **words})
    return client.post(f"/hook?{query}", "{}", content_type="application/json", **person.authorization)


def send_batch(client, person, **words):
    query = urlencode({"event": "session-end", "session_id": AT_WORK, **words})
    items = [{"url": f"/hook?{query}", "body": {}}]
    return client.post("/hook/batch", json.dumps(items), content_type="application/json", **person.authorization)


def start(client, person, **words):
    return client.get(f"/handoff?{urlencode({'session_id': AT_WORK, **words})}", **person.authorization)


def command(client, person, name, **arguments):
    body = {"command": name, **arguments}
    return client.post("/webhook/zikra", body, content_type="application/json", **person.authorization)


# What is tried: by its name, with the words that name the session's project, or without any.
TRIES = {
    "hook": lambda client, person, run, words: send(client, person, **words),
    "handoff": lambda client, person, run, words: start(client, person, agent="codex", briefing="true", **words),
    "handoff after compact": lambda client, person, run, words: start(client, person, source="compact", **words),
    "handoff after resume": lambda client, person, run, words: start(
        client, person, source="resume", briefing="true", **words
    ),
    "handoff_accept": lambda client, person, run, words: command(
        client, person, "handoff_accept", session_id="n1", **words
    ),
    "restore": lambda client, person, run, words: command(client, person, "restore", session_id=AT_WORK, **words),
    "checkpoint": lambda client, person, run, words: command(
        client, person, "checkpoint", session_id=AT_WORK, task="Mine now", **words
    ),
    "anchor": lambda client, person, run, words: command(
        client, person, "anchor", fact=f"Never wake the {CANARY}", session_id=AT_WORK, release=True, **words
    ),
    "heartbeat_run": lambda client, person, run, words: command(
        client, person, "heartbeat_run", session_id=AT_WORK, step="Mine", **words
    ),
    "log_run": lambda client, person, run, words: command(
        client, person, "log_run", session_id=AT_WORK, status="failed", **words
    ),
}
BY_ID = {
    "handoff_accept": lambda client, person, run: command(
        client, person, "handoff_accept", id=str(Handoff.objects.get().pk)
    ),
    "handoff_cancel": lambda client, person, run: command(
        client, person, "handoff_cancel", id=str(Handoff.objects.get().pk)
    ),
    "heartbeat_run": lambda client, person, run: command(client, person, "heartbeat_run", run_id=str(run.pk)),
    "log_run": lambda client, person, run: command(client, person, "log_run", run_id=str(run.pk), status="failed"),
}


@pytest.mark.parametrize("name", TRIES)
def test_a_token_of_another_project_is_refused_where_it_names_this_one(client, stranger, session, name):
    before = standing()
    answer = TRIES[name](client, stranger, session, {"project": "app"})
    assert (answer.status_code, answer.json()["error"]) == (403, "token_scope_mismatch")
    assert CANARY not in answer.content.decode()
    work_waiting()
    assert standing() == before


@pytest.mark.parametrize("name", TRIES)
def test_without_a_name_it_means_its_own_project_where_there_is_no_such_session(client, stranger, session, name):
    ours = Run.objects.filter(project__name="app").count()
    before = standing()
    answer = TRIES[name](client, stranger, session, {})
    said = answer.content.decode()
    # What the call itself brought may come back: the name of a fact that is not pinned there.
    assert CANARY not in said or name == "anchor"
    work_waiting()
    after = standing()
    assert Run.objects.filter(project__name="app").count() == ours
    assert set(before[0]) <= set(after[0])
    assert after[1] == before[1]
    assert set(before[2]) <= set(after[2])
    assert after[3:] == before[3:]
    assert Run.objects.get(pk=session.pk).finished_at is None


@pytest.mark.parametrize("name", BY_ID)
def test_by_its_id_it_is_not_found(client, stranger, session, name):
    before = standing()
    answer = BY_ID[name](client, stranger, session)
    assert answer.status_code == 404
    assert CANARY not in answer.content.decode()
    assert standing() == before


def test_a_batch_drops_its_end(client, stranger, session):
    before = standing()
    told = send_batch(client, stranger, project="app").json()
    assert (told["accepted"], [result["outcome"] for result in told["results"]]) == (0, ["dropped_unauthorized"])
    work_waiting()
    assert standing() == before


@pytest.mark.parametrize("name", ["hook", "handoff after resume", "restore", "checkpoint", "heartbeat_run", "log_run"])
def test_in_the_same_project_it_is_still_its_persons(client, app, session, name):
    dora = make_person("dora", Role.COLLABORATOR, app)
    before = standing()
    answer = TRIES[name](client, dora, session, {"project": "app"})
    whose = "was reported by somebody else." if name.endswith("_run") else "is somebody else's."
    assert (answer.status_code, answer.json()["error"]) == (409, f"The session '{AT_WORK}' {whose}")
    assert CANARY not in answer.content.decode()
    work_waiting()
    assert standing() == before


def test_its_own_person_and_no_other_does_all_of_it(client, collaborator, session, app):
    """The doors above do open: what is refused there is done here."""
    told = start(client, collaborator, source="resume", project="app").content.decode()
    assert f"Half of the {CANARY}" in told
    assert command(client, collaborator, "restore", session_id=AT_WORK).json()["checkpoint"]["task"].endswith(CANARY)
    assert CANARY in start(client, collaborator, session_id="n1").content.decode()
    assert handoffs.handoffs_in(collaborator.caller, None, "accepted").count() == 1
    assert send(client, collaborator).status_code == 202
    work_waiting()
    assert Run.objects.get(pk=session.pk).finished_at is not None
