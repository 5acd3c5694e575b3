"""The command `get_prompt`."""

import pytest

from runs.models import PromptPickup, Run
from tests.api.conftest import refusal, without

MISSING = (404, "Prompt not found")


@pytest.fixture
def prompt(tell, collaborator):
    """A prompt in the project `app`: the answer to saving it."""
    return tell(collaborator, "save_prompt", title="Review", content_md="Read it twice.")


@pytest.mark.parametrize("name", ["prompt_name", "name", "title"])
def test_a_prompt_is_read_by_name(tell, collaborator, prompt, name):
    assert without(tell(collaborator, "run_prompt", **{name: "Review"}), "updated_at") == {
        "id": prompt["id"],
        "title": "Review",
        "content_md": "Read it twice.",
        "project": "app",
        "access_count": 1,
        "version": 1,
        "_use_command": "get_prompt",
        "_was_alias": True,
        "_raw_command": "run_prompt",
    }


def test_the_global_project_helps_out_where_it_is_in_sight(ask, tell, owner, collaborator):
    tell(owner, "save_prompt", title="Shared", project="global")
    assert tell(owner, "get_prompt", prompt_name="Shared", project="app")["project"] == "global"
    assert refusal(ask(collaborator, "get_prompt", prompt_name="Shared")) == MISSING


def test_the_runners_next_run_is_linked_once(tell, collaborator, prompt):
    tell(collaborator, "get_prompt", prompt_name="Review", runner="codex")
    runs = [tell(collaborator, "log_run", runner="codex")["id"] for _ in range(2)]
    linked = [Run.objects.get(pk=run).prompt_id for run in runs]
    assert [str(found) if found else None for found in linked] == [prompt["id"], None]


def test_a_global_prompt_is_linked_to_the_run_in_the_project_that_was_asked_for(tell, owner, app):
    shared = tell(owner, "save_prompt", title="Shared", project="global")
    tell(owner, "get_prompt", prompt_name="Shared", project="app", runner="codex")
    run = Run.objects.get(pk=tell(owner, "log_run", runner="codex", project="app")["id"])
    assert str(run.prompt_id) == shared["id"]


def test_a_stranger_reads_nothing_and_leaves_nothing(ask, stranger, prompt):
    assert refusal(ask(stranger, "get_prompt", prompt_name="Review", runner="codex")) == MISSING
    assert PromptPickup.objects.count() == 0


def test_a_name_is_needed(ask, collaborator):
    assert refusal(ask(collaborator, "get_prompt")) == (400, "prompt_name is required")
