"""The same transcripts priced here and by ccusage, a public tool from the npm registry, offline on both sides.

    npm install ccusage
    .venv/bin/python -m benchmarks.ccusage --ccusage node_modules/.bin/ccusage [--sessions 600] [--context 150000]

Writes a month of made-up transcripts of Claude Code and Codex for eight models into a temporary home: cache entries of
5 minutes and of an hour, messages written several times while they stream, subagents that repeat their parent. Imports
them into a fresh database through `runs.importing`, lets ccusage read the same files, and prints one JSON line: tokens
and dollars of both by model, and their ratio.
"""

import argparse
import json
import os
import random
import re
import subprocess
import tempfile
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.machine import django_on_fresh_servers, machine

FIRST_DAY = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 30
SEED = 7
CLAUDE_MODELS = (
    *("claude-opus-4-8", "claude-opus-4-5-20251101", "claude-opus-4-1-20250805"),
    *("claude-sonnet-4-5-20250929", "claude-sonnet-4-6", "claude-haiku-4-5-20251001"),
)
CODEX_MODELS = ("gpt-5.4", "gpt-5.6-sol")
CODEX_SHARE = 0.25
# One request stays below the context from which some models cost more: sums of a session do not tell its requests.
LARGEST_CONTEXT = 150_000
TOKENS = ("input", "output", "cache_read", "cache_write")


@dataclass(frozen=True)
class Month:
    """What is written. context: the most input tokens of one request, those of the cache included."""

    sessions: int
    context: int
    claude_models: tuple[str, ...]
    codex_models: tuple[str, ...]


def main() -> None:
    """Write, import, ask ccusage, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ccusage", default="ccusage", help="the program; else the one on the PATH")
    parser.add_argument("--sessions", type=int, default=600)
    parser.add_argument("--context", type=int, default=LARGEST_CONTEXT, help="most input tokens of one request")
    parser.add_argument("--claude-models", type=_names, default=CLAUDE_MODELS, metavar="A,B")
    parser.add_argument("--codex-models", type=_names, default=CODEX_MODELS, metavar="A,B")
    options = parser.parse_args()
    month = Month(options.sessions, options.context, options.claude_models, options.codex_models)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_month(home, month, random.Random(SEED))
        here, there = imported(home), asked(options.ccusage, home)
        print(json.dumps(compared(here, there) | versions(options.ccusage) | asdict(month) | machine()))


def compared(here: dict[str, Any], there: dict[str, Any]) -> dict[str, Any]:
    """Both by model and in all, with the ratio of ours to theirs."""
    models = {
        model: {
            "here_usd": round(here[model]["usd"], 6),
            "ccusage_usd": round(there[model]["usd"], 6),
            "ratio": _ratio(here[model]["usd"], there[model]["usd"]),
            "tokens_equal": all(here[model][kind] == there[model][kind] for kind in TOKENS),
            "here": {kind: here[model][kind] for kind in TOKENS},
            "ccusage": {kind: there[model][kind] for kind in TOKENS},
        }
        for model in sorted(here.keys() | there.keys())
    }
    ours, theirs = (sum(entry["usd"] for entry in side.values()) for side in (here, there))
    return {
        "here_usd": round(ours, 6),
        "ccusage_usd": round(theirs, 6),
        "ratio": _ratio(ours, theirs),
        "models": models,
    }


def versions(program: str) -> dict[str, str]:
    """What was compared."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+\.\d+\.\d+", told)
    return {
        "ccusage_version": found.group() if found else told.strip(),
        "genai_prices_version": version("genai-prices"),
    }


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _ratio(ours: float, theirs: float) -> float | None:
    return round(ours / theirs, 6) if theirs else None


def _nothing() -> dict[str, Any]:
    return {"usd": 0.0, **dict.fromkeys(TOKENS, 0)}


# --- both sides -------------------------------------------------------------------------------------------------------


def imported(home: Path) -> dict[str, Any]:
    """Dollars and tokens by model after an import into a fresh database."""
    with django_on_fresh_servers():
        from access.callers import system_caller
        from runs.importing import Result, import_sessions
        from runs.models import RunUsage
        from runs.transcripts.discovery import Homes, find_transcripts, read_sessions

        sessions = read_sessions(find_transcripts(Homes.of(home, {})))
        results = [one.result for one in import_sessions(system_caller("benchmark"), sessions, project_name="month")]
        assert set(results) == {Result.NEW}, set(results)
        models: dict[str, Any] = defaultdict(_nothing)
        for row in RunUsage.objects.all():
            entry = models[row.model]
            entry["usd"] += float(row.cost_usd or Decimal(0))
            entry["input"] += row.tokens_input or 0
            entry["output"] += row.tokens_output or 0
            entry["cache_read"] += row.tokens_cache_read or 0
            entry["cache_write"] += (row.tokens_cache_write_5m or 0) + (row.tokens_cache_write_1h or 0)
        return models


