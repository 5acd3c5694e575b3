"""OpenCode's messages: each once, what was cached apart, its thoughts as output."""

import json

from hypothesis import given
from hypothesis import strategies as st

from runs.tokens import TokenCounts
from runs.transcripts import opencode


def message(name, model="gpt-5", **tokens):
    told = {"total": 1700, "input": 300, "output": 340, "reasoning": 60, "cache": {"read": 900, "write": 100}, **tokens}
    return {
        "id": name, "sessionID": "ses_1", "role": "assistant", "modelID": model, "providerID": "scripted",
        "time": {"created": 1772442000000, "completed": 1772442001500}, "tokens": told, "error": {"message": "Not said"},
    }  # fmt: skip


LINES = [
    json.dumps({"id": "p", "sessionID": "ses_1", "role": "user", "time": {"created": 1772442000000}}),
    json.dumps(message("a", total=0, input=0, output=0, reasoning=0, cache={"read": 0, "write": 0})),
    json.dumps(message("a")),
    json.dumps(message("b", model="gpt-5-mini", total=1640)),
]
KINDS = {"tokens_cache_read": 900, "tokens_cache_write_5m": 100}
USAGE = {
    "gpt-5": TokenCounts(tokens_input=300, tokens_output=400, **KINDS),
    "gpt-5-mini": TokenCounts(tokens_input=300, tokens_output=340, **KINDS),
}


def test_each_message_counts_once_by_its_model():
    session = opencode.read(LINES)
    assert (session.agent, session.session_id, session.usage) == ("opencode", "ses_1", USAGE)
    assert (session.lines, session.broken_lines) == (4, 0)
    assert (session.started_at.isoformat(), session.last_at.isoformat()) == (
        "2026-03-02T09:00:00+00:00",
        "2026-03-02T09:00:01.500000+00:00",
    )


@given(st.permutations(LINES * 2))
def test_neither_order_nor_repetition_matters(lines):
    assert opencode.read(lines).usage == USAGE


def test_what_is_kept_of_a_line_counts_the_same_and_holds_no_text():
    kept = [json.dumps(opencode.reduced(json.loads(line))) for line in LINES]
    assert opencode.read(kept).usage == USAGE
    assert kept[0] == "{}"
    assert "Not said" not in "".join(kept)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "tokens", "time", "cache", "input", "read", "created"]), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(st.lists(JSON, max_size=5))
def test_whatever_stands_in_a_line_is_no_error(records):
    opencode.read(map(json.dumps, records))
    for record in records:
        if isinstance(record, dict):
            assert (
                opencode.read([json.dumps(opencode.reduced(record))]).usage == opencode.read([json.dumps(record)]).usage
            )
