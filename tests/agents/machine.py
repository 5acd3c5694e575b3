"""A developer's machine of the tests: a fresh home, a repository to work in, and agents that run there."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from tests.agents.installing import programs
from tests.agents.scripted_model import ScriptedModel

WAIT_SECONDS = 90
# A busy machine makes a client of seconds one of minutes.
RUN_SECONDS = 400


def wait_for(what: Callable[[], object], why: str) -> object:
    """What the question answers, as soon as that is true."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {WAIT_SECONDS} s: {why}")


@dataclass(frozen=True)
class Machine:
    """A developer's machine: its home, the directory of work, and how programs are started there."""

    home: Path
    shop: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Nothing of this machine's but where programs are."""
        path = os.pathsep.join(
            [str(programs()), str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]
        )
        return {"PATH": path, "HOME": str(self.home), "TERM": "xterm", **more}

    @contextmanager
    def running(self, *command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """An agent at work; it must end well."""
        process = subprocess.Popen(
            [str(programs() / command[0]), *command[1:]],
            env=self.environment(**environment), cwd=self.shop, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            yield process
            said, _ = process.communicate(timeout=RUN_SECONDS)
            assert process.returncode == 0, said
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()


def wait_longer_for_context(machine: Machine) -> None:
    """Many tests at once on a small machine take longer than an agent should wait."""
    config = machine.home / ".zikra" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"context_seconds": 9}))


def claude(machine: Machine, model: ScriptedModel, prompt: str, *tools: str):
    """Claude Code as a person would run it, but for the model. tools: allowed besides its own."""
    return machine.running(
        *("claude", "-p", prompt, "--model", "claude-sonnet-4-5"),
        *("--allowedTools", ",".join(["Bash", "Write", "Read", *tools])),
        **quiet_claude(model),
    )


def quiet_claude(model: ScriptedModel) -> dict[str, str]:
    """Claude Code's environment: the scripted model, and nobody else on the network."""
    return {
        "ANTHROPIC_BASE_URL": model.address,
        "ANTHROPIC_API_KEY": "scripted",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
    }


def handoff_heard(model: ScriptedModel) -> str:
    """What the model was told between the marks of the team's memory, as a person would read it; "" for nothing."""
    for request in model.requests:
        for text in texts_in(request):
            # Gemini CLI writes the marks' brackets as entities.
            plain = unescape(text)
            if "## Handoff" in plain:
                return plain[plain.index("<zikra-memory>") : plain.index("</zikra-memory>")]
    return ""


def texts_in(value: object) -> Iterator[str]:
    """Every text of a request, wherever it stands."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts_in(part)


def spool_of(machine: Machine) -> list[str]:
    """Events that wait on the machine."""
    return sorted(os.listdir(machine.home / ".zikra" / "spool"))
