"""One line about the portal for an agent's status bar: from a cache, with no network in the foreground."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import date
from typing import Any

from zikra_client import places
from zikra_client.projects import place_of

FRESH_SECONDS = 60


def line(told: dict[str, Any]) -> str:
    """The line for what Claude Code tells its status line: project, memories, requirements, runs, cost, context used.

    told: its JSON. What the portal knows is as old as the cache, which a process in the background renews.
    """
    workspace = told.get("workspace")
    directory = str(workspace.get("current_dir") or "") if isinstance(workspace, dict) else str(told.get("cwd") or "")
    place = place_of(directory, str(places.settings().get("project") or ""))
    project = place.project or place.repository
    cached = places.read_json(_cache(project))
    if time.time() - float(cached.get("at", 0)) > FRESH_SECONDS:
        _renew_behind(project)
    parts = [project, *_from_portal(cached)]
    window = told.get("context_window")
    used = window.get("used_percentage") if isinstance(window, dict) else None
    if isinstance(used, (int, float)):
        parts.append(f"{used:.0f}% context")
    return " · ".join(part for part in parts if part)


def _from_portal(cached: dict[str, Any]) -> list[str]:
    """What the cache knows, each with its word; nothing that it does not know."""
    words = (("memories", "memory", "memories"), ("requirements", "open requirement", "open requirements"))
    parts = [
        f"{cached[name]} {one if cached[name] == 1 else many}"
        for name, one, many in (*words, ("runs", "running", "running"))
        if isinstance(cached.get(name), int)
    ]
    return [*parts, f"{cached['cost']} today"] if cached.get("cost") else parts


def _cache(project: str) -> str:
    name = "".join(letter if letter.isalnum() else "_" for letter in project)[:80] or "all"
    return places.path_of("status", f"{name}.json")


def _renew_behind(project: str) -> None:
    """Ask the portal in a process of its own; the next line has the answers."""
    sys.stdout.flush()
    if os.fork():
        return
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        renew(project)
    finally:
        os._exit(0)


def renew(project: str) -> dict[str, Any]:
    """Ask the portal and keep the answers; what it refuses (a guest sees no costs) is left out."""
    known: dict[str, Any] = {"at": time.time()}
    places.write_private(_cache(project), json.dumps({**places.read_json(_cache(project)), "at": known["at"]}))
    bound = {"project": project} if project else {}
    found = _command("search", query="*", **bound)
    known["memories"] = found.get("total") if found else None
    listed = [
        _command("list_requirements", status=state, limit=1, **bound)
        for state in ("pending", "promoted", "in_progress", "in_review")
    ]
    counts = [answer.get("total", answer.get("count")) for answer in listed if answer]
    known["requirements"] = sum(count for count in counts if isinstance(count, int)) if counts else None
    active = _command("active_runs", **bound)
    known["runs"] = active.get("count") if active else None
    today = date.today().isoformat()
    cost = _command("cost_report", first=today, last=today, **bound)
    total = cost.get("total") if cost else None
    if isinstance(total, dict) and total.get("cost_usd") is not None:
        known["cost"] = f"${float(total['cost_usd']):.2f}"
    places.write_private(_cache(project), json.dumps(known))
    return known


def _command(name: str, **arguments: Any) -> dict[str, Any]:
    from zikra_client.sending import ask

    answer = ask("POST", "/webhook/zikra", {"command": name, **arguments}, timeout=5)
    try:
        told = json.loads(answer.body) if answer.status == 200 else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
