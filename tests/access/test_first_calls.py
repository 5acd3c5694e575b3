"""The first calls of a fresh process come together: each is counted, none fails."""

import threading
import uuid
from dataclasses import replace

from access import rates
from access.callers import system_caller

THREADS = 16


def test_calls_that_come_together_before_there_is_a_client_are_all_counted():
    caller = replace(system_caller("tests"), token_id=uuid.uuid4(), rate_per_minute=0)
    together = threading.Barrier(THREADS)
    counted: list[int] = []
    problems: list[BaseException] = []

    def call() -> None:
        together.wait()
        try:
            counted.append(rates.count_call(caller).calls)
        except BaseException as error:
            problems.append(error)

    for round_of_calls in range(1, 11):
        rates._made_server.cache_clear()
        threads = [threading.Thread(target=call) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []
        assert len(counted) == round_of_calls * THREADS
        assert 0 not in counted
