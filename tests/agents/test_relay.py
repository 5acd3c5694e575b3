"""Four real agents pass a task on: connected by the one line, with nothing typed to make it so.

Each works in the same directory of a fresh home against a scripted model. A real Celery worker works what their hooks
tell; what the next agent then tells its model is read in the request that its model got.
"""

import json
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from memories.models import Memory
from runs.models import CapturedEvent, CapturedSession, Handoff, HandoffState, ModelPrice, Run
from tests.agents.conftest import AGENTS
from tests.agents.machine import Machine, claude, handoff_heard, spool_of, wait_for, wait_longer_for_context
from tests.agents.scripted_model import ScriptedModel, Step, chat_results, scripted_model

pytestmark = AGENTS
# To models called gpt it offers no tool that writes a file.
OPENCODE_MODEL = "claude-haiku-4-5"


@pytest.fixture
def machine(home, shop, live_server, collaborator) -> Machine:
    """Connected by the line of the Connect page."""
    made = Machine(home, shop)
    line = (
        f"curl -fsSL {live_server.url}/connect.py | python3 - --token {collaborator.secret} --machine anvil "
        "--agent claude-code --agent codex --agent gemini-cli --agent opencode"
    )
    done = subprocess.run(
        ["bash", "-c", line], env=made.environment(), cwd=home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    wait_longer_for_context(made)
    return made


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


def opencode(machine: Machine, model: ScriptedModel, prompt: str):
    """OpenCode with a server of open models; it quotes what is given as one word."""
    file = machine.home / ".config" / "opencode" / "opencode.json"
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{model.address}/v1", "apiKey": "scripted"},
        "models": {OPENCODE_MODEL: {}},
    }
    file.write_text(json.dumps(json.loads(file.read_text()) | {"provider": {"scripted": provider}}))
    return machine.running(
        *("opencode", "run", "--model", f"scripted/{OPENCODE_MODEL}", *prompt.split()),
        OPENCODE_DISABLE_MODELS_FETCH="1",
        OPENCODE_DISABLE_AUTOUPDATE="1",
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
        Stage(
            "opencode", opencode, "Say it in the README",
            [
                Step("bash", {"command": gate("opencode") + "echo telling", "description": "Tell"}),
                Step("write", {"filePath": str(shop / "README.md"), "content": "All sums are whole cents.\n"}),
            ],
            "It stands there.", OPENCODE_MODEL, "README.md",
            ("gemini-cli · carl", "Write the tests", "Both are tested.", "- test_cents.py"),
        ),
    ]  # fmt: skip


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


def test_a_task_goes_from_claude_code_to_codex_to_gemini_cli_to_opencode(machine, worker, shop, collaborator, client):
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
        ("gemini-cli", "opencode", HandoffState.ACCEPTED),
        ("opencode", "", HandoffState.OPEN),
    ]
    assert CapturedEvent.objects.waiting().count() == 0
    assert spool_of(machine) == []


def test_the_lines_entry_gives_opencode_the_memory(machine, collaborator, decision):
    search = Step("zikra_search", {"query": "how do we sign tokens?"})
    with scripted_model(search) as model, opencode(machine, model, "How do we sign tokens?"):
        pass
    (answer,) = model.heard(chat_results)
    assert "Tokens are signed with RS256" in answer
