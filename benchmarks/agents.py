"""Agents that start, give signs of life and end, all at once, against a portal of its own.

    .venv/bin/python -m benchmarks.agents [--agents 200] [--seconds 60]

Each agent keeps one connection and works without a pause: a session starts, beats a few times, ends, and the next one
starts. At the end every second agent leaves its last session open. Then it is counted: each session must have got one
id and no other, and the board must show the open ones, each with its last step. Prints one JSON line.
"""

import argparse
import json
import random
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from benchmarks.machine import machine
from benchmarks.webhook import Connection, Portal, body, ms, running_portal

BEATS = (1, 6)
BOARD_MOST = 200


@dataclass
class Seen:
    """What the agents heard: ids by session, seconds by command, answers that were no success."""

    ids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: list[str] = field(default_factory=list)
    left_open: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


def main() -> None:
    """Run it and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    if options.agents > 2 * BOARD_MOST:
        parser.error(f"The board lists {BOARD_MOST} runs at most, so at most {2 * BOARD_MOST} agents can be checked.")
    with running_portal() as portal:
        print(json.dumps(measure(portal, options.agents, options.seconds)))


def measure(portal: Portal, agents: int, seconds: float) -> dict[str, Any]:
    """Let the agents work so long, then compare what they heard with what the board shows."""
    seen = Seen()
    end = time.monotonic() + seconds
    threads = [threading.Thread(target=work, args=(portal, seen, number, end)) for number in range(agents)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    connection = Connection(portal)
    status, text = connection.post(body("active_runs", project="benchmark", limit=BOARD_MOST))
    board = json.loads(text) if status == 200 else {"runs": [], "count": -1}
    shown = {row["session_id"]: row["step"] for row in board["runs"]}
    every_id = [run_id for ids in seen.ids.values() for run_id in ids]
    return {
        "benchmark": "agents",
        "agents": agents,
        "seconds": seconds,
        "calls": sum(map(len, seen.seconds.values())),
        "calls_per_second": round(sum(map(len, seen.seconds.values())) / seconds, 1),
        "sessions": len(seen.ids),
        "refused": len(seen.refused),
        "first_refusal": seen.refused[0] if seen.refused else "",
        "sessions_with_two_ids": sum(len(ids) != 1 for ids in seen.ids.values()),
        "ids_of_two_sessions": len(every_id) - len(set(every_id)),
        "left_open": len(seen.left_open),
        "on_the_board": board["count"],
        "board_is_right": shown == seen.left_open,
        **{f"{command}_p50_ms": ms(taken, 0.5) for command, taken in sorted(seen.seconds.items())},
        **{f"{command}_p95_ms": ms(taken, 0.95) for command, taken in sorted(seen.seconds.items())},
        "machine": machine(),
    }


def work(portal: Portal, seen: Seen, number: int, end: float) -> None:
    """One agent's sessions until the time is over."""
    draw = random.Random(number)
    connection = Connection(portal)
    count = 0
    while True:
        count += 1
        session = f"agent-{number}-session-{count}"
        step = "Reading"
        send(connection, seen, session, "start_run", agent="codex", machine=f"machine-{number}", step=step)
        for beat in range(draw.randint(*BEATS)):
            step = f"Step {beat}"
            tokens = {"tokens_input": beat * 1000, "tokens_output": beat * 10}
            send(connection, seen, session, "heartbeat_run", model="claude-haiku-4-5", step=step, **tokens)
        if time.monotonic() > end and number % 2 == 0:
            with seen.lock:
                seen.left_open[session] = step
            break
        send(connection, seen, session, "log_run", model="claude-haiku-4-5", tokens_input=9000, tokens_output=90)
        if time.monotonic() > end:
            break
    connection.close()


def send(connection: Connection, seen: Seen, session: str, command: str, **told: Any) -> None:
    """One report of a session; what was answered is kept."""
    began = time.perf_counter()
    status, text = connection.post(body(command, project="benchmark", session_id=session, **told))
    taken = time.perf_counter() - began
    with seen.lock:
        seen.seconds[command].append(taken)
        if status == 200:
            seen.ids[session].add(json.loads(text)["id"])
        else:
            seen.refused.append(f"{command} {status} {text[:200]!r}")


if __name__ == "__main__":
    main()
