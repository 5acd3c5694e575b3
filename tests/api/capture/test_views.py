"""The door of hooks: durable before the answer, once for each key, judged one by one, and closed to who may not."""

import json
import threading
from urllib.parse import quote, urlencode

import pytest
from django.db import connection
from django.test import Client

from access.models import AuditEntry, Project
from access.roles import Role
from runs.models import CapturedEvent, Run
from runs.recording import log_run
from tests.conftest import make_person


def send(client, person, event="user-prompt", body=None, headers=None, **words):
    words = {"event": event, "agent": "claude-code", "session_id": "s1", **words}
    return client.post(
        f"/hook?{urlencode(words)}",
        json.dumps({"prompt": "Hello"} if body is None else body),
        content_type="application/json",
        headers=headers or {},
        **person.authorization,
    )


def send_batch(client, person, items):
    return client.post("/hook/batch", json.dumps(items), content_type="application/json", **person.authorization)


def item(event="user-prompt", body=None, **words):
    words = {"event": event, "session_id": "s1", **words}
    return {"url": f"/hook?{urlencode(words)}", "body": {"prompt": "Hello"} if body is None else body}


def outcomes(response):
    assert response.status_code == 200, response.content
    assert [entry["index"] for entry in response.json()["results"]] == list(range(len(response.json()["results"])))
    return [entry["outcome"] for entry in response.json()["results"]]


def test_an_event_is_stored_when_the_answer_is_accepted(client, collaborator, app):
    response = send(client, collaborator, "UserPromptSubmit", cwd="/srv/app", ingest_key="k1", branch="csv")
    assert (response.status_code, response.json()) == (202, {"status": "accepted"})
    kept = CapturedEvent.objects.get()
    assert (
        kept.project,
        kept.ingest_key,
        kept.session_id,
        kept.kind,
        kept.name,
        kept.agent,
        kept.cwd,
        kept.branch,
    ) == (
        app,
        "k1",
        "s1",
        "user-prompt",
        "UserPromptSubmit",
        "claude-code",
        "/srv/app",
        "csv",
    )
    assert (kept.body, kept.member, kept.token, kept.person, kept.worked_at, kept.outcome) == (
        {"prompt": "Hello"},
        collaborator.member,
        collaborator.token,
        "carl",
        None,
        "stored",
    )


def test_the_same_key_is_stored_once_and_unknown_words_are_ignored(client, collaborator):
    told = [send(client, collaborator, ingest_key="k", workspace="x", colour="blue") for _ in range(3)]
    assert [(answer.status_code, answer.headers["X-Zikra-Outcome"]) for answer in told] == [
        (202, "stored"),
        (202, "replayed"),
        (202, "replayed"),
    ]
    assert CapturedEvent.objects.count() == 1


def test_the_same_key_in_another_project_is_another_event(client, owner, app, secret_project):
    for project in ("app", "skunkworks"):
        assert send(client, owner, ingest_key="k", project=project).headers["X-Zikra-Outcome"] == "stored"
    assert CapturedEvent.objects.count() == 2


def test_without_a_key_each_event_is_its_own(client, collaborator):
    for _ in range(2):
        assert send(client, collaborator).status_code == 202
    assert CapturedEvent.objects.count() == 2


def test_a_batch_tells_of_each_event_what_became_of_it(client, collaborator, secret_project):
    log_run(
        make_person("dora", Role.COLLABORATOR, Project.objects.get(name="app")).caller,
        Project.objects.get(name="app"),
        session_id="hers",
    )
    items = [
        item("session-start", ingest_key="1"),
        item(ingest_key="2"),
        item(ingest_key="2"),
        item(ingest_key="3", project="skunkworks"),
        item(ingest_key="4", session_id="hers"),
        item("post-tool-use", {"agent_id": "a1", "tool_name": "Bash"}, ingest_key="5"),
        item(ingest_key="6", session_id=""),
        {"url": "/other?event=stop", "body": {}},
        "no item",
        item(ingest_key="7", body=[1]),
        item("session-end", {}, ingest_key="8", at="2026-03-01T10:00:00Z"),
        item("session-end", {}, ingest_key="9", at="2026-03-01T10:00:01Z"),
        item("session-start", {"source": "resume"}, ingest_key="10", at="2026-03-01T11:00:00Z"),
    ]
    response = send_batch(client, collaborator, items)
    assert outcomes(response) == [
        "stored",
        "stored",
        "replayed",
        "dropped_unauthorized",
        "dropped_collision",
        "dropped_subagent",
        "dropped_invalid",
        "dropped_invalid",
        "dropped_invalid",
        "dropped_invalid",
        "stored",
        "ignored_end",
        "resumed",
    ]
    assert response.json()["accepted"] == 6
    assert list(CapturedEvent.objects.order_by("pk").values_list("ingest_key", flat=True)) == ["1", "10", "2", "8", "9"]
    assert set(outcomes(send_batch(client, collaborator, [items[0], items[1], *items[-3:]]))) == {"replayed"}


