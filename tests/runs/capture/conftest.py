"""Hooks as agents send them, kept and worked."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from memories.session_pages import write_due_pages
from runs.capture.keeping import Client, Hook, Kept, keep_hooks
from runs.capture.working import work_waiting

BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def hook(
    event: str, body: dict[str, Any] | None = None, *, second: float = 0, session: str = "s1", **words: str
) -> Hook:
    at = (BEGAN + timedelta(seconds=second)).isoformat()
    told = {"agent": "claude-code", "cwd": "/srv/app", "event": event, "session_id": session, "at": at, **words}
    return Hook(told, body or {})


def bash(command: str, second: float = 0, **result: Any) -> Hook:
    body = {"tool_name": "Bash", "tool_input": {"command": command}, "tool_response": {"stdout": "", **result}}
    return hook("PostToolUse", body, second=second)


def edited(path: str, second: float = 0, session: str = "s1") -> Hook:
    body = {"tool_name": "Edit", "tool_input": {"file_path": path}, "tool_response": {"success": True}}
    return hook("PostToolUse", body, second=second, session=session)


def claude_line(number: int, output: int = 100, model: str = "claude-sonnet-4-5", **more: Any) -> str:
    usage = {"input_tokens": 10, "output_tokens": output, "cache_read_input_tokens": 1000}
    message = {
        "id": f"msg_{number}",
        "model": model,
        "usage": usage,
        "content": [{"type": "text", "text": f"Answer {number}."}],
    }
    line = {
        "type": "assistant",
        "uuid": f"u{number}-{output}",
        "requestId": f"r{number}",
        "sessionId": "s1",
        "timestamp": (BEGAN + timedelta(seconds=number)).isoformat(),
        "message": message,
    }
    return json.dumps({**line, **more})


@pytest.fixture
def told(collaborator: Any) -> Callable[..., list[Kept]]:
    """Keep hooks as the collaborator (or `by` another), work them, and write pages."""

    def tell(*hooks: Hook, by: Any = None, client: Client | None = None) -> list[Kept]:
        kept = keep_hooks((by or collaborator).caller, list(hooks), client)
        work_waiting()
        write_due_pages()
        return kept

    return tell
