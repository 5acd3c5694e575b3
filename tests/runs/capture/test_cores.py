"""What the machine tells of itself."""

import threading

from runs.capture.cores import runnable_threads


def test_the_asking_thread_is_counted_and_busy_ones_add_to_it():
    assert runnable_threads() >= 1
    stop = threading.Event()

    def busy() -> None:
        # Hashing much at once leaves the interpreter's lock, so that both threads run.
        import hashlib

        data = b"x" * 1_000_000
        while not stop.is_set():
            hashlib.sha256(data).digest()

    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        assert max(runnable_threads() for _ in range(200)) >= 3
    finally:
        stop.set()
        for thread in threads:
            thread.join()