def test_a_policy_drops_kinds_of_events(client, collaborator, settings):
    settings.CAPTURE_DROPPED_EVENTS = frozenset({"pre-tool-use"})
    told = send_batch(client, collaborator, [item("PreToolUse"), item("BeforeTool"), item("post-tool-use")])
    assert outcomes(told) == ["dropped_policy", "dropped_policy", "stored"]


def test_subagents_are_kept_where_the_policy_says_so(client, collaborator, settings):
    settings.CAPTURE_SUBAGENTS = True
    assert outcomes(send_batch(client, collaborator, [item(body={"agent_id": "a1", "prompt": "x"})])) == ["stored"]


def test_a_session_of_another_person_is_refused_before_and_after_it_is_a_run(client, collaborator, app):
    dora = make_person("dora", Role.COLLABORATOR, app)
    assert send(client, dora, session_id="hers").status_code == 202
    response = send(client, collaborator, "session-end", session_id="hers")
    assert (response.status_code, response.json()) == (
        409,
        {"error": "The session 'hers' is somebody else's.", "hint": "Report your own session under its own id."},
    )
    assert CapturedEvent.objects.count() == 1


def test_two_tokens_of_one_member_share_a_session(client, collaborator, app):
    from access.callers import Caller
    from access.tokens import make_token

    other = make_token(
        Caller("t", Role.OWNER, None),
        "carl, desktop",
        Role.COLLABORATOR,
        project_names=["app"],
        member=collaborator.member,
    )
    assert send(client, collaborator).status_code == 202
    answer = client.post(
        "/hook?event=stop&session_id=s1",
        "{}",
        content_type="application/json",
        headers={"authorization": f"Bearer {other.secret}"},
    )
    assert answer.status_code == 202


@pytest.mark.parametrize("path", ["/hook?event=stop&session_id=s", "/hook/batch"])
def test_a_guest_may_not_write_and_nobody_without_a_token(client, app, path):
    guest = make_person("gwen", Role.GUEST, app)
    answer = client.post(path, "[]", content_type="application/json", **guest.authorization)
    assert (answer.status_code, answer.json()) == (
        403,
        {"error": "insufficient permissions", "required_role": "collaborator"},
    )
    for headers in ({}, {"authorization": "Bearer zikra_0000000000_x"}, {"authorization": f"Basic {guest.secret}"}):
        refused = client.post(path, "[]", content_type="application/json", headers=headers)
        assert (refused.status_code, refused.json(), refused.headers["WWW-Authenticate"]) == (
            401,
            {"error": "Unauthorized"},
            "Bearer",
        )
    assert CapturedEvent.objects.count() == 0


def test_a_stranger_writes_nothing_into_another_project(client, stranger, collaborator, app):
    assert send(client, collaborator).status_code == 202
    refused = send(client, stranger, "session-end", project="app")
    assert (refused.status_code, refused.json()["error"]) == (403, "token_scope_mismatch")
    # Without a project named, it is the stranger's own: a session of the same id there is another one.
    assert send(client, stranger, "session-end").status_code == 202
    assert list(CapturedEvent.objects.order_by("pk").values_list("project__name", "kind")) == [
        ("app", "user-prompt"),
        ("skunkworks", "session-end"),
    ]
    assert AuditEntry.objects.filter(outcome="refused", door="capture").values_list(
        "caller", "command", "status"
    ).get() == ("sven", "hook", 403)


