"""The command `save_schema`."""

from memories.models import Memory
from tests.api.conftest import needs, refusal, without
from tests.conftest import make_person


def test_each_save_is_the_next_version_of_one_memory(tell, collaborator):
    answers = [tell(collaborator, "save_schema", schema=f"version {number}") for number in (1, 2)]
    assert answers[0]["id"] == answers[1]["id"]
    assert without(answers[1], "id") == {
        "title": "Database schema",
        "status": "saved",
        "action": "updated",
        "version": 2,
        "memory_type": "schema",
        "project": "app",
        "type": "schema",
        "_use_command": "save_schema",
    }


def test_a_schema_without_text_is_refused(ask, collaborator):
    assert refusal(ask(collaborator, "save_schema")) == (400, "content_md is required")
    assert Memory.objects.count() == 0


def test_who_may_not_saves_nothing(ask, stranger, app):
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "save_schema", content="x")) == (403, "insufficient permissions", "collaborator")
    assert refusal(ask(stranger, "save_schema", content="x", project="app")) == (403, "token_scope_mismatch")
    assert Memory.objects.count() == 0
