"""The command `promote_requirement`."""

import pytest

from memories.models import Memory
from requirements_pipeline.models import Requirement
from tests.api.conftest import needs, refusal
from tests.conftest import make_person


@pytest.fixture
def wanted(tell, collaborator):
    """A submitted requirement of the project `app`: the answer to saving it."""
    return tell(collaborator, "save_requirement", title="Export", content_md="As CSV.", acceptance=["One row each"])


@pytest.mark.parametrize("by", ["id", "requirement_id", "title"])
def test_an_owner_promotes_by_id_or_title(tell, owner, wanted, by):
    name = {"title": "Export", "project": "app"} if by == "title" else {by: wanted["id"]}
    assert tell(owner, "promote", **name) == {
        "status": "promoted",
        "id": wanted["id"],
        "title": "Export",
        "state": "promoted",
        "project": "app",
        "_use_command": "promote_requirement",
        "_was_alias": True,
        "_raw_command": "promote",
    }


def test_it_can_become_a_memory_too(tell, owner, wanted):
    tell(owner, "promote_requirement", id=wanted["id"], promote_to="prompt")
    memory = Memory.objects.select_related("project").get()
    assert (memory.memory_type_id, memory.title, memory.project.name) == ("prompt", "Export", "app")


def test_only_an_owner_in_whose_sight_it_is_promotes(ask, collaborator, secret_project, wanted):
    other_owner = make_person("otto", "owner", secret_project)
    assert needs(ask(collaborator, "promote_requirement", id=wanted["id"])) == (
        403,
        "insufficient permissions",
        "owner",
    )
    assert refusal(ask(other_owner, "promote_requirement", id=wanted["id"])) == (404, "Requirement not found")
    assert refusal(ask(other_owner, "promote_requirement", title="Export")) == (404, "Requirement not found")
    assert Requirement.objects.get().state == "submitted"


def test_twice_is_a_conflict(ask, tell, owner, wanted):
    tell(owner, "promote_requirement", id=wanted["id"])
    assert ask(owner, "promote_requirement", id=wanted["id"]).status_code == 409


def test_another_promote_to_is_refused(ask, owner, wanted):
    response = ask(owner, "promote_requirement", id=wanted["id"], promote_to="song")
    assert refusal(response) == (400, "A requirement is promoted to prompt or decision, not 'song'.")
    assert Requirement.objects.get().state == "submitted"
