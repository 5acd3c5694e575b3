"""A hook as an agent runs it: a process of its own that keeps the event, answers, and never fails."""

import json
import os
import subprocess
import sys
import time

from zikra_client import spool

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = f"import sys; sys.path.insert(0, {ROOT!r}); from zikra_client.hook import main; sys.exit(main(sys.argv[1:]))"


def run_hook(*arguments, payload=b"", **environment):
    told = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM, *arguments],
        input=told, capture_output=True, timeout=60, check=False, env={**os.environ, **environment},
    )  # fmt: skip


def waiting(count):
    """The events in the spool, once there are so many: some are kept by a process that outlives the hook."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and len(spool.waiting()) < count:
        time.sleep(0.05)
    return [json.loads((spool_path(name)).read_text()) for name in spool.waiting()]


def spool_path(name):
    from pathlib import Path

    return Path(spool.directory()) / name


def test_an_event_is_kept_and_the_agent_hears_nothing(client_home, tmp_path):
    (tmp_path / "shop").mkdir()
    payload = {
        "session_id": "s1",
        "cwd": str(tmp_path / "shop"),
        "prompt": "add logins, the token is ghp_" + "a1B2" * 9,
    }
    done = run_hook("codex", "UserPromptSubmit", payload=payload)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    (kept,) = waiting(1)
    assert kept["body"]["prompt"] == "add logins, the token is [masked: github token]"
    assert "repository=shop" in kept["url"]


def test_a_hook_never_fails(client_home):
    for payload in (b"", b"{not json", b"[1]", b'"text"', b"\xff\xfe"):
        done = run_hook("claude-code", "Stop", payload=payload)
        assert (done.returncode, done.stdout) == (0, b"")
    assert run_hook().returncode == 0
    blocked = client_home.parent / "file"
    blocked.write_text("")
    assert run_hook("codex", "Stop", payload={"session_id": "s"}, ZIKRA_HOME=str(blocked / "below")).returncode == 0


def test_it_can_be_switched_off(client_home):
    run_hook("codex", "UserPromptSubmit", payload={"session_id": "s"}, ZIKRA_OFF="1")
    assert spool.waiting() == []


def test_what_is_left_out_is_not_kept(client_home, tmp_path):
    (tmp_path / ".zikra.toml").write_text('[capture]\nignore_paths = ["*/private/*"]\n')
    payload = {"session_id": "s", "cwd": str(tmp_path), "tool_name": "Read"}
    run_hook("claude-code", "PostToolUse", payload={**payload, "tool_input": {"file_path": f"{tmp_path}/private/x"}})
    run_hook("claude-code", "PostToolUse", payload={**payload, "tool_input": {"file_path": f"{tmp_path}/public/x"}})
    assert [kept["body"]["tool_input"]["file_path"] for kept in waiting(1)] == [f"{tmp_path}/public/x"]


def test_a_directory_of_another_portal_is_none_of_ours(client_home, tmp_path):
    (tmp_path / ".zikra.toml").write_text('server = "https://elsewhere.example"\n')
    run_hook("codex", "UserPromptSubmit", payload={"session_id": "s", "cwd": str(tmp_path)})
    assert spool.waiting() == []


def test_at_stop_the_transcripts_new_usage_travels_without_thoughts(client_home, tmp_path):
    transcript = tmp_path / "s1.jsonl"
    blocks = [
        {"type": "thinking", "thinking": "hmm"},
        {"type": "text", "text": "Done."},
        {"type": "tool_use", "input": {"content": "file"}},
    ]
    line = {
        "type": "assistant", "sessionId": "s1", "requestId": "r1", "timestamp": "2026-11-01T10:00:00Z", "cwd": "/x",
        "message": {"id": "m1", "model": "claude-sonnet-4-5", "usage": {"input_tokens": 3, "output_tokens": 4}, "content": blocks},
    }  # fmt: skip
    transcript.write_text(
        json.dumps({"type": "user", "message": {"content": "hi"}}) + "\n" + json.dumps(line) + "\n" + '{"type": "assis'
    )
    payload = {"session_id": "s1", "cwd": str(tmp_path), "transcript_path": str(transcript)}
    run_hook("claude-code", "Stop", payload=payload)
    (first,) = waiting(1)
    (part,) = first["body"]["zikra_transcript"]
    assert (part["agent"], part["thread"], part["offset"]) == ("claude-code", "s1", 0)
    told = [json.loads(text) for text in part["lines"]]
    assert [(row["requestId"], row["message"]["usage"], row["message"]["content"]) for row in told] == [
        ("r1", {"input_tokens": 3, "output_tokens": 4}, [{"type": "text", "text": "Done."}])
    ]
    run_hook("claude-code", "SessionEnd", payload=payload)
    assert [("zikra_transcript" in kept["body"]) for kept in waiting(2)] == [True, False]


def test_of_a_codex_rollout_travel_its_beginning_tokens_and_changed_paths(client_home, tmp_path):
    thread = "01a1fe65-d991-7172-978d-58ead59527de"
    rollout = tmp_path / f"rollout-2026-11-21T13-57-30-{thread}.jsonl"
    meta = {
        "id": thread,
        "session_id": thread,
        "timestamp": "2026-11-21T13:57:30Z",
        "cwd": str(tmp_path),
        "base_instructions": "long",
    }
    change = {
        "type": "FileChange",
        "status": "completed",
        "changes": {"refunds.py": {"type": "add", "content": "CENTS = 1"}},
    }
    lines = [
        {"type": "session_meta", "payload": meta},
        {"type": "turn_context", "payload": {"model": "gpt-5", "cwd": str(tmp_path), "instructions": "long"}},
        {"type": "response_item", "payload": {"type": "message", "role": "user", "content": [{"text": "secret plan"}]}},
        {"type": "event_msg", "payload": {"type": "item_completed", "item": change}},
        {"type": "event_msg", "payload": {"type": "token_count", "info": {"total_token_usage": {"input_tokens": 3}}}},
    ]
    rollout.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run_hook("codex", "Stop", payload={"session_id": thread, "cwd": str(tmp_path), "transcript_path": str(rollout)})
    (kept,) = waiting(1)
    (part,) = kept["body"]["zikra_transcript"]
    assert (part["agent"], part["thread"]) == ("codex", thread)
    del meta["base_instructions"]
    assert [json.loads(line)["payload"] for line in part["lines"]] == [
        meta,
        {"model": "gpt-5", "cwd": str(tmp_path)},
        {"type": "item_completed", "item": {**change, "changes": [{"path": "refunds.py"}]}},
        {"type": "token_count", "info": {"total_token_usage": {"input_tokens": 3}}},
    ]


def test_opencodes_messages_travel_as_numbers_and_names(client_home, tmp_path):
    message = {
        "id": "m1",
        "sessionID": "s",
        "modelID": "gpt-5",
        "tokens": {"input": 3, "output": 4},
        "time": {"created": 5},
    }
    payload = {"session_id": "s", "cwd": str(tmp_path), "last_assistant_message": "Done."}
    told = [{**message, "error": "what the model said"}, {"id": "m2", "role": "assistant"}, "no message"]
    run_hook("opencode", "stop", payload={**payload, "zikra_messages": told})
    (kept,) = waiting(1)
    (part,) = kept["body"]["zikra_transcript"]
    assert (part["agent"], part["thread"], [json.loads(line) for line in part["lines"]]) == ("opencode", "s", [message])
    assert set(kept["body"]) == {*payload, "zikra_transcript"}


def test_what_hooks_told_gemini_is_not_the_persons_prompt(client_home, tmp_path):
    prompt = "<hook_context>&lt;zikra-memory&gt; old news &lt;/zikra-memory&gt;</hook_context>\n\nWrite the tests"
    run_hook("gemini-cli", "BeforeAgent", payload={"session_id": "s", "cwd": str(tmp_path), "prompt": prompt})
    (kept,) = waiting(1)
    assert kept["body"]["prompt"] == "Write the tests"


def test_the_end_of_what_never_began_is_not_kept(client_home, tmp_path):
    payload = {"session_id": "s", "cwd": str(tmp_path), "transcript_path": str(tmp_path / "s.jsonl")}
    run_hook("claude-code", "SessionEnd", payload=payload)
    run_hook("claude-code", "SessionStart", payload=payload)
    assert len(waiting(1)) == 1
    run_hook("claude-code", "SessionEnd", payload=payload)
    assert [kept["url"].partition("&")[0] for kept in waiting(2)] == [
        "/hook?event=session-start",
        "/hook?event=session-end",
    ]


def test_a_sessions_end_is_never_kept_before_its_last_stop(client_home, tmp_path):
    transcript = tmp_path / "s1.jsonl"
    line = {"type": "assistant", "message": {"id": "m", "usage": {"input_tokens": 1}, "content": "x" * 2000}}
    transcript.write_text((json.dumps(line) + "\n") * 2_000)
    payload = {"session_id": "s1", "cwd": str(tmp_path), "transcript_path": str(transcript)}
    run_hook("claude-code", "Stop", payload=payload)
    run_hook("claude-code", "SessionEnd", payload=payload)
    waiting(2)
    stop, end = sorted((spool_path(name) for name in spool.waiting()), key=lambda path: path.stat().st_mtime_ns)
    assert "event=stop" in stop.read_text()[:60]
    assert "event=session-end" in end.read_text()[:60]
