"""The memories' pages over 10,000 memories: percentiles over HTTP.

    .venv/bin/python -m benchmarks.memory_pages [--memories 10000] [--requests 60] [--keep-serving]

Fills a database of its own (embedded PostgreSQL and Valkey, removed at the end) with MEMORIES memories through the
product's own verb: 10 projects, 12 people, 40 tags, 25 modules, 60 to 120 words each, two links each to others of the
project. Their vectors are random ones of the answering space, since what they are costs a search nothing; questions are
embedded by the embedded embedder. Then asks the portal's own gunicorn (2 processes) for each page over one keep-alive
connection of the loopback interface, as a logged-in owner, no two questions alike; a page counts from the request's
first byte to the answer's last. Prints one JSON line. `--keep-serving` leaves the portal up after that, until Enter is
pressed.
"""

import argparse
import json
import random
import sys
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from benchmarks.costs import analyse, ask, logged_in, ms, serving
from benchmarks.machine import django_on_fresh_servers, machine

PROJECTS, PEOPLE, TAGS, MODULES = 10, 12, 40, 25
WORDS = (
    "session token cache queue worker index vector invoice payment webhook retry schema migration deploy branch review "
    "customer ledger export import parser socket timeout backoff cursor tenant quota budget alert metric trace region "
    "replica snapshot cluster header cookie policy scope secret rotation ledger audit draft archive search ranking"
).split()
VECTORS = """
    INSERT INTO memories_passagevector (space_id, project_id, memory_id, position, embedding)
    SELECT %s, memory.project_id, memory.id, 0,
           (SELECT array_agg(random() - 0.5) FROM generate_series(1, %s + 0 * length(memory.title)))::vector::halfvec
    FROM memories_memory AS memory
"""


def main() -> None:
    """Run it all and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=60, help="of each page")
    parser.add_argument("--keep-serving", action="store_true")
    options = parser.parse_args()
    with django_on_fresh_servers():
        print(json.dumps(measure(options.memories, options.requests, options.keep_serving)), flush=True)


def measure(memories: int, requests: int, keep_serving: bool) -> dict[str, Any]:
    """Fill and ask; answers the figures."""
    began = time.perf_counter()
    one = fill(memories)
    filled = time.perf_counter() - began
    analyse()
    with serving() as port:
        cookie = logged_in()
        figures = {name: ask(port, cookie, path, requests) for name, path in pages(one).items()}
        questions = [asked() for _ in range(requests)]
        found = [second for question in questions for second in ask(port, cookie, question, 1)]
        answer = {
            "benchmark": "memory_pages",
            "memories": memories,
            "fill_s": round(filled, 1),
            "pages_p50_ms": {name: ms(seconds, 0.5) for name, seconds in figures.items()},
            "pages_p95_ms": {name: ms(seconds, 0.95) for name, seconds in figures.items()},
            "search_p50_ms": ms(found, 0.5),
            "search_p95_ms": ms(found, 0.95),
            "through": "gunicorn, 2 processes, one keep-alive connection",
            "machine": machine(),
        }
        if keep_serving:
            print(f"http://127.0.0.1:{port}/memories/ with the cookie sessionid={cookie}", file=sys.stderr, flush=True)
            input()
        return answer


def pages(one: str) -> dict[str, str]:
    """The addresses asked for; `one` is the id of a memory."""
    return {
        "all": "/memories/",
        "of_a_project": "/memories/?project=project-3",
        "last_page": "/memories/?page=200",
        "by_confidence": "/memories/?sort=-confidence",
        "by_title": "/memories/?sort=title",
        "chosen": "/memories/?type=decision&tag=tag-07&age=quarter",
        "archived": "/memories/?state=archived",
        "one": f"/memories/{one}/",
        "graph_of_a_project": "/memories/graph/?project=project-3",
        "graph_around_one": f"/memories/graph/?memory={one}",
    }


def asked() -> str:
    """The address of a question of six to nine words."""
    return f"/memories/?{urlencode({'q': ' '.join(random.sample(WORDS, random.randint(6, 9)))})}"


def fill(memories: int) -> str:
    """Projects, people and so many memories with their links and vectors; answers the id of one."""
    from django.db import connection
    from django.utils import timezone

    from access.callers import system_caller
    from access.models import Member, Project
    from access.roles import Role
    from memories.models import EmbeddingSpace, Memory, PendingEmbedding
    from memories.saving import save_memory

    random.seed(7723)
    Member.objects.create_user("lead", password=None, role=Role.OWNER)
    projects = [Project.objects.create(name=f"project-{number}") for number in range(PROJECTS)]
    callers = [system_caller(f"person-{number:02}") for number in range(PEOPLE)]
    types = ("decision", "error", "note", "reference", "architecture", "conversation")
    rows = []
    for number in range(memories):
        linked = [f"[[Memory {other}]]" for other in _others(number, memories)]
        saved = save_memory(
            callers[number % PEOPLE],
            projects[number % PROJECTS],
            types[number % len(types)],
            f"Memory {number}",
            content_md=" ".join([*random.choices(WORDS, k=random.randint(60, 120)), *linked]),
            tags=[f"tag-{int(TAGS * random.random() ** 2):02}" for _ in range(3)],
            module=f"module-{number % MODULES:02}",
        )
        saved.memory.updated_at = timezone.now() - timedelta(days=200 * random.random() ** 2)
        saved.memory.confirmed_at = saved.memory.updated_at
        saved.memory.archived_at = timezone.now() if number % 20 == 0 else None
        rows.append(saved.memory)
    Memory.objects.bulk_update(rows, ["updated_at", "confirmed_at", "archived_at"], batch_size=1000)
    PendingEmbedding.objects.all().delete()
    space = EmbeddingSpace.objects.answering()
    assert space is not None
    with connection.cursor() as cursor:
        cursor.execute(VECTORS, [space.pk, space.dimensions])
    return str(rows[7].pk)


def _others(number: int, memories: int) -> list[int]:
    """Two memories of the same project; the first of it are linked to by many."""
    places = memories // PROJECTS
    return [int(places * random.random() ** 3) * PROJECTS + number % PROJECTS for _ in range(2)]


if __name__ == "__main__":
    main()
