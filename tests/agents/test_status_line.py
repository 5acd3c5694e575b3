"""Claude Code draws the status line that docs/connect.md prints, at a terminal as a person sees it."""

import json
import re
import subprocess
from decimal import Decimal
from pathlib import Path

from requirements_pipeline.writing import save_requirement
from runs.recording import log_run, start_run
from tests.agents.conftest import AGENTS
from tests.agents.installing import programs
from tests.agents.machine import Machine, quiet_claude, wait_for
from tests.agents.scripted_model import scripted_model
from tests.agents.terminal import at_a_terminal

pytestmark = AGENTS
PAGE = (Path(__file__).parents[2] / "docs" / "connect.md").read_text()
COLUMNS = 140
END_OF_INPUT = "\x04"


def printed_entry() -> dict[str, object]:
    """What the page says to write."""
    found = re.search(r"^`~/\.claude/settings\.json`:\n\n```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def set_up(machine: Machine, portal: str, secret: str) -> None:
    """Connected by the line, with the printed entry; Claude Code asks none of its first questions."""
    line = f"curl -fsSL {portal}/connect.py | python3 - --token {secret} --agent claude-code --project app"
    subprocess.run(["bash", "-c", line], env=machine.environment(), cwd=machine.home, check=True, capture_output=True)
    settings = machine.home / ".claude" / "settings.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | printed_entry()))
    known = machine.home / ".claude.json"
    answered = {
        "hasCompletedOnboarding": True,
        "customApiKeyResponses": {"approved": ["scripted"], "rejected": []},
        "projects": {str(machine.shop): {"hasTrustDialogAccepted": True}},
    }
    known.write_text(json.dumps(json.loads(known.read_text()) | answered))


def test_the_status_line_is_drawn(home, shop, live_server, collaborator, app, decision):
    save_requirement(collaborator.caller, app, "Round refunds")
    start_run(collaborator.caller, app, session_id="elsewhere")
    log_run(collaborator.caller, app, session_id="before", cost_usd=Decimal("1.50"))
    machine = Machine(home, shop)
    set_up(machine, live_server.url, collaborator.secret)
    cache = home / ".zikra" / "status" / "app.json"
    with scripted_model(goodbye="All done.") as model:
        environment = machine.environment(**quiet_claude(model))
        with at_a_terminal([str(programs() / "claude")], environment, shop, COLUMNS) as terminal:
            wait_for(
                lambda: cache.exists() and "runs" in json.loads(cache.read_text()), "the portal's answers are kept"
            )
            terminal.type("Say hello")
            terminal.wait_for("Say hello")
            terminal.type("\r")
            terminal.wait_for("All done.")
            # What stands there already is not drawn again.
            terminal.wait_for("1 memory · 1 open requirement · 1 running · $1.50 today")
            terminal.wait_for("0% context")
            terminal.type(END_OF_INPUT * 2)
            assert terminal.ends() == 0
