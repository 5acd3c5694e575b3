"""What the README prints is copied from it and run."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from access.callers import system_caller
from access.roles import Role
from access.tokens import make_token
from memories.embedding.working import embed_pending_of
from memories.models import EmbeddingSpace, Memory

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def shell_blocks(text: str) -> list[str]:
    """The code blocks marked `sh`."""
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def token_file(transactional_db, tmp_path) -> Path:
    """What `./zikra up` leaves behind for the owner."""
    file = tmp_path / "owner.token"
    file.write_text(make_token(system_caller("tests"), "first owner", Role.OWNER).secret + "\n")
    return file


def run(script: str) -> dict:
    """Run a block's script in a shell; the answer of its last curl."""
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_the_first_save_and_search_work_as_printed(live_server, token_file):
    (block,) = [block for block in shell_blocks(README) if "curl" in block]
    block = block.replace("http://127.0.0.1:7723", live_server.url).replace(
        "~/.zikra-portal/owner.token", str(token_file)
    )
    setup, save, search = re.split(r"\n\n", block.strip())
    saved = run(f"{setup}\n{save}")
    assert (saved["status"], saved["action"], saved["version"]) == ("saved", "created", 1)
    assert embed_pending_of(EmbeddingSpace.objects.answering()) == 1
    found = run(f"{setup}\n{search}")
    assert [(result["id"], result["title"]) for result in found["results"]] == [
        (saved["id"], "Payments retry three times")
    ]
    assert str(Memory.objects.get().pk) == saved["id"]


def test_every_page_and_picture_that_the_readme_names_is_there():
    named = [target for target in re.findall(r"\]\(([^)]+)\)", README) if "://" not in target]
    assert [target for target in named if not (ROOT / target).exists()] == []
    assert len(named) > 8


def test_the_instructions_for_agents_name_commands_that_exist():
    from api.registry import registry

    (block,) = re.findall(r"^```text\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    named = set(re.findall(r'"command": "(\w+)"', block))
    assert named - set(registry.names()) == set()
    assert len(named) == 7
