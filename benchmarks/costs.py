"""The cost page and the runs board over a year of runs: percentiles over HTTP.

    .venv/bin/python -m benchmarks.costs [--runs 1000000] [--requests 60] [--keep-serving]

Fills a database of its own (embedded PostgreSQL and Valkey, removed at the end) with RUNS runs over the last 365 days:
10 projects, 40 people on 60 machines, 6 agents, 8 models of which one has no price, 200 requirements, 50 prompts; one
run in five uses two models, 40 runs are going on. Rolls the finished days up as the nightly job does, then asks the
portal's own gunicorn (2 processes) for each page over one keep-alive connection of the loopback interface, as a
logged-in owner; a page counts from the request's first byte to the answer's last. Prints one JSON line.
`--keep-serving` leaves the portal up after that, for a look at the pages, until Enter is pressed.
"""

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.machine import django_on_fresh_servers, machine, percentile

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
WARM_UP = 5

# Every page that a lead opens first, and what they narrow it to.
COST_PAGES = {
    "last_30_days": "/costs/",
    "this_year_by_project": "/costs/?range=last_12_months",
    "year_by_model": "/costs/?range=last_12_months&group=model",
    "year_by_person": "/costs/?range=last_12_months&group=person",
    "year_by_machine_by_day": "/costs/?range=last_12_months&group=machine&by=day",
    "year_by_requirement": "/costs/?range=last_12_months&group=requirement",
    "year_of_a_project_by_person": "/costs/?range=last_12_months&group=person&project=project-3",
    "year_of_an_agent": "/costs/?range=last_12_months&group=project&agent=agent-2",
    "month_of_a_person_by_model": "/costs/?range=last_month&group=model&person=person-07",
}
# Two dimensions at once, over a whole year.
CROSSED_PAGES = {
    "year_of_a_person_by_model": "/costs/?range=last_12_months&group=model&person=person-07",
    "year_of_an_agent_by_model": "/costs/?range=last_12_months&group=model&agent=agent-2",
    "year_of_an_agent_by_requirement": "/costs/?range=last_12_months&group=requirement&agent=agent-2",
}
BOARD = "/runs/"


def main() -> None:
    """Run it all and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=60, help="of each page")
    parser.add_argument("--keep-serving", action="store_true")
    options = parser.parse_args()
    with django_on_fresh_servers():
        print(json.dumps(measure(options.runs, options.requests, keep_serving=options.keep_serving)), flush=True)


def measure(runs: int, requests: int, *, keep_serving: bool = False) -> dict[str, Any]:
    """Fill, roll up, ask; answers the figures."""
    from runs.rollups import roll_up_finished_days

    began = time.perf_counter()
    fill(runs)
    filled = time.perf_counter()
    days = roll_up_finished_days()
    rolled = time.perf_counter()
    analyse()
    with serving() as port:
        cookie = logged_in()
        figures = {name: ask(port, cookie, path, requests) for name, path in COST_PAGES.items()}
        crossed = {name: ask(port, cookie, path, max(10, requests // 6)) for name, path in CROSSED_PAGES.items()}
        board = ask(port, cookie, BOARD, requests)
        live = ask(port, cookie, BOARD, requests, {"HX-Request": "true"})
        together = [second for seconds in figures.values() for second in seconds]
        answer = {
            "benchmark": "costs",
            "runs": runs,
            "rolled_project_days": days,
            "fill_s": round(filled - began, 1),
            "roll_up_s": round(rolled - filled, 1),
            "cost_page_p50_ms": ms(together, 0.5),
            "cost_page_p95_ms": ms(together, 0.95),
            "board_p50_ms": ms(board, 0.5),
            "board_p95_ms": ms(board, 0.95),
            "board_refresh_p50_ms": ms(live, 0.5),
            "board_refresh_p95_ms": ms(live, 0.95),
            "cost_pages_p95_ms": {name: ms(seconds, 0.95) for name, seconds in figures.items()},
            "crossed_pages_p95_ms": {name: ms(seconds, 0.95) for name, seconds in crossed.items()},
            "through": "gunicorn, 2 processes, one keep-alive connection",
            "machine": machine(),
        }
        if keep_serving:
            print(f"http://127.0.0.1:{port}/costs/ with the cookie sessionid={cookie}", file=sys.stderr, flush=True)
            input()
        return answer


# --- a year of runs --------------------------------------------------------------------------------------------------

# Each person works in three projects, with two agents, on one or two machines; models differ in how often they are used.
FILL = """
    INSERT INTO runs_run (
        id, project_id, session_id, runner, agent, model, machine, cwd, branch, reported_by, person, member_id,
        prompt_id, prompt_name, requirement_id, requirement_title, status, step, output_summary, files_modified,
        tokens_input, tokens_output, tokens_cache_read, tokens_cache_write_5m, tokens_cache_write_1h,
        cost_usd, cost_source, computed_cost_usd, day, started_at, last_seen_at, finished_at, created_at
    )
    SELECT gen_random_uuid(), p.id, 's' || n, 'agent-' || agent, 'agent-' || agent, 'model-' || model,
           'machine-' || machine, '/srv/app', 'main', 'person-' || lpad(person::text, 2, '0'),
           'person-' || lpad(person::text, 2, '0'), m.id,
           CASE WHEN n %% 2 = 0 THEN md5('prompt' || project || '.' || n %% 5)::uuid END,
           CASE WHEN n %% 2 = 0 THEN 'Prompt ' || project || '.' || n %% 5 ELSE '' END,
           CASE WHEN n %% 10 < 7 THEN md5('requirement' || project || '.' || n %% 20)::uuid END,
           CASE WHEN n %% 10 < 7 THEN 'Requirement ' || project || '.' || n %% 20 ELSE '' END,
           CASE WHEN n > %(ended)s THEN 'running' ELSE 'success' END, '', 'Done.', '{}',
           tokens, tokens / 4, tokens * 12, 0, tokens * 2,
           CASE WHEN model < 8 THEN round(tokens * (model + 1) * 0.000002, 6) END,
           CASE WHEN model < 8 THEN 'computed' ELSE 'no_price' END,
           CASE WHEN model < 8 THEN round(tokens * (model + 1) * 0.000002, 6) END,
           started::date, started, least(started + interval '20 minutes', now()),
           CASE WHEN n > %(ended)s THEN NULL ELSE started + interval '20 minutes' END, started
    FROM (
        SELECT n, person, (person * 3 + (random() * 2)::int) %% 10 AS project, 1 + (person + (random() < 0.2)::int) %% 6 AS agent,
               1 + floor(8 * random() ^ 2)::int AS model, person + 40 * (random() < 0.3 AND person < 20)::int AS machine,
               1000 + floor(random() * 40000)::bigint AS tokens,
               CASE WHEN n > %(ended)s THEN now() - random() * interval '1 hour'
                    ELSE now() - interval '25 minutes' - random() * interval '364 days' END AS started
        FROM (SELECT n, floor(random() * 40)::int AS person FROM generate_series(%(first)s::int, %(last)s::int) AS n) AS people
    ) AS drawn
    JOIN access_project p ON p.name = 'project-' || project JOIN access_member m ON m.username = 'person-' || lpad(person::text, 2, '0')