def test_a_new_project_is_made_where_the_scope_allows_it(client, owner, collaborator):
    assert send(client, owner, project="github.com/acme/new").status_code == 202
    assert send(client, owner, cwd="/home/ana/src/other", session_id="s2").status_code == 202
    assert send(client, owner, project=".dotfiles", session_id="s3").status_code == 202
    assert send(client, collaborator, project="newer").status_code == 403
    assert set(CapturedEvent.objects.values_list("project__name", flat=True)) == {
        "github.com/acme/new",
        "other",
        "dotfiles",
    }


def test_a_repository_names_the_project_only_where_the_token_leaves_it_open(client, owner, collaborator):
    for person, session in ((owner, "a"), (collaborator, "b")):
        assert send(client, person, repository="github.com/acme/shop", session_id=session).status_code == 202
    assert list(CapturedEvent.objects.order_by("pk").values_list("project__name", flat=True)) == [
        "github.com/acme/shop",
        "app",
    ]


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("/hook?session_id=s", "{}", "event: is required, such as event=session-start."),
        ("/hook?event=stop", "{}", "session_id: is required, in the query or the body, with at most 200 characters."),
        ("/hook?event=stop&session_id=s", "{", "Request body is not valid JSON"),
        ("/hook?event=stop&session_id=s", "[]", "body: must be a JSON object: what the agent hands its hook."),
        ("/hook?event=stop&session_id=s", "[" * 100_000, "Request body is not valid JSON"),
        ("/hook/batch", "{}", "Request body must be a JSON array"),
        ("/hook/batch", "", "Request body must be a JSON array"),
        ("/hook/batch", json.dumps([{}] * 257), "257 events; a batch holds at most 256."),
    ],
)
def test_what_is_no_event_is_refused_in_words_and_changes_nothing(client, collaborator, path, body, error):
    answer = client.post(path, body, content_type="application/json", **collaborator.authorization)
    assert (answer.status_code, answer.json()["error"], CapturedEvent.objects.count()) == (400, error, 0)


def test_other_methods_are_told_the_right_one(client, collaborator):
    told = [client.get("/hook"), client.put("/hook/batch"), client.post("/identity")]
    assert [(answer.status_code, answer.headers["Allow"]) for answer in told] == [
        (405, "POST"),
        (405, "POST"),
        (405, "GET"),
    ]


def test_a_body_over_the_limit_is_413(client, collaborator, settings):
    settings.CAPTURE_BODY_BYTES = 1000
    answer = send(client, collaborator, body={"prompt": "x" * 1000})
    assert (answer.status_code, answer.json()["limit_bytes"], CapturedEvent.objects.count()) == (413, 1000, 0)
    assert send(client, collaborator, body={"prompt": "x" * 900}).status_code == 202


def test_a_body_larger_than_the_webhook_takes_is_kept_and_cut(client, collaborator):
    answer = send(
        client,
        collaborator,
        "post-tool-use",
        body={"tool_name": "Bash", "tool_response": {"stdout": "word " * 1_000_000}},
    )
    assert answer.status_code == 202
    kept = CapturedEvent.objects.get().body["tool_response"]["stdout"]
    assert (len(kept) < 2000, kept[:10], kept[-10:]) == (True, "word word ", "word word ")


