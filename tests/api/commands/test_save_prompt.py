"""The command `save_prompt`."""

import pytest

from memories.models import Memory
from tests.api.conftest import needs, refusal, without
from tests.conftest import make_person


@pytest.mark.parametrize("name", ["title", "prompt_name", "name"])
def test_a_prompt_is_a_memory_of_type_prompt(tell, collaborator, name):
    answer = tell(collaborator, "save_prompt", content="Read it twice.", **{name: "Review"})
    assert without(answer, "id") == {
        "title": "Review",
        "status": "saved",
        "action": "created",
        "version": 1,
        "memory_type": "prompt",
        "project": "app",
        "type": "prompt",
        "_use_command": "save_prompt",
    }
    assert Memory.objects.get(pk=answer["id"]).content_md == "Read it twice."


def test_the_type_cannot_be_another(tell, collaborator):
    assert tell(collaborator, "save_prompt", title="Review", memory_type="decision")["memory_type"] == "prompt"


def test_who_may_not_saves_nothing(ask, stranger, app):
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "save_prompt", title="Review")) == (403, "insufficient permissions", "collaborator")
    assert refusal(ask(stranger, "save_prompt", title="Review", project="app")) == (403, "token_scope_mismatch")
    assert Memory.objects.count() == 0