"""
FILL_USAGE = """
    INSERT INTO runs_runusage (
        run_id, model, tokens_input, tokens_output, tokens_cache_read, tokens_cache_write_5m, tokens_cache_write_1h,
        cost_usd, computed_cost_usd, cache_savings_usd
    )
    SELECT id, model, tokens_input, tokens_output, tokens_cache_read, tokens_cache_write_5m, tokens_cache_write_1h,
           cost_usd, cost_usd, round(cost_usd * 0.4, 6) FROM runs_run
    UNION ALL
    SELECT id, 'model-0', 100, 10, NULL, NULL, NULL, CASE WHEN cost_usd IS NOT NULL THEN 0 END, 0, 0
    FROM runs_run WHERE tokens_input %% 5 = 0
"""
AT_ONCE = 100_000
GOING_ON = 40


def fill(runs: int) -> None:
    """Projects, people and so many runs with their usage, by the database itself."""
    from django.db import connection

    from access.models import Member, Project
    from access.roles import Role

    Project.objects.bulk_create([Project(name=f"project-{number}") for number in range(10)])
    Member.objects.bulk_create(
        [Member(username=f"person-{number:02}", password="!", role=Role.COLLABORATOR) for number in range(40)]
    )
    Member.objects.create_user("lead", password=None, role=Role.OWNER)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.7723)")
        for first in range(1, runs + 1, AT_ONCE):
            last = min(first + AT_ONCE - 1, runs)
            cursor.execute(FILL, {"first": first, "last": last, "ended": runs - GOING_ON})
        cursor.execute(FILL_USAGE, {})


def analyse() -> None:
    """What PostgreSQL's autovacuum does by itself in time."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


# --- asking ----------------------------------------------------------------------------------------------------------


def logged_in() -> str:
    """The session cookie of the lead."""
    from django.conf import settings
    from django.test import Client

    from access.models import Member

    client = Client()
    client.force_login(Member.objects.get(username="lead"), backend="access.permissions.RolePermissionBackend")
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@contextmanager
def serving() -> Iterator[int]:
    """The portal's gunicorn on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "ZIKRA_BIND": f"127.0.0.1:{port}"}
    command = [sys.executable, "-m", "gunicorn", "-c", "python:zikra_portal.web_server"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    sys.exit("gunicorn did not start.")


def ask(port: int, cookie: str, path: str, times: int, headers: dict[str, str] | None = None) -> list[float]:
    """Seconds of each answer, which must be a page; the first few, which fill caches and plans, are not counted."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    seconds = []
    for _ in range(WARM_UP + times):
        began = time.perf_counter()
        connection.request("GET", path, headers={"Cookie": f"sessionid={cookie}", **(headers or {})})
        answer = connection.getresponse()
        text = answer.read()
        seconds.append(time.perf_counter() - began)
        if answer.status != 200:
            sys.exit(f"{path} answered {answer.status}: {text[:300]!r}")
    connection.close()
    return seconds[WARM_UP:]


def ms(seconds: list[float], share: float) -> float:
    """A percentile in milliseconds."""
    return round(percentile(seconds, share) * 1000, 1)


if __name__ == "__main__":
    main()