@pytest.mark.usefixtures("within_one_minute")
def test_a_rate_that_is_over_is_429_in_words(client, collaborator, settings):
    settings.TOKEN_RATE_PER_MINUTE = 2
    answers = [send(client, collaborator) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[2].json()["error"] == "Rate limit of 2 commands a minute is reached."
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
    assert CapturedEvent.objects.count() == 2


@pytest.mark.parametrize(
    "body", [b'{"prompt": "a\\u0000b\\ud800c"}', b'{"prompt": "a\x01b", "n": NaN, "m": 1e999}', b"", b"{}"]
)
def test_odd_characters_and_numbers_are_kept_as_far_as_a_database_takes_them(client, collaborator, body):
    answer = client.post(
        "/hook?event=user-prompt&session_id=s", body, content_type="text/plain", **collaborator.authorization
    )
    assert (answer.status_code, CapturedEvent.objects.count()) == (202, 1)


@pytest.mark.parametrize("session", ["", "x" * 201, "\x00"])
def test_sessions_that_cannot_be_named_are_invalid(client, collaborator, session):
    assert outcomes(
        send_batch(client, collaborator, [{"url": f"/hook?event=stop&session_id={quote(session)}", "body": {}}])
    ) == ["dropped_invalid"]


def test_the_time_is_the_events_own_where_it_tells_one(client, collaborator):
    items = [
        item(at="2026-03-01T10:00:00+01:00", ingest_key="a", seq="7"),
        item(at="1772355600123", ingest_key="b"),
        item(body={"prompt": "x", "timestamp": "2026-03-01T09:00:02Z"}, ingest_key="c"),
        item(at="2999-01-01T00:00:00Z", ingest_key="d"),
        item(at="nonsense", ingest_key="e"),
        item(at="12", ingest_key="f"),
    ]
    assert outcomes(send_batch(client, collaborator, items)) == ["stored"] * 6
    kept = {event.ingest_key: event for event in CapturedEvent.objects.all()}
    assert [kept[key].at.isoformat() for key in "abc"] == [
        "2026-03-01T09:00:00+00:00",
        "2026-03-01T09:00:00.123000+00:00",
        "2026-03-01T09:00:02+00:00",
    ]
    assert kept["a"].sequence == 7
    received = [abs((kept[key].at - kept[key].received_at).total_seconds()) < 5 for key in "def"]
    assert received == [True] * 3
    assert kept["d"].at < kept["e"].at < kept["f"].at


def test_what_the_client_tells_of_itself_is_kept(client, collaborator):
    headers = {
        "x-zikra-client": "0.3.0",
        "x-zikra-machine": "anvil",
        "x-zikra-backlog": "12;340",
        "x-zikra-untrusted": "codex, cursor",
    }
    assert send(client, collaborator, headers=headers).status_code == 202
    kept = CapturedEvent.objects.get()
    assert (kept.machine, kept.client) == (
        "anvil",
        {"version": "0.3.0", "backlog": 12, "backlog_seconds": 340, "untrusted": ["codex", "cursor"]},
    )


@pytest.mark.parametrize(
    ("fixture", "told"),
    [
        (
            "owner",
            {
                "level": "owner",
                "operator": "olga",
                "role": "owner",
                "projects": ["app", "skunkworks"],
                "all_projects": True,
                "default_project": "global",
            },
        ),
        (
            "collaborator",
            {
                "level": "write",
                "operator": "carl",
                "role": "collaborator",
                "projects": ["app"],
                "all_projects": False,
                "default_project": "app",
            },
        ),
        (
            "stranger",
            {
                "level": "admin",
                "operator": "sven",
                "role": "admin",
                "projects": ["skunkworks"],
                "all_projects": False,
                "default_project": "skunkworks",
            },
        ),
    ],
)
def test_identity_tells_who_a_token_is_here(client, request, app, secret_project, settings, fixture, told):
    person = request.getfixturevalue(fixture)
    assert client.get("/identity", **person.authorization).json() == {"version": settings.VERSION, **told}


def test_a_guest_may_ask_who_it_is(client, app):
    guest = make_person("gwen", Role.GUEST, app)
    assert client.get("/identity", **guest.authorization).json()["level"] == "read"
    assert client.get("/identity").status_code == 401


@pytest.mark.django_db(transaction=True)
def test_a_spool_sent_by_two_connections_at_once_is_stored_once():
    app = Project.objects.create(name="app")
    person = make_person("carl", Role.COLLABORATOR, app)
    items = [item(ingest_key=f"k{number}", at=str(1772355600000 + number)) for number in range(100)]
    told: list[list[str]] = []

    def drain(part):
        try:
            told.append(outcomes(send_batch(Client(), person, part)))
        finally:
            connection.close()

    threads = [threading.Thread(target=drain, args=(part,)) for part in (items, items[::-1], items, items[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome for part in told for outcome in part) == ["replayed"] * 300 + ["stored"] * 100
    assert CapturedEvent.objects.count() == 100
    in_order = CapturedEvent.objects.of_session(app.pk, "s1").values_list("ingest_key", flat=True)
    assert list(in_order) == [f"k{number}" for number in range(100)]
    assert Run.objects.count() == 0
