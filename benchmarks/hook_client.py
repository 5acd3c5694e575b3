"""What an agent waits for when it runs an installed hook, beyond the start of the interpreter.

    .venv/bin/python -m benchmarks.hooks --client [--runs 100]

Starts a portal of its own, connects a fresh home by the portal's own `/connect.py`, and runs the command lines that the
installer wrote for Claude Code as the agent would: a process with the event on its standard input, waited for until it
has ended and closed its output. Each run is followed by one of `python3 -c pass` by the same interpreter with the same
options, so that both meet the same machine, and begins when the senders of the one before have ended; what is told is the difference between the two percentiles. Floor: 60 ms at
the 95th percentile for hooks that answer nothing; a session's start asks the portal, and its floor is that plus 1 s.
"""

import fcntl
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.webhook import Portal, ms

FLOOR_P95_MS = 60.0
FLOOR_START_P95_MS = 1060.0
EVENTS = ("PostToolUse", "Stop", "SessionStart")
WARM_RUNS = 5
DRAIN_SECONDS = 120


def measure_client(portal: Portal, runs: int) -> dict[str, Any]:
    """Milliseconds beyond the interpreter's start of each event's hook, at the median and the 95th percentile."""
    with tempfile.TemporaryDirectory(prefix="zikra-hooks-") as folder:
        home = Path(folder)
        commands = connected(portal, home)
        told = {event: measured(home, event, commands[event], runs) for event in EVENTS}
        waiting = drained(home)
    return {
        "benchmark": "hooks",
        "half": "client",
        "runs": runs,
        **{f"{event}_{name}": value for event, figures in told.items() for name, value in figures.items()},
        "events_left_in_the_spool": waiting,
        "floor_held": waiting == 0
        and all(
            figures["beyond_p95_ms"] <= (FLOOR_START_P95_MS if event == "SessionStart" else FLOOR_P95_MS)
            for event, figures in told.items()
        ),
        "machine": machine(),
    }


def connected(portal: Portal, home: Path) -> dict[str, list[str]]:
    """The command line of each event's hook, as the portal's installer wrote it for Claude Code."""
    address = f"http://{portal.host}:{portal.port}"
    with urllib.request.urlopen(f"{address}/connect.py", timeout=60) as answer:
        program = answer.read()
    command = [sys.executable, "-", "--token", portal.token, "--agent", "claude-code", "--project", "bench"]
    subprocess.run(command, input=program, env=environment(home), check=True, stdout=subprocess.DEVNULL)
    hooks = json.loads((home / ".claude" / "settings.json").read_text())["hooks"]
    return {event: shlex.split(hooks[event][0]["hooks"][0]["command"]) for event in EVENTS}


def measured(home: Path, event: str, command: list[str], runs: int) -> dict[str, float]:
    """Runs of one event's hook and of the bare interpreter by turns."""
    # The interpreter and its options stand before the program.
    bare = [*command[: command.index("-S") + 1], "-c", "pass"]
    body = payload(home, event)
    hook_seconds, bare_seconds = [], []
    for number in range(runs + WARM_RUNS):
        told = json.dumps({**body, "session_id": f"bench-{number}"}).encode()
        settle(home)
        hook = timed(partial(run, command, told, home))
        settle(home)
        empty = timed(partial(run, bare, b"", home))
        if number >= WARM_RUNS:
            hook_seconds.append(hook)
            bare_seconds.append(empty)
    return {
        "beyond_p50_ms": round(ms(hook_seconds, 0.5) - ms(bare_seconds, 0.5), 1),
        "beyond_p95_ms": round(ms(hook_seconds, 0.95) - ms(bare_seconds, 0.95), 1),
        "interpreter_p50_ms": ms(bare_seconds, 0.5),
        "interpreter_p95_ms": ms(bare_seconds, 0.95),
    }


def payload(home: Path, event: str) -> dict[str, Any]:
    """An event of about 2 KB as Claude Code tells it; a stop names a transcript of 1,000 lines."""
    transcript = home / "transcript.jsonl"
    if not transcript.exists():
        transcript.write_text("".join(line(number) for number in range(1000)))
    told: dict[str, Any] = {"cwd": str(home), "hook_event_name": event, "transcript_path": str(transcript)}
    if event == "PostToolUse":
        told |= {"tool_name": "Bash", "tool_input": {"command": "pytest -q tests"}}
        told["tool_response"] = {
            "stdout": "tests/test_orders.py passed in 0.31 s\n" * 50,
            "stderr": "",
            "interrupted": False,
        }
    elif event == "SessionStart":
        told["source"] = "startup"
    else:
        told["last_assistant_message"] = "The order's sums are rounded to whole cents now. " * 40
    return told


def line(number: int) -> str:
    """A line of a transcript with its tokens."""
    message = {"id": f"msg_{number}", "model": "claude-sonnet-4-5", "usage": {"input_tokens": 10, "output_tokens": 100}}
    told = {"type": "assistant", "uuid": f"u{number}", "requestId": f"r{number}", "timestamp": "2026-03-02T09:00:00Z"}
    return json.dumps({**told, "message": {**message, "content": [{"type": "text", "text": "Rounded. " * 20}]}}) + "\n"


def timed(what: partial[None]) -> float:
    """Seconds that it took."""
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def run(command: list[str], told: bytes, home: Path) -> None:
    """A hook as an agent runs it: until its output is closed and it has ended."""
    done = subprocess.run(command, input=told, env=environment(home), capture_output=True, check=True)
    if done.stderr:
        sys.exit(f"The hook said: {done.stderr[:300]!r}")


def environment(home: Path) -> dict[str, str]:
    """Nothing of this machine's but where programs are."""
    return {"HOME": str(home), "PATH": os.environ["PATH"]}


def settle(home: Path) -> None:
    """Wait until what the hook before left behind its back is done: an agent's hooks come seconds apart."""
    for lock in (home / ".zikra").glob("*.lock"):
        with lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)


def drained(home: Path) -> int:
    """How many events still wait when the senders have had their time."""
    spool = home / ".zikra" / "spool"
    until = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < until and any(spool.iterdir()):
        time.sleep(0.2)
    return len(list(spool.iterdir()))
