"""Three real agents pass a task on: connected by the one line, with nothing typed to make it so.

Each works in the same directory of a fresh home against a scripted model. A real Celery worker works what their hooks
tell; what the next agent then tells its model is read in the request that its model got.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection

from memories.models import Memory
from runs.models import CapturedEvent, CapturedSession, Handoff, HandoffState, ModelPrice, Run
from tests.agents.conftest import AGENTS, RUN_SECONDS
from tests.agents.installing import programs
from tests.agents.scripted_model import ScriptedModel, Step, scripted_model
from zikra_portal.celery import app as celery

pytestmark = AGENTS
WAIT_SECONDS = 90


def wait_for(what: Callable[[], object], why: str) -> object:
    """What the question answers, as soon as that is true."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {WAIT_SECONDS} s: {why}")


@pytest.fixture
def worker(live_server, tmp_path) -> Iterator[None]:
    """A Celery worker as the portal runs it, on this test's database and broker."""
    cache.clear()
    celery.control.purge()
    address = urlsplit(os.environ["DATABASE_URL"])
    name = str(connection.settings_dict["NAME"])
    environment = {
        **os.environ,
        "DATABASE_URL": urlunsplit(address._replace(path=f"/{name}")),
        "SECRET_KEY": settings.SECRET_KEY,
        "DJANGO_SETTINGS_MODULE": "zikra_portal.settings",
    }
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "zikra_portal", "worker", "--pool", "solo", "--loglevel", "info"],
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            wait_for(lambda: b" ready." in (tmp_path / "worker.log").read_bytes(), "the worker is ready")
            yield
        finally:
            process.terminate()
            process.wait(timeout=WAIT_SECONDS)


@pytest.fixture
def shop(home) -> Path:
    """A repository that the agents work in."""
    made = home / "shop"
    made.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", str(made)], check=True)
    return made


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


@pytest.fixture
def machine(home, shop, live_server, collaborator) -> Machine:
    """Connected by the line of the Connect page."""
    made = Machine(home, shop)
    line = (
        f"curl -fsSL {live_server.url}/connect.py | python3 - --token {collaborator.secret} --machine anvil "
        "--agent claude-code --agent codex --agent gemini-cli"
    )
    done = subprocess.run(
        ["bash", "-c", line], env=made.environment(), cwd=home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # Many tests at once on a small machine take longer than an agent should wait.
    config = home / ".zikra" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"context_seconds": 9}))
    return made


def claude(machine: Machine, model: ScriptedModel, prompt: str):
    """Claude Code as a person would run it, but for the model."""
    return machine.running(
        *("claude", "-p", prompt, "--model", "claude-sonnet-4-5", "--allowedTools", "Bash,Write,Read"),
        ANTHROPIC_BASE_URL=model.address,
        ANTHROPIC_API_KEY="scripted",
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
        DISABLE_TELEMETRY="1",
        DISABLE_AUTOUPDATER="1",
    )


def codex(machine: Machine, model: ScriptedModel, prompt: str):
    """Codex; the model's address stands in its settings."""
    config = machine.home / ".codex" / "config.toml"
    provider = (
        'model = "gpt-5"\nmodel_provider = "scripted"\n\n[model_providers.scripted]\nname = "scripted"\n'
        f'base_url = "{model.address}/v1"\nenv_key = "OPENAI_API_KEY"\nwire_api = "responses"\n'
    )
    config.write_text(provider + config.read_text())
    return machine.running(
        *("codex", "exec", "--dangerously-bypass-hook-trust", "--dangerously-bypass-approvals-and-sandbox", prompt),
        OPENAI_API_KEY="scripted",
    )