def asked(program: str, home: Path) -> dict[str, Any]:
    """Dollars and tokens by model as ccusage tells them. A session of Codex here has one model, so its cost is that one's."""
    environment = {
        **os.environ,
        "HOME": str(home),
        "CLAUDE_CONFIG_DIR": str(home / ".claude"),
        "CODEX_HOME": str(home / ".codex"),
    }

    def report(*words: str) -> Any:
        command = [program, *words, "--offline", "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    models: dict[str, Any] = defaultdict(_nothing)
    for day in report("claude", "daily", "--breakdown")["daily"]:
        for told in day["modelBreakdowns"]:
            _add(models[told["modelName"]], told, told["cost"])
    for session in report("codex", "session")["sessions"]:
        ((model, told),) = session["models"].items()
        _add(models[model], told, session["costUSD"])
    return models


def _add(entry: dict[str, Any], told: dict[str, Any], usd: float) -> None:
    entry["usd"] += usd
    for kind, name in zip(
        TOKENS, ("inputTokens", "outputTokens", "cacheReadTokens", "cacheCreationTokens"), strict=True
    ):
        entry[kind] += told[name]


# --- a month of transcripts -------------------------------------------------------------------------------------------


def write_month(home: Path, month: Month, chance: random.Random) -> None:
    """Transcripts of so many sessions, spread over the month."""
    for number in range(month.sessions):
        begin = FIRST_DAY + timedelta(seconds=chance.uniform(0, DAYS * 86_400 - 7_200))
        if chance.random() < CODEX_SHARE:
            _write_codex(home, month, number, begin, chance)
        else:
            _write_claude_code(home, month, number, begin, chance)


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _write_lines(path: Path, records: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without blanks, as the two programs write; ccusage passes over other lines.
    path.write_text("".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records))


def _write_claude_code(home: Path, month: Month, number: int, begin: datetime, chance: random.Random) -> None:
    """A session of one or two models; some with a subagent that first repeats its parent."""
    session, few = f"00000000-0000-4000-8000-{number:012d}", min(chance.choice((1, 1, 2)), len(month.claude_models))
    models = chance.sample(month.claude_models, few)
    main: list[dict[str, Any]] = []
    for turn in range(chance.randint(1, 30)):
        begin += timedelta(seconds=chance.uniform(5, 90))
        main += _message(session, f"{number}-{turn}", chance.choice(models), begin, month.context, chance)
    folder = home / ".claude" / "projects" / "-home-ana-shop"
    _write_lines(folder / f"{session}.jsonl", main)
    if chance.random() < 0.3:
        side = [{**record, "isSidechain": True} for record in main[-3:]]
        for turn in range(chance.randint(1, 10)):
            begin += timedelta(seconds=chance.uniform(5, 60))
            side += _message(session, f"{number}-side-{turn}", month.claude_models[-1], begin, month.context, chance)
        _write_lines(folder / session / "subagents" / "agent-1.jsonl", side)


def _message(
    session: str, name: str, model: str, at: datetime, context: int, chance: random.Random
) -> list[dict[str, Any]]:
    """One message as it is written: once for each of its parts, all with the same usage."""
    short, long = chance.choice(((0, 1), (0, 1), (0, 1), (1, 0), (1, 1)))
    short, long = short * chance.randint(0, 20_000), long * chance.randint(0, 20_000)
    usage = {
        "input_tokens": chance.randint(1, 3_000),
        "output_tokens": chance.randint(1, 8_000),
        "cache_read_input_tokens": chance.randint(0, context - 50_000),
        "cache_creation_input_tokens": short + long,
        "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
    }
    body = {"id": f"msg_{name}", "type": "message", "role": "assistant", "model": model, "content": [], "usage": usage}
    return [
        {
            "type": "assistant",
            "sessionId": session,
            "timestamp": _stamp(at + timedelta(seconds=part)),
            "uuid": f"{name}-{part}",
            "requestId": f"req_{name}",
            "message": body,
            "version": "2.1.197",
            "cwd": "/home/ana/shop",
            "gitBranch": "main",
            "isSidechain": False,
        }
        for part in range(chance.randint(1, 3))
    ]


def _write_codex(home: Path, month: Month, number: int, begin: datetime, chance: random.Random) -> None:
    """A thread of one model; every count is written twice now and then, as Codex does."""
    thread, model = f"01a00000-0000-7000-8000-{number:012d}", chance.choice(month.codex_models)
    path = home / ".codex/sessions" / f"{begin:%Y/%m/%d}" / f"rollout-{begin:%Y-%m-%dT%H-%M-%S}-{thread}.jsonl"

    def record(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
        return {"timestamp": _stamp(begin), "type": kind, "payload": payload}

    meta = {"id": thread, "session_id": thread, "timestamp": _stamp(begin), "cwd": "/home/ana/shop", "source": "cli"}
    records = [record("session_meta", meta), record("turn_context", {"model": model, "cwd": "/home/ana/shop"})]
    total: dict[str, int] = defaultdict(int)
    for _ in range(chance.randint(1, 30)):
        begin += timedelta(seconds=chance.uniform(5, 90))
        last = _codex_usage(month.context, chance)
        for name, count in last.items():
            total[name] += count
        info = {"total_token_usage": dict(total), "last_token_usage": last, "model_context_window": 258_400}
        records += [record("event_msg", {"type": "token_count", "info": info})] * chance.choice((1, 1, 1, 2))
    _write_lines(path, records)


def _codex_usage(context: int, chance: random.Random) -> dict[str, int]:
    given, output = chance.randint(100, context), chance.randint(1, 8_000)
    return {
        "input_tokens": given,
        "cached_input_tokens": chance.randint(0, given),
        "output_tokens": output,
        "reasoning_output_tokens": chance.randint(0, output),
        "total_tokens": given + output,
    }


if __name__ == "__main__":
    main()
