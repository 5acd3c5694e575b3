"""Every page that lists something, over a large portal: percentiles over HTTP, against a floor.

    .venv/bin/python -m benchmarks.pages [--memories 10000] [--requirements 2000] [--runs 20000] [--requests 60]
                                         [--only NAME] [--keep-serving]

Fills a database of its own (embedded PostgreSQL and Valkey, removed at the end): the memories and their projects as
benchmarks.memory_pages does, the runs as benchmarks.costs does, each third run for a prompt and each second for a
requirement; requirements in all states with moves, criteria, comments and versions, one in five of them waiting for
another one; 300 prompts and 500 notices. Then asks the portal's own gunicorn (2 processes) for each page over one
keep-alive connection of the loopback interface, as a logged-in owner; a page counts from the request's first byte to
the answer's last. Prints one JSON line, with the pages whose 95th percentile lies above the floor of 150 ms; ends with
code 1 when there are any. `--keep-serving` leaves the portal up after that, until Enter is pressed.
"""

import argparse
import json
import sys
import time
from datetime import timedelta
from typing import Any

from benchmarks import memory_pages
from benchmarks.costs import FILL, FILL_USAGE, GOING_ON, analyse, ask, logged_in, ms, serving
from benchmarks.machine import django_on_fresh_servers, machine

FLOOR_MS = 150
PROMPTS, NOTICES, COMMENTS = 300, 500, 3
# Of twenty requirements: most are done or wait, some are worked on.
STATES = (
    *("done",) * 8,
    *("submitted",) * 4,
    *("promoted",) * 3,
    *("draft", "in_progress", "in_review", "rejected", "on_hold"),
)
PAGES = {
    "home": "/",
    "home_of_a_project": "/?project=project-3",
    "search": "/search/?q=queue+worker+timeout",
    "search_in_a_project": "/search/?q=schema+migration&project=project-3",
    "board": "/requirements/",
    "board_of_a_project": "/requirements/?project=project-3",
    "board_looked_through": "/requirements/?q=ledger",
    "requirements": "/requirements/?view=list",
    "requirements_last_page": "/requirements/?view=list&page=40",
    "memories": "/memories/",
    "memories_of_a_type": "/memories/?type=decision",
    "memories_searched": "/memories/?q=queue+worker+timeout",
    "prompts": "/prompts/",
    "hygiene": "/hygiene/",
    "hygiene_of_a_project": "/hygiene/?project=project-3",
    "runs": "/runs/",
    "runs_last_page": "/runs/?page=400",
    "runs_of_a_project": "/runs/?project=project-3",
    "costs": "/costs/",
    "costs_by_requirement": "/costs/?group=requirement",
    "costs_by_prompt": "/costs/?group=prompt",
    "costs_by_person": "/costs/?group=person",
    "costs_by_machine": "/costs/?group=machine",
    "notices": "/notifications/",
    "clients": "/clients/",
}


def main() -> None:
    """Run it all, print one JSON line, and fail when a page misses the floor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--requirements", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--requests", type=int, default=60, help="of each page")
    parser.add_argument("--only", action="append", metavar="NAME", help="ask for pages of this name only")
    parser.add_argument("--keep-serving", action="store_true")
    options = parser.parse_args()
    with django_on_fresh_servers():
        answer = measure(options)
        print(json.dumps(answer), flush=True)
    sys.exit(1 if answer["above_the_floor"] else 0)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Fill and ask; answers the figures."""
    from runs.rollups import roll_up_finished_days

    began = time.perf_counter()
    memory_pages.fill(options.memories)
    fill_prompts()
    fill_requirements(options.requirements)
    fill_runs(options.runs)
    fill_notices()
    roll_up_finished_days()
    filled = time.perf_counter() - began
    analyse()
    wanted = {name: path for name, path in PAGES.items() if not options.only or name in options.only}
    with serving() as port:
        cookie = logged_in()
        figures = {name: ask(port, cookie, path, options.requests) for name, path in wanted.items()}
        slow = {name: ms(seconds, 0.95) for name, seconds in figures.items() if ms(seconds, 0.95) > FLOOR_MS}
        answer = {
            "benchmark": "pages",
            **{name: getattr(options, name) for name in ("memories", "requirements", "runs")},
            "fill_s": round(filled, 1),
            "p50_ms": {name: ms(seconds, 0.5) for name, seconds in figures.items()},
            "p95_ms": {name: ms(seconds, 0.95) for name, seconds in figures.items()},
            "floor_ms": FLOOR_MS,
            "above_the_floor": slow,
            "through": "gunicorn, 2 processes, one keep-alive connection",
            "machine": machine(),
        }
        if options.keep_serving:
            print(f"http://127.0.0.1:{port}/ with the cookie sessionid={cookie}", file=sys.stderr, flush=True)
            input()
        return answer


def fill_prompts() -> None:
    """Prompts of all projects, by the product's own verb."""
    from access.callers import system_caller
    from access.models import Project
    from memories.saving import save_memory

    projects = list(Project.objects.filter(name__startswith="project-").order_by("name"))
    for number in range(PROMPTS):
        words = " ".join(memory_pages.WORDS[number % 20 : number % 20 + 20])
        save_memory(
            system_caller("person-00"), projects[number % len(projects)], "prompt", f"Prompt {number}", content_md=words
        )


