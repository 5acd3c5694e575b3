"""A storm of hooks wakes the worker once, and nothing that arrives is left without a message that sees it."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from celery import current_app
from django.core.cache import cache

from runs.capture import signal
from runs.capture.signal import ON_ITS_WAY, PAUSE_SECONDS, STORM_PAUSE_SECONDS, STORM_RATE, send_signal


@pytest.fixture
def queue(monkeypatch):
    """Messages that were sent, by when their work begins; real ones on the broker, taken away afterwards."""
    cache.delete(ON_ITS_WAY)
    current_app.control.purge()
    monkeypatch.setattr(signal, "_pause", signal._Pause())

    def waiting() -> int:
        with current_app.connection_for_read() as connection:
            return connection.default_channel.client.llen("celery")

    yield waiting
    current_app.control.purge()
    cache.delete(ON_ITS_WAY)


def test_a_storm_of_hooks_sends_one_message(queue):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: send_signal(), range(200)))
    assert queue() == 1


def test_a_second_process_sends_none_while_one_is_on_its_way(queue, monkeypatch):
    send_signal()
    monkeypatch.setattr(signal, "_pause", signal._Pause())
    send_signal()
    assert queue() == 1


def test_a_second_process_asks_again_when_the_first_ones_work_begins(queue, monkeypatch):
    begun = time.time()
    cache.add(ON_ITS_WAY, begun + 0.2, timeout=PAUSE_SECONDS)
    send_signal()
    assert queue() == 0
    cache.delete(ON_ITS_WAY)
    send_signal()
    assert queue() == 0
    time.sleep(max(0.0, begun + 0.25 - time.time()))
    send_signal()
    assert queue() == 1


def test_after_the_pause_the_next_hook_sends_another(queue):
    send_signal()
    time.sleep(PAUSE_SECONDS + 0.2)
    send_signal()
    assert queue() == 2


def test_a_storm_is_worked_in_fewer_rounds_and_few_hooks_soon(time_machine):
    time_machine.move_to(1_000_000, tick=False)
    pause = signal._Pause()
    assert pause.after_this_hook() == PAUSE_SECONDS
    for _ in range(STORM_RATE * PAUSE_SECONDS):
        assert pause.after_this_hook() is None
    time_machine.shift(PAUSE_SECONDS)
    assert pause.after_this_hook() == STORM_PAUSE_SECONDS
    for _ in range(STORM_RATE * STORM_PAUSE_SECONDS - 2):
        assert pause.after_this_hook() is None
    time_machine.shift(STORM_PAUSE_SECONDS)
    assert pause.after_this_hook() == PAUSE_SECONDS