def gemini(machine: Machine, model: ScriptedModel, prompt: str):
    """Gemini CLI, which is told how it logs in."""
    file = machine.home / ".gemini" / "settings.json"
    held = json.loads(file.read_text()) | {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    file.write_text(json.dumps(held))
    return machine.running(
        *("gemini", "--skip-trust", "-y", "-m", "gemini-2.5-pro", "-p", prompt),
        GEMINI_API_KEY="scripted",
        GOOGLE_GEMINI_BASE_URL=model.address,
    )


@dataclass(frozen=True)
class Stage:
    """One agent's part. heard: what its model must be told of the one before."""

    agent: str
    start: Callable[[Machine, ScriptedModel, str], AbstractContextManager[object]]
    prompt: str
    steps: list[Step]
    goodbye: str
    model: str
    file: str
    heard: tuple[str, ...]


def gate(agent: str) -> str:
    """A shell's words that go on when the test has looked at the board."""
    return f"touch reached-{agent}; until [ -e go-{agent} ]; do sleep 0.1; done; "


def stages(shop: Path) -> list[Stage]:
    """The relay: each does a bit of work, writes one file, and says how it stands."""
    patch = "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: refunds.py\n+CENTS = 1\n*** End Patch\nEOF"
    return [
        Stage(
            "claude-code", claude, "Round the cart's sums to whole cents",
            [
                Step("Bash", {"command": gate("claude-code") + "echo rounding"}),
                Step("Write", {"file_path": str(shop / "cart.py"), "content": "CENTS = 100\n"}),
            ],
            "Sums are whole cents now.\n\nNext steps:\n- Round refunds too", "claude-sonnet-4-5", "cart.py", (),
        ),
        Stage(
            "codex", codex, "Go on with the refunds",
            [Step("exec_command", {"cmd": gate("codex") + "echo refunding", "yield_time_ms": 30_000}), Step("exec_command", {"cmd": patch})],
            "Refunds are whole cents too.\n\nNext steps:\n- Test both", "gpt-5", "refunds.py",
            ("claude-code · carl", "Round the cart's sums to whole cents", "Sums are whole cents now.", "Round refunds too", "- cart.py"),
        ),
        Stage(
            "gemini-cli", gemini, "Write the tests",
            [
                Step("run_shell_command", {"command": gate("gemini-cli") + "echo testing"}),
                Step("write_file", {"file_path": str(shop / "test_cents.py"), "content": "assert True\n"}),
            ],
            "Both are tested.", "gemini-2.5-pro", "test_cents.py",
            ("codex · carl", "Go on with the refunds", "Refunds are whole cents too.", "Test both", "- refunds.py"),
        ),
    ]  # fmt: skip


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


def on_the_board(client, agent: str) -> Run | None:
    """The agent's active run, when the page of runs shows it too."""
    run = Run.objects.active().filter(agent=agent).first()
    shown = client.get("/runs/").content.decode() if run else ""
    return run if run and f"/runs/{run.pk}/" in shown else None


def check_ended(client, run: Run, stage: Stage) -> None:
    """The session has its cost, its files and its page, and its handoff waits."""
    run.refresh_from_db()
    usage = run.usage.get()
    requests = len(stage.steps) + 1
    assert (run.agent, run.person, run.machine, run.branch) == (stage.agent, "carl", "anvil", "main")
    assert (usage.model, usage.tokens_input, usage.tokens_output) == (stage.model, 100 * requests, 10 * requests)
    price = ModelPrice.objects.get(pk=usage.price_id)
    million = Decimal(1_000_000)
    expected = (usage.tokens_input * price.input_usd + usage.tokens_output * price.output_usd) / million
    assert run.cost_usd == expected > 0
    assert run.files_modified == [stage.file]
    page = Memory.objects.get(pk=CapturedSession.objects.get(run=run).page_id)
    assert (page.title, page.memory_type_id) == (stage.prompt, "conversation")
    assert stage.goodbye in page.content_md
    assert f"- `{stage.file}`" in page.content_md
    shown = client.get(f"/runs/{run.pk}/").content.decode()
    assert stage.file in shown


def test_a_task_goes_from_claude_code_to_codex_to_gemini_cli(machine, worker, shop, collaborator, client):
    client.force_login(collaborator.member)
    for stage in stages(shop):
        with scripted_model(*stage.steps, goodbye=stage.goodbye) as model:
            with stage.start(machine, model, stage.prompt):
                wait_for((shop / f"reached-{stage.agent}").exists, f"{stage.agent} works")
                run = wait_for(lambda agent=stage.agent: on_the_board(client, agent), f"{stage.agent} is on the board")
                (shop / f"go-{stage.agent}").touch()
            wait_for(lambda: not Run.objects.active().exists(), f"{stage.agent}'s run has ended")
            wait_for(lambda: not CapturedSession.objects.with_page_due().exists(), "its page is written")
        heard = handoff_heard(model)
        assert [part for part in stage.heard if part not in heard] == []
        assert bool(heard) == bool(stage.heard)
        check_ended(client, run, stage)
    assert list(Handoff.objects.order_by("created_at").values_list("from_agent", "accepted_agent", "state")) == [
        ("claude-code", "codex", HandoffState.ACCEPTED),
        ("codex", "gemini-cli", HandoffState.ACCEPTED),
        ("gemini-cli", "", HandoffState.OPEN),
    ]
    assert CapturedEvent.objects.waiting().count() == 0
    assert spool_of(machine) == []


def spool_of(machine: Machine) -> list[str]:
    """Events that wait on the machine."""
    return sorted(os.listdir(machine.home / ".zikra" / "spool"))
