"""The command `get_context`."""

import pytest

from tests.api.conftest import refusal


def test_a_session_is_told_what_is_open_and_what_was_decided(tell, collaborator, saved):
    wanted = tell(collaborator, "save_requirement", title="Export invoices", content_md="As CSV.")
    answer = tell(collaborator, "session_context", agent="codex", cwd="/home/ana/app")
    assert answer["sources"] == [wanted["id"], saved["id"]]
    assert "Export invoices" in answer["context_md"]
    assert "PostgreSQL is the only store" in answer["context_md"]
    assert answer["tokens_used"] == -(-len(answer["context_md"]) // 4)


def test_the_budget_holds(tell, collaborator, saved):
    answer = tell(collaborator, "get_context", max_tokens=100)
    assert answer["tokens_used"] <= 100
    nothing = tell(collaborator, "get_context", max_tokens=1)
    assert nothing == {"context_md": "", "sources": [], "tokens_used": 0, "_use_command": "get_context"}


def test_a_stranger_is_told_nothing_of_it(ask, tell, stranger, saved):
    assert tell(stranger, "get_context")["sources"] == []
    assert refusal(ask(stranger, "get_context", project="app")) == (403, "token_scope_mismatch")


@pytest.mark.parametrize("max_tokens", ["many", None, [], True])
def test_a_budget_is_a_whole_number(ask, collaborator, max_tokens):
    assert ask(collaborator, "get_context", max_tokens=max_tokens).status_code == 400
