"""The spool and its sender: in order, once, through failures, and never more than a machine can hold."""

import os
import stat
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zikra_client import places, sending, spool
from zikra_client.events import read_event
from zikra_client.projects import Place

PLACE = Place("app", branch="main")


def keep(number, **body):
    event = read_event(
        "codex", "UserPromptSubmit", {"session_id": "s", "prompt": f"p{number}", **body}, now_ms=1_000 + number
    )
    return spool.keep(event, PLACE)


def prompts(portal):
    return [item["body"]["prompt"] for item in portal.stored]


@pytest.fixture(autouse=True)
def young_spool(monkeypatch):
    """Events of these tests are told at made-up times."""
    monkeypatch.setattr(spool, "SECONDS_AT_MOST", time.time() * 2)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(sending, "FIRST_PAUSE_SECONDS", 0.01)


def test_an_event_lies_in_the_spool_closed_to_others(client_home):
    path = keep(1)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(client_home).st_mode) == 0o700
    assert spool.waiting() == [os.path.basename(path)]


def test_what_waits_is_sent_in_order_with_its_own_time(portal):
    for number in (3, 1, 2):
        keep(number)
    assert sending.send_waiting() == sending.Sent(3, 0)
    assert prompts(portal) == ["p1", "p2", "p3"]
    words = parse_qs(urlsplit(portal.stored[0]["url"]).query)
    assert (words["event"], words["at"], words["project"], words["branch"]) == (
        ["user-prompt"],
        ["1001"],
        ["app"],
        ["main"],
    )
    assert spool.waiting() == []
    told = portal.headers[0]
    assert (told["Authorization"], told["X-Zikra-Machine"]) == ("Bearer zikra_abc_secret", "anvil")


@pytest.mark.parametrize("failures", [[503], [0, 503, 429], [408, 425, 500]])
def test_a_portal_that_fails_gets_everything_once_it_is_back(portal, impatient, failures):
    portal.failures = list(failures)
    for number in range(300):
        keep(number)
    assert sending.send_waiting().taken == 300
    assert prompts(portal) == [f"p{number}" for number in range(300)]


def test_a_portal_that_stays_away_loses_nothing(portal, impatient):
    keep(1)
    portal.failures = [503] * 20
    sent = sending.send_waiting(attempts=3)
    assert (sent.taken, sent.problem) == (0, 'The portal answered 503: {"error": "no"}')
    assert len(spool.waiting()) == 1
    assert spool.state()["problem"] == sent.problem
    portal.failures = []
    assert sending.send_waiting().taken == 1
    assert spool.state()["problem"] == ""


def test_a_refused_token_keeps_the_events_and_tells(portal):
    keep(1)
    portal.failures = [401]
    assert "refused the token" in sending.send_waiting().problem
    assert len(spool.waiting()) == 1


def test_a_portal_that_refuses_what_is_sent_is_quoted_and_the_events_wait(portal):
    keep(1)
    portal.failures = [403]
    assert sending.send_waiting().problem == "The portal refused what was sent (403): no"
    assert len(spool.waiting()) == 1
    assert sending.send_waiting() == sending.Sent(1, 0)


def test_what_the_portal_calls_wrong_is_let_go_and_holds_nothing_up(portal):
    keep(1)
    keep(2, is_refused=True)
    keep(3)
    assert sending.send_waiting() == sending.Sent(2, 1)
    assert (prompts(portal), spool.waiting()) == (["p1", "p3"], [])


def test_an_unreadable_batch_is_sent_one_by_one(portal):
    for number in range(3):
        keep(number)
    portal.failures = [400]
    assert sending.send_waiting() == sending.Sent(3, 0)
    assert prompts(portal) == ["p0", "p1", "p2"]


def test_two_senders_at_once_send_everything_once(portal):
    for number in range(600):
        keep(number)
    threads = [threading.Thread(target=sending.send_waiting) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert prompts(portal) == [f"p{number}" for number in range(600)]


def test_the_oldest_go_first_when_there_are_too_many(client_home, monkeypatch):
    monkeypatch.setattr(spool, "FILES_AT_MOST", 3)
    for number in range(5):
        keep(number)
    assert spool.drop_oldest() == 2
    assert [name.partition("-")[0] for name in spool.waiting()] == ["0000000001002", "0000000001003", "0000000001004"]
    assert spool.state()["dropped"] == 2


def test_what_is_older_than_a_week_goes(client_home, monkeypatch):
    monkeypatch.setattr(spool, "SECONDS_AT_MOST", 7 * 24 * 3600)
    keep(1)
    assert spool.drop_oldest(now=7 * 24 * 3600) == 0
    assert spool.drop_oldest(now=7 * 24 * 3600 + 2) == 1


def test_without_an_installation_nothing_is_lost(client_home):
    keep(1)
    assert "no portal is set" in sending.send_waiting(attempts=1).problem
    assert len(spool.waiting()) == 1
    assert places.token() == ""


@given(st.text(min_size=1))
def test_a_words_value_arrives_as_it_was(text):
    told = spool._in_a_query(text)
    assert parse_qs(f"word={told}", keep_blank_values=True) == {"word": [text]}
