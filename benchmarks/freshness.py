"""How soon a save is found by meaning: alone, and while many others wait for their vectors.

    .venv/bin/python -m benchmarks.freshness [--saves 20] [--backlog 2000]

Starts a portal of its own by `./zikra up`. A save counts as found by meaning when a search that shares no word with it
finds it; searches are repeated every POLL_SECONDS until then, so the figures are rather too large than too small. The
second part saves BACKLOG memories with eight clients and begins at once, while they wait; what still waits at its end is
told, for a backlog that was worked off meanwhile would prove nothing. All traffic stays on the loopback interface. Prints
one JSON line.
"""

import argparse
import json
import time
from collections.abc import Iterable
from typing import Any

from benchmarks.machine import machine, percentile
from benchmarks.webhook import Connection, Portal, body, embedding_state, memory, running_portal, save_body, timed

POLL_SECONDS = 0.1
GIVE_UP_SECONDS = 120.0
CLIENTS = 8
BESIDE = 1_000_000
# Nothing of the texts that are saved, so that no word finds them.
QUESTION = "Was wurde hier beschlossen?"


def main() -> None:
    """Run it all and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--saves", type=int, default=20, help="of each part")
    parser.add_argument("--backlog", type=int, default=2_000)
    options = parser.parse_args()
    with running_portal() as portal:
        print(json.dumps(measure(portal, options.saves, options.backlog)))


def measure(portal: Portal, saves: int, backlog: int) -> dict[str, Any]:
    """Save alone, then beside a backlog; answers the figures."""
    found_after(portal, [0])
    alone = found_after(portal, range(1, saves + 1))
    timed(portal, CLIENTS, [save_body(*memory(BESIDE + number)) for number in range(backlog)])
    before = embedding_state(portal)
    beside = found_after(portal, range(saves + 1, 2 * saves + 1))
    after = embedding_state(portal)
    return {
        "benchmark": "freshness",
        "saves": saves,
        "alone_p50_s": round(percentile(alone, 0.5), 2),
        "alone_max_s": round(max(alone), 2),
        "backlog": backlog,
        "waiting_before": before["waiting"],
        "beside_backlog_p50_s": round(percentile(beside, 0.5), 2),
        "beside_backlog_max_s": round(max(beside), 2),
        "waiting_after": after["waiting"],
        "machine": machine(),
    }


def found_after(portal: Portal, numbers: Iterable[int]) -> list[float]:
    """Seconds from the answer to each save until a search finds it by meaning, one after the other."""
    connection = Connection(portal)
    seconds = [_found_after(connection, number) for number in numbers]
    connection.close()
    return seconds


def _found_after(connection: Connection, number: int) -> float:
    """Each save has a module of its own, so that the search finds it and nothing else."""
    title, text = memory(number)
    module = f"module-{number}"
    _answer(connection, "save_memory", project="benchmark", memory_type="decision", title=title, content_md=text, module=module)  # fmt: skip
    began = time.perf_counter()
    while (seconds := time.perf_counter() - began) < GIVE_UP_SECONDS:
        found = _answer(connection, "search", query=QUESTION, project="benchmark", module=module)
        if found["results"]:
            return time.perf_counter() - began
        time.sleep(POLL_SECONDS)
    raise SystemExit(f"A save was not found by meaning within {seconds:.0f} s.")


def _answer(connection: Connection, command: str, **arguments: Any) -> dict[str, Any]:
    status, text = connection.post(body(command, **arguments))
    if status != 200:
        raise SystemExit(f"The portal refused: {status} {text[:200]!r}")
    return json.loads(text)


if __name__ == "__main__":
    main()