def fill_requirements(count: int) -> None:
    """So many requirements with what hangs on them."""
    from django.utils import timezone

    from access.models import Member, Project
    from requirements_pipeline.models import (
        MetCriterion,
        Requirement,
        RequirementComment,
        RequirementMove,
        RequirementVersion,
    )

    now = timezone.now()
    projects = list(Project.objects.filter(name__startswith="project-").order_by("name"))
    people = [Member.objects.create_user(f"person-{number:02}", password=None) for number in range(40)]
    rows = []
    for number in range(count):
        at = now - timedelta(days=number % 180, minutes=number)
        words = memory_pages.WORDS[number % 40]
        rows.append(
            Requirement(
                project=projects[number % len(projects)],
                title=f"Requirement {number} about the {words}",
                content_md=f"Why: the {words} is slow.\n\nWhat: make it quick. " * 5,
                acceptance=[f"Criterion {place} of the {words}" for place in range(4)],
                priority=number % 5 + 1,
                module=f"module-{number % 25:02}",
                tags=[f"tag-{number % 40:02}", f"tag-{number % 7:02}"],
                state=STATES[(number // len(projects)) % len(STATES)],
                created_by=people[number % 40].username,
                author=people[number % 40],
                assignee=people[number % 13] if number % 3 == 0 else None,
                due_on=(at + timedelta(days=40)).date() if number % 2 else None,
                created_at=at,
                updated_at=at,
            )
        )
    Requirement.objects.bulk_create(rows, batch_size=500)
    waits = Requirement.depends_on.through
    waits.objects.bulk_create(
        [
            waits(from_requirement_id=row.pk, to_requirement_id=rows[number - len(projects)].pk)
            for number, row in enumerate(rows)
            if number % 5 == 0 and number >= len(projects)
        ]
    )
    RequirementMove.objects.bulk_create(
        [
            RequirementMove(
                requirement=row, from_state=before, to_state=after, by=row.created_by, at=row.created_at, reason="So."
            )
            for row in rows
            for before, after in (("draft", "submitted"), ("submitted", "promoted"), ("promoted", "in_progress"))
        ],
        batch_size=2000,
    )
    RequirementVersion.objects.bulk_create(
        [
            RequirementVersion(
                requirement=row, number=1, title=row.title, priority=row.priority, saved_at=row.created_at
            )
            for row in rows
        ],
        batch_size=2000,
    )
    MetCriterion.objects.bulk_create(
        [MetCriterion(requirement=row, text=text, by=row.created_by) for row in rows for text in row.acceptance[:2]],
        batch_size=2000,
    )
    RequirementComment.objects.bulk_create(
        [
            RequirementComment(requirement=row, body_md=f"Comment {place}", by=row.created_by, author=row.author)
            for row in rows
            for place in range(COMMENTS)
        ],
        batch_size=2000,
    )


# Runs name prompts and requirements that are there, so that pages which follow them have something to add up.
LINK_RUNS = """
    WITH numbered AS (SELECT id, project_id, row_number() OVER (PARTITION BY project_id ORDER BY id) AS n FROM runs_run),
    prompts AS (SELECT id, title, project_id, row_number() OVER (PARTITION BY project_id ORDER BY id) AS n,
                       count(*) OVER (PARTITION BY project_id) AS many FROM memories_memory WHERE memory_type_id = 'prompt'),
    wishes AS (SELECT id, title, project_id, row_number() OVER (PARTITION BY project_id ORDER BY id) AS n,
                      count(*) OVER (PARTITION BY project_id) AS many FROM requirements_pipeline_requirement)
    UPDATE runs_run r SET
        prompt_id = CASE WHEN k.n %% 3 = 0 THEN p.id END, prompt_name = CASE WHEN k.n %% 3 = 0 THEN p.title ELSE '' END,
        requirement_id = CASE WHEN k.n %% 2 = 0 THEN w.id END, requirement_title = CASE WHEN k.n %% 2 = 0 THEN w.title ELSE '' END
    FROM numbered k
    JOIN prompts p ON p.project_id = k.project_id
    JOIN wishes w ON w.project_id = k.project_id
    WHERE k.id = r.id AND p.n = k.n %% p.many + 1 AND w.n = k.n %% w.many + 1
"""


def fill_runs(runs: int) -> None:
    """So many runs over a year, as benchmarks.costs draws them."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.7723)")
        cursor.execute(FILL, {"first": 1, "last": runs, "ended": runs - GOING_ON})
        cursor.execute(FILL_USAGE, {})
        cursor.execute(LINK_RUNS, {})


def fill_notices() -> None:
    """Notices of the reader, a tenth of them unread."""
    from django.utils import timezone

    from access.models import Member, Notification, Project

    lead, now = Member.objects.get(username="lead"), timezone.now()
    project = Project.objects.get(name="project-3")
    Notification.objects.bulk_create(
        [
            Notification(
                member=lead,
                project=project,
                kind="moved",
                words=f"person-0 moved “Requirement {number}” to promoted.",
                at=now - timedelta(hours=NOTICES - number),
                read_at=None if number % 10 == 0 else now,
            )
            for number in range(NOTICES)
        ]
    )


if __name__ == "__main__":
    main()
