"""The command `log_error`."""

import pytest

from memories.models import Memory
from tests.api.conftest import needs, refusal, without
from tests.conftest import make_person


def test_an_error_becomes_a_memory_that_search_finds(tell, collaborator):
    answer = tell(collaborator, "log_bug", message="connection refused", error_type="OperationalError", runner="codex")
    assert without(answer, "id", "_was_alias", "_raw_command") == {"status": "logged", "_use_command": "log_error"}
    memory = Memory.objects.get(pk=answer["id"])
    assert (memory.memory_type_id, memory.title, memory.tags, memory.created_by) == (
        "error",
        "OperationalError: connection refused",
        ["OperationalError"],
        "codex",
    )
    assert tell(collaborator, "search", query="connection refused")["results"][0]["id"] == answer["id"]


@pytest.mark.parametrize(
    "arguments", [{"error": "boom"}, {"title": "A crash", "content_md": "boom"}, {"message": "", "error": "boom"}]
)
def test_the_message_may_arrive_under_other_names(tell, collaborator, arguments):
    answer = tell(collaborator, "log_error", **arguments)
    assert Memory.objects.get(pk=answer["id"]).content_md == "boom"


@pytest.mark.parametrize("arguments", [{}, {"message": ""}, {"message": " \n"}, {"title": "A crash"}])
def test_a_blank_message_is_refused(ask, collaborator, arguments):
    response = ask(collaborator, "log_error", **arguments)
    assert response.status_code == 400
    assert response.json()["error"].startswith("message is required")
    assert Memory.objects.count() == 0


def test_who_may_not_logs_nothing(ask, stranger, app):
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "log_error", message="boom")) == (403, "insufficient permissions", "collaborator")
    assert refusal(ask(stranger, "log_error", message="boom", project="app")) == (403, "token_scope_mismatch")
    assert Memory.objects.count() == 0
