"""Lines as Claude Code and Codex write them, with only the fields that matter; every value is made up."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CWD = "/home/ana/shop"


def clock(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def line(record: Any) -> str:
    return json.dumps(record) + "\n"


def write(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines))
    return path


# --- Claude Code ------------------------------------------------------------------------------------------------------


def base(kind: str, at: float, session: str = "s1", **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "timestamp": clock(at),
        "sessionId": session,
        "uuid": f"{kind}-{session}-{at}",
        "cwd": CWD,
        "gitBranch": "main",
        "isSidechain": False,
        **more,
    }


def typed(text: Any, at: float = 0, **more: Any) -> str:
    return line(base("user", at, message={"role": "user", "content": text}, **more))


def answer(
    at: float,
    message: str = "m1",
    request: str | None = "r1",
    *,
    model: str = "claude-sonnet-4-5",
    given: int = 10,
    output: int = 5,
    read: int = 100,
    short: int = 0,
    long: int = 20,
    content: Any = (),
    **more: Any,
) -> str:
    usage = {
        "input_tokens": given,
        "output_tokens": output,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": short + long,
        "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
    }
    body = {"id": message, "model": model, "role": "assistant", "content": list(content), "usage": usage}
    return line(base("assistant", at, message=body, **({"requestId": request} if request else {}), **more))


# --- Codex ------------------------------------------------------------------------------------------------------------


def event(kind: str, at: float, **payload: Any) -> str:
    return line({"timestamp": clock(at), "type": kind, "payload": payload})


def meta(at: float = 0, thread: str = "t1", **more: Any) -> str:
    return event("session_meta", at, id=thread, timestamp=clock(at), cwd=CWD, **more)


def turn(at: float, model: str = "gpt-5.4") -> str:
    return event("turn_context", at, model=model, cwd=CWD)


def totals(given: int, cached: int, output: int, written: int | None = None) -> dict[str, int]:
    told = {"input_tokens": given, "cached_input_tokens": cached, "output_tokens": output}
    return {**told, **({} if written is None else {"cache_write_input_tokens": written})}


def count(at: float, total: dict[str, int], last: dict[str, int] | None = None) -> str:
    info = {"total_token_usage": total, **({"last_token_usage": last} if last else {})}
    return event("event_msg", at, type="token_count", info=info)
