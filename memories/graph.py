"""The graph of links between memories: of all in sight, of a project, or around one memory; never more than one can read."""

import uuid
from dataclasses import dataclass

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F, Q, QuerySet

from access.callers import Caller
from memories.models import Memory, MemoryLink

# More shapes than this on one screen are no longer told apart.
NODES_AT_MOST = 200
# Lines beyond this number only darken the picture; a text links to at most 500 titles.
EDGES_AT_MOST = 1_000
# Around one memory: what it is linked with, and what those are linked with.
STEPS_AROUND = 2
# A memory that thousands link to would fill the picture with one star: so many links of each step are followed.
LINKS_FOLLOWED = 2_000

Pair = tuple[uuid.UUID, uuid.UUID]


@dataclass(frozen=True)
class LinkGraph:
    """Memories and the links between them.

    nodes: the most linked first (around a memory: the nearest first), at most NODES_AT_MOST. edges: pairs of ids,
    source and target, both among the nodes, at most EDGES_AT_MOST. degrees: how many others each node is linked with
    among all that was looked at. left_out, edges_left_out: how many more there are.
    """

    nodes: list[Memory]
    edges: list[Pair]
    degrees: dict[uuid.UUID, int]
    left_out: int = 0
    edges_left_out: int = 0


MOST_LINKED = """
WITH edge (source, target) AS MATERIALIZED ({links}),
     degree AS (
         SELECT id, count(*) AS others FROM (
             SELECT source AS id, target AS other FROM edge UNION SELECT target, source FROM edge
         ) AS either GROUP BY id
     )
SELECT id, others, count(*) OVER () FROM degree ORDER BY others DESC, id LIMIT {most}
"""


def graph_of(caller: Caller, project_ids: list[int] | None = None) -> LinkGraph:
    """The links between memories in sight, of these projects (None: all); of many, those of the most linked memories.
    Four queries at most."""
    try:
        sql, arguments = _links(caller, project_ids).values_list("source_id", "target_id").query.sql_with_params()
    except EmptyResultSet:
        # Who sees no project sees no link.
        return _graph(caller, {}, 0)
    with connection.cursor() as cursor:
        cursor.execute(MOST_LINKED.format(links=sql, most=NODES_AT_MOST), arguments)
        rows = cursor.fetchall()
    degrees = {key: others for key, others, _ in rows}
    return _graph(caller, degrees, (rows[0][2] if rows else 0) - len(rows))


def graph_around(caller: Caller, memory: Memory) -> LinkGraph:
    """A memory, what it is linked with, and what those are linked with, as far as in sight: the nearest first, then the
    most linked. Five queries at most."""
    steps = {memory.pk: 0}
    pairs: set[Pair] = set()
    for step in range(1, STEPS_AROUND + 1):
        last = [key for key, found in steps.items() if found == step - 1]
        for pair in _touching(caller, last):
            pairs.add(pair)
            for key in pair:
                steps.setdefault(key, step)
    degrees = _degrees(pairs)
    order = sorted(steps, key=lambda key: (steps[key], -degrees.get(key, 0), key))
    shown = {key: degrees.get(key, 0) for key in order[:NODES_AT_MOST]}
    return _graph(caller, shown, len(steps) - len(shown))


def _links(caller: Caller, project_ids: list[int] | None = None) -> QuerySet[MemoryLink]:
    """Links that have found their memory, both ends in sight."""
    sight = Memory.objects.visible_to(caller).within(project_ids).values("pk")
    return MemoryLink.objects.filter(source__in=sight, target__in=sight).exclude(source=F("target"))


def _touching(caller: Caller, keys: list[uuid.UUID]) -> list[Pair]:
    """Links from or to these memories, oldest first, as many as are followed."""
    if not keys:
        return []
    touching = _links(caller).filter(Q(source__in=keys) | Q(target__in=keys)).order_by("pk")
    return list(touching.values_list("source_id", "target_id")[:LINKS_FOLLOWED])


def _degrees(pairs: set[Pair]) -> dict[uuid.UUID, int]:
    others: dict[uuid.UUID, set[uuid.UUID]] = {}
    for source, target in pairs:
        others.setdefault(source, set()).add(target)
        others.setdefault(target, set()).add(source)
    return {key: len(found) for key, found in others.items()}


def _graph(caller: Caller, degrees: dict[uuid.UUID, int], left_out: int) -> LinkGraph:
    """The nodes with their types and projects, in the order of `degrees`, and the links among them."""
    rows = Memory.objects.visible_to(caller).filter(pk__in=degrees).select_related("memory_type", "project")
    found = {row.pk: row for row in rows.defer("content_md", "resolution")}
    edges = _links(caller).filter(source__in=list(found), target__in=list(found)).order_by("pk")
    pairs = list(edges.values_list("source_id", "target_id")[: EDGES_AT_MOST + 1])
    more = edges.count() - EDGES_AT_MOST if len(pairs) > EDGES_AT_MOST else 0
    nodes = [found[key] for key in degrees if key in found]
    return LinkGraph(nodes, pairs[:EDGES_AT_MOST], degrees, left_out, more)
