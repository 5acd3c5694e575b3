"""Gemini CLI's transcripts: each message once, its cached input apart, its thoughts as output."""

import json

from hypothesis import given
from hypothesis import strategies as st

from runs.tokens import TokenCounts
from runs.transcripts import gemini_cli


def answer(name, model="gemini-2.5-pro", **tokens):
    told = {"input": 1200, "output": 340, "cached": 900, "thoughts": 60, "tool": 0, "total": 1600, **tokens}
    return {
        "id": name,
        "timestamp": "2026-03-02T09:00:01Z",
        "type": "gemini",
        "content": "Done.",
        "tokens": told,
        "model": model,
    }


LINES = [
    json.dumps({"sessionId": "g1", "startTime": "2026-03-02T09:00:00Z", "kind": "main"}),
    json.dumps({"id": "p", "timestamp": "2026-03-02T09:00:00Z", "type": "user", "content": [{"text": "Export"}]}),
    json.dumps(answer("a")),
    json.dumps({"$set": {"lastUpdated": "2026-03-02T09:00:01Z"}}),
    json.dumps({**answer("a"), "toolCalls": [{"name": "run_shell_command"}]}),
    json.dumps({"$set": {"messages": [answer("b", model="gemini-2.5-flash", cached=0, tool=5)]}}),
]
USAGE = {
    "gemini-2.5-pro": TokenCounts(tokens_input=300, tokens_output=400, tokens_cache_read=900),
    "gemini-2.5-flash": TokenCounts(tokens_input=1205, tokens_output=400, tokens_cache_read=0),
}


def test_each_message_counts_once_by_its_model():
    session = gemini_cli.read(LINES)
    assert (session.agent, session.session_id, session.usage) == ("gemini-cli", "g1", USAGE)
    assert (session.lines, session.broken_lines) == (6, 0)
    assert (session.started_at.isoformat(), session.last_at.isoformat()) == (
        "2026-03-02T09:00:00+00:00",
        "2026-03-02T09:00:01+00:00",
    )


@given(st.permutations(LINES * 2))
def test_neither_order_nor_repetition_matters(lines):
    assert gemini_cli.read(lines).usage == USAGE


def test_what_is_kept_of_a_line_counts_the_same_and_holds_no_text():
    kept = [json.dumps(gemini_cli.reduced(json.loads(line))) for line in LINES]
    assert gemini_cli.read(kept).usage == USAGE
    assert "Export" not in "".join(kept)
    assert "Done." not in "".join(kept)


def test_its_last_words_are_those_of_the_model():
    said = [gemini_cli.last_words(json.loads(line)) for line in LINES]
    assert said == ["", "", "Done.", "", "Done.", "Done."]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "tokens", "messages", "$set", "input", "output", "type", "content"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(ANYTHING)
def test_nothing_in_a_line_is_an_error(value):
    session = gemini_cli.read([json.dumps(value), "{", ""])
    assert session.broken_lines == (1 if isinstance(value, dict) else 2)
    if isinstance(value, dict):
        gemini_cli.reduced(value)
        gemini_cli.last_words(value)
