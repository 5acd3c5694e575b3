"""Agents' hook JSON in one form: names, sessions, secrets, sizes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zikra_client.events import PROMPT_BYTES, RESULT_BYTES, event_name, read_event, session_of, shortened

SECRET = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("SessionStart", "session-start"), ("session-start", "session-start"), ("session_start", "session-start"),
        ("sessionStart", "session-start"), ("session.created", "session-start"), ("UserPromptSubmit", "user-prompt"),
        ("beforeSubmitPrompt", "user-prompt"), ("BeforeAgent", "user-prompt"), ("AfterTool", "post-tool-use"),
        ("PostToolUseFailure", "post-tool-use"), ("PreCompress", "pre-compact"), ("AfterAgent", "stop"),
        ("session.deleted", "session-end"), ("SubagentStop", "subagent-stop"), ("", "other"),
    ],
)  # fmt: skip
def test_every_agents_word_has_one_name(word, name):
    assert event_name(word) == name


@pytest.mark.parametrize(
    "payload",
    [
        {"session_id": "s"}, {"sessionId": "s"}, {"sessionID": "s"}, {"session": "s"}, {"conversationId": "s"},
        {"conversation_id": "s"}, {"info": {"id": "s"}}, {"properties": {"sessionID": "s"}},
    ],
)  # fmt: skip
def test_the_session_is_found_wherever_agents_put_it(payload):
    assert session_of(payload) == "s"


@given(st.text(max_size=400), st.integers(0, 400))
def test_what_is_cut_fits_and_what_fits_is_not_cut(text, limit):
    kept = shortened(text, limit)
    size = len(text.encode(errors="replace"))
    assert (
        kept == text
        if size <= limit
        else len(kept.encode()) <= max(limit, len(f"\n[… {size - limit} bytes left out …]\n".encode()))
    )


@given(st.integers(-60, 20), st.sampled_from([("prompt", PROMPT_BYTES), ("tool_response", RESULT_BYTES)]))
def test_a_secret_across_a_cap_is_masked_whole(shift, field):
    name, cap = field
    for edge in (cap, cap * 2 // 3):
        text = "x" * max(0, edge + shift - len(SECRET)) + " " + SECRET + " " + "y" * cap
        told = json.dumps(read_event("codex", "Stop", {name: text, "session_id": "s"}).body)
        assert not any(SECRET[at : at + 8] in told for at in range(4, len(SECRET) - 8))


def test_a_flood_of_small_texts_shares_one_room():
    event = read_event("claude-code", "PostToolUse", {"tool_response": {"lines": ["word " * 100] * 400}})
    assert len(json.dumps(event.body)) < 400 * 260
    assert len(json.dumps(read_event("claude-code", "PostToolUse", {"tool_response": "z" * 10**6}).body)) < 2_100


def test_what_cursor_runs_twice_has_one_id_and_any_other_event_its_own():
    told = {"conversation_id": "c", "generation_id": "g", "cursor_version": "3", "prompt": "go on"}
    keys = [read_event(agent, "UserPromptSubmit", told).key for agent in ("cursor", "claude-code")]
    assert keys[0] == keys[1]
    again = {**told, "generation_id": "h"}
    assert read_event("cursor", "UserPromptSubmit", again).key != keys[0]
    plain = {"session_id": "s", "prompt": "continue"}
    assert read_event("codex", "UserPromptSubmit", plain).key != read_event("codex", "UserPromptSubmit", plain).key
