"""Hybrid search: what is meant and what is said, in PostgreSQL, fused by memories/ranking.py.

One statement counts, one finds whose words fit best, and one, once the question is embedded, whose meaning is nearest,
with everything that ranking needs of both. Every bound (scope, filters, deleted, archived) stands inside the statements,
so that no neighbour is lost to a filter that comes afterwards.
"""

import uuid
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, models

from access.callers import Caller
from access.errors import Invalid
from access.models import Project
from memories import decay
from memories.embedding.halfvec import halfvec_text
from memories.embedding.providers import (
    EMBEDDED,
    EMBEDDED_DIMENSIONS,
    EMBEDDED_MODEL,
    EmbedderUnavailable,
    embedder,
)
from memories.embedding.spaces import background_of
from memories.models import EmbeddingSpace, Memory, MemoryType
from memories.ranking import K1, B, Candidate, Corpus, Query, Settings, Space, inverse_document_frequency, rank
from memories.snippets import snippet, tokens_of, within_budget

log = structlog.get_logger(__name__)

# Questions are embedded here while PostgreSQL counts and finds their terms. Its threads are made when they are needed, so none is
# lost when a server parts into processes; more questions at once than this wait for one of them.
_BESIDE = ThreadPoolExecutor(32, thread_name_prefix="question")

LIMIT_AT_MOST = 100
DEFAULT_LIMIT = 10
DEFAULT_MAX_TOKENS = 2000
QUERY_CHARACTERS = 10_000
# A query that asks for nothing but the count of what is searchable.
COUNT_ONLY = "*"

# Candidates of each leg: so many, or three for each result that is asked for, so that a memory that one leg ranks low
# can still be lifted by the other. On LoCoMo's conversations (unit pair) R@10 was .918 with 60 and with 80 of each, .919 with 120.
CANDIDATES_AT_LEAST = 60
CANDIDATES_A_RESULT = 3
# Of a pasted error or log so much is embedded, about one window of the embedder; a text of 8,000 characters took it
# seconds. The keyword leg reads all of it.
EMBEDDED_CHARACTERS = 2_000
# Terms are taken from the rarest on until so many postings are read, so that the cost stays bounded as the corpus
# grows. Measured: with 10,000 memories 999 of 1,000 of the exact top tens; LoCoMo's 2,760 turns in one scope alike.
POSTINGS_READ = 2_000
# For each candidate of the keyword leg so many of the best are looked through first, for keeping a few in order takes less than sorting all.
SORTED_FOR_EACH = 4
# Of what waits to be embedded so much is looked through, so that a search costs no more while thousands wait.
WAITING_COUNTED = 1_000
# Up to so many memories in the bounds of a search every vector is compared (4 ms for 1,000 memories of three passages);
# beyond, the HNSW index is asked (1 ms for 10,000).
EXACT_MEMORIES = 1_000


def _in_model_order(model: type[models.Model], *names: str) -> tuple[str, ...]:
    """The columns as `from_db` wants them."""
    return tuple(field.attname for field in model._meta.concrete_fields if field.attname in names)


# What doors show of a result; anything else of it is read when it is asked for.
SHOWN_FIELDS = _in_model_order(
    Memory,
    *("id", "project_id", "memory_type_id", "title", "content_md", "resolution", "module", "tags", "created_at"),
    *("updated_at", "access_count", "pinned_at", "archived_at", "deleted_at"),
)
# What a search needs of the space that answers.
SPACE_FIELDS = _in_model_order(EmbeddingSpace, "id", "provider", "model", "dimensions", "url", "background_similarity")
EMBEDDED_SPACE = (EMBEDDED, EMBEDDED_MODEL, EMBEDDED_DIMENSIONS, "")
SHOWN_PROJECT_FIELDS = _in_model_order(Project, "id", "name")
SHOWN_TYPE_FIELDS = _in_model_order(MemoryType, "name", "label", "colour")


@dataclass(frozen=True)
class Bounds:
    """What a search may find: projects (None: no bound), filters, and whether archived memories count."""

    project_ids: list[int] | None
    memory_types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    module: str = ""
    since: datetime | None = None
    until: datetime | None = None
    include_archived: bool = False
    person: str = ""
    only_archived: bool = False
    only_pinned: bool = False

    @property
    def is_filtered(self) -> bool:
        """Whether anything but the projects bounds the search."""
        chosen = self.memory_types or self.tags or self.module or self.since or self.until or self.person
        return bool(chosen or self.only_archived or self.only_pinned)

    def condition(self) -> tuple[str, list[Any]]:
        """SQL over the alias `memory`, and its arguments."""
        parts: list[tuple[str, Any]] = []
        if self.project_ids is not None:
            parts.append(("memory.project_id = ANY(%s)", self.project_ids))
        if self.memory_types:
            parts.append(("memory.memory_type_id = ANY(%s)", list(self.memory_types)))
        if self.tags:
            parts.append(("memory.tags @> %s::varchar[]", list(self.tags)))
        if self.module:
            parts.append(("memory.module = %s", self.module))
        if self.since:
            parts.append(("memory.updated_at >= %s", self.since))
        if self.until:
            parts.append(("memory.updated_at <= %s", self.until))
        if self.person:
            parts.append(("memory.created_by = %s", self.person))
        words = ["memory.deleted_at IS NULL"]
        if self.only_archived:
            words.append("memory.archived_at IS NOT NULL")
        elif not self.include_archived:
            words.append("memory.archived_at IS NULL")
        if self.only_pinned:
            words.append("memory.pinned_at IS NOT NULL")
        return " AND ".join(words + [part for part, _ in parts]), [argument for _, argument in parts]


@dataclass(frozen=True)
class SearchResult:
    """One memory found: where it matched, how well (0…1), and the parts of that score."""

    memory: Memory
    snippet: str
    score: float
    confidence: float
    parts: dict[str, float]


@dataclass(frozen=True)
class SearchAnswer:
    """Results, best first. total: searchable memories in sight. warning: empty unless the answer is degraded.

    waiting: of the memories in sight so many are found by their words only, until the worker has embedded them; of
    the portal's newest WAITING_COUNTED that wait, those in sight are counted.
    """

    results: list[SearchResult]
    total: int
    tokens_used: int = 0
    warning: str = ""
    waiting: int = 0

    @property
    def degraded(self) -> bool:
        """Whether the semantic leg is missing."""
        return bool(self.warning)


@dataclass(frozen=True)
class QueryVector:
    """A question in the answering space, as PostgreSQL reads it, or the reason why there is none."""

    space: EmbeddingSpace | None = None
    vector: str | None = None
    background: float = 0.0
    problem: str = ""


@dataclass(frozen=True)
class Counted:
    """The statistics of the bounds: memories, their mean length in terms, memories that hold each query term.

    waiting: memories that wait for their first vectors in the space that answers; what is embedded once more is not among
    them, for its present vectors answer until they are replaced. space: the one that answers, None without an embedder.
    """

    total: int
    searched: int
    average_length: float
    frequencies: dict[int, int] = field(default_factory=dict)
    waiting: int = 0
    space: EmbeddingSpace | None = None


def search(
    caller: Caller,
    query: str,
    *,
    project_ids: list[int] | None = None,
    limit: int = DEFAULT_LIMIT,
    max_tokens: int = DEFAULT_MAX_TOKENS,
    memory_types: Sequence[str] = (),
    tags: Sequence[str] = (),
    module: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    include_archived: bool = False,
    person: str = "",
    only_archived: bool = False,
    only_pinned: bool = False,
    explain: bool = False,
) -> SearchAnswer:
    """The memories that answer a query best, in the caller's sight.

    query: any text; nothing in it is syntax, but "*" alone asks for the count only. project_ids: None for all in
    scope. person: who learnt it. limit: 1…100, clamped. max_tokens: budget over titles and snippets at four characters a token; the first
    result always fits. since, until: bounds on the last change. explain: fill `parts` with more than the leg scores.
    Raises Invalid for an empty or over-long query. Nothing is written: reading an answer changes no memory.
    """
    text = query.strip()
    if not text:
        raise Invalid("query is required", fields={"query": ["must not be blank"]})
    if len(text) > QUERY_CHARACTERS:
        problem = f"The query has {len(text)} characters; at most {QUERY_CHARACTERS} are searched for."
        raise Invalid(problem, fields={"query": [problem]})
    bounds = Bounds(
        _in_scope(caller, project_ids), tuple(memory_types), tuple(tags), module, since, until, include_archived,
        person, only_archived, only_pinned,
    )  # fmt: skip
    if text == COUNT_ONLY:
        counted = _count(bounds, ())
        return SearchAnswer([], counted.total, waiting=counted.waiting)
    # Begun before the space that answers is known: but for the time in which another one is built, it is this one's.
    early = _BESIDE.submit(_vector_of, *EMBEDDED_SPACE, text) if settings.EMBEDDING_PROVIDER == EMBEDDED else None
    asked = Query.of(text)
    counted = _count(bounds, (*asked.keys, *asked.marks))
    embedding = _embedding(counted.space, text, early)
    limit = max(1, min(limit, LIMIT_AT_MOST))
    most = max(CANDIDATES_AT_LEAST, CANDIDATES_A_RESULT * limit)
    worded = _best_worded(bounds, asked, counted, most)
    vector = _question(counted.space, embedding)
    candidates = _gather(bounds, asked, counted, worded, vector, most)
    scored = rank(
        asked,
        candidates,
        Corpus(counted.total, counted.average_length, counted.frequencies),
        Space(vector.background) if vector.vector is not None else None,
        Settings(semantic=settings.SEARCH_SEMANTIC_WEIGHT, keyword=settings.SEARCH_KEYWORD_WEIGHT),
        limit=limit,
    )
    return _answer(asked, scored, counted, max_tokens, vector.problem)


def _in_scope(caller: Caller, project_ids: list[int] | None) -> list[int] | None:
    """The asked projects that the caller sees: the last word on scope, whatever the door has checked before."""
    if caller.project_ids is None:
        return project_ids
    return sorted(caller.project_ids if project_ids is None else caller.project_ids.intersection(project_ids))


# --- the question's vector -------------------------------------------------------------------------------------------


def _embedding(space: EmbeddingSpace | None, text: str, early: Future[str] | None) -> Future[str] | None:
    """The embedding of a question in the space that answers: the one that has begun, where it is of this space."""
    if space is None:
        return None
    if early is not None and space.provider == EMBEDDED:
        return early
    return _BESIDE.submit(_vector_of, space.provider, space.model, space.dimensions, space.url, text)


def _vector_of(provider: str, model: str, dimensions: int, url: str, text: str) -> str:
    """Embed a question, or the beginning of a long one; nothing here asks PostgreSQL. Raises EmbedderUnavailable."""
    return halfvec_text(embedder(provider, model, dimensions, url).embed_query(text[:EMBEDDED_CHARACTERS]))


def _question(space: EmbeddingSpace | None, embedding: Future[str] | None) -> QueryVector:
    """The question's vector once it is there, or why there is none."""
    if space is None or embedding is None:
        return QueryVector(problem="No embedder is set up: results come from keywords only.")
    try:
        return QueryVector(space, embedding.result(), background_of(space))
    except EmbedderUnavailable as error:
        log.warning("query_not_embedded", space=str(space), error=str(error))
        return QueryVector(space, problem=f"Results come from keywords only. {error}")


# --- statements ------------------------------------------------------------------------------------------------------

# Arrays of terms stand in a subquery: the planner cannot look into them, so it keeps one plan for a connection instead
# of planning each search anew, which took a millisecond of it.
# One statement: a row without a key tells the memories, their terms, those that wait to be embedded and the space that
# answers, the others the memories that hold each term.
# Common terms have been counted by a scheduled task; of the others the postings are counted, up to a bound that only
# a term passes that has become common since.
COUNT = """
SELECT NULL::bigint, counted.memories, counted.terms, (
    SELECT count(*) FROM (
        SELECT memory_id FROM memories_pendingembedding WHERE space_id = space.id ORDER BY queued_at DESC LIMIT {waiting}
    ) AS newest JOIN memories_memory AS memory ON memory.id = newest.memory_id
    WHERE memory.deleted_at IS NULL AND memory.archived_at IS NULL {memories} AND NOT EXISTS (
        SELECT FROM memories_passagevector AS vector
        WHERE vector.memory_id = newest.memory_id AND vector.space_id = space.id
    )
), {space}
FROM (
    SELECT coalesce(sum(memories), 0)::bigint AS memories, coalesce(sum(terms), 0)::bigint AS terms
    FROM memories_memorycount AS part WHERE true {parts}
) AS counted LEFT JOIN memories_embeddingspace AS space ON space.state = 'active'
UNION ALL
SELECT term.key, coalesce(common.documents, (
    SELECT count(*) FROM (
        SELECT FROM memories_posting AS posting WHERE posting.term_key = term.key {postings} LIMIT {most}
    ) AS counted
)), 0, 0, {no_space}
FROM unnest((SELECT %s::bigint[])) AS term (key) LEFT JOIN LATERAL (
    SELECT sum(common.documents)::bigint AS documents FROM memories_commonterm AS common
    WHERE common.term_key = term.key {commons}
) AS common ON true
"""


def _count(bounds: Bounds, keys: Sequence[int]) -> Counted:
    """Statistics over the projects searched, never beyond them: what a caller cannot see weighs nothing."""
    projects, arguments = (
        ("", []) if bounds.project_ids is None else ("AND {}.project_id = ANY(%s)", [bounds.project_ids])
    )
    statement = COUNT.format(
        memories=projects.format("memory"),
        parts=projects.format("part"),
        postings=projects.format("posting"),
        commons=projects.format("common"),
        most=POSTINGS_READ + 1,
        waiting=WAITING_COUNTED,
        space=", ".join(f"space.{name}" for name in SPACE_FIELDS),
        no_space=", ".join(["NULL"] * len(SPACE_FIELDS)),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*arguments * 3, list(keys), *arguments])
        rows = {key: counts for key, *counts in cursor.fetchall()}
        total, length, waiting, *space = rows.pop(None)
        answering = None if space[0] is None else EmbeddingSpace.from_db(connection.alias, SPACE_FIELDS, space)
        searched = total
        if bounds.is_filtered or bounds.include_archived:
            condition, filters = bounds.condition()
            cursor.execute(f"SELECT count(*) FROM memories_memory AS memory WHERE {condition}", filters)
            searched = cursor.fetchone()[0]
    frequencies = {key: count for key, (count, *_) in rows.items()}
    return Counted(total, searched, length / max(total, 1), frequencies, waiting, answering)


# The scores come from the index of the postings alone; memories are then looked up best first, by their primary key
# (OFFSET 0 keeps the bounds out of the look-up: on a table that was never analysed they draw the planner to a partial
# index that it walks whole for each memory), until enough of them lie within the bounds.
KEYWORD_LEG = """
SELECT scored.id FROM (
    SELECT posting.memory_id AS id,
           sum(term.weight * posting.frequency * {k1_plus_1}
               / (posting.frequency + {k1} * ({one_minus_b} + {b} * posting.length / %s::float8))) AS score
    FROM unnest((SELECT %s::bigint[]), (SELECT %s::float8[])) AS term (key, weight)
    JOIN memories_posting AS posting ON posting.term_key = term.key {projects}
    GROUP BY posting.memory_id ORDER BY score DESC, id {best}
) AS scored CROSS JOIN LATERAL (
    SELECT project_id, memory_type_id, tags, module, created_by, updated_at, deleted_at, archived_at, pinned_at
    FROM memories_memory WHERE id = scored.id OFFSET 0
) AS memory WHERE {condition} ORDER BY scored.score DESC, scored.id LIMIT {most}
"""
NEAREST_LEG = """
nearest AS (
    SELECT vector.memory_id AS id FROM memories_passagevector AS vector
    JOIN memories_memory AS memory ON memory.id = vector.memory_id
    WHERE vector.space_id = {space} {projects} AND {condition}
    ORDER BY {distance} LIMIT {most}
),"""
WORDED = "SELECT unnest((SELECT %s::uuid[])) AS id"
NEAREST = " UNION SELECT id FROM nearest"
# What ranking needs of the candidates of both legs.
GATHER = """
WITH {nearest} pool AS ({pool})
SELECT memory.id, memory.project_id, memory.source_file, memory.source_position, memory.term_count, memory.access_count,
       memory.stated_confidence, extract(epoch FROM now() - memory.confirmed_at)::float8, memory.pinned_at IS NOT NULL,
       kind.half_life_days, kind.floor, {cosine},
       held.keys, held.frequencies
FROM pool JOIN memories_memory AS memory USING (id) JOIN memories_memorytype AS kind ON kind.name = memory.memory_type_id
CROSS JOIN LATERAL (
    SELECT array_agg(posting.term_key) AS keys, array_agg(posting.frequency) AS frequencies
    FROM unnest((SELECT %s::bigint[])) AS term (key) JOIN memories_posting AS posting
    ON posting.term_key = term.key AND posting.project_id = memory.project_id AND posting.memory_id = memory.id
) AS held
ORDER BY memory.id
"""


def _best_worded(bounds: Bounds, asked: Query, counted: Counted, most: int) -> list[uuid.UUID]:
    """The memories within the bounds whose words fit best, best first: asked while the question is embedded."""
    rare = _rarest(asked, counted)
    if not rare:
        return []
    postings = sum(counted.frequencies[key] for key in rare)
    best = SORTED_FOR_EACH * most
    if bounds.is_filtered or postings <= best:
        return _worded(bounds, rare, counted, most)
    found = _worded(bounds, rare, counted, most, best=f"LIMIT {best}")
    # Of the best too many were archived or deleted: now all are sorted.
    return found if len(found) == most else _worded(bounds, rare, counted, most)


def _worded(bounds: Bounds, rare: dict[int, float], counted: Counted, most: int, *, best: str = "") -> list[uuid.UUID]:
    condition, filters = bounds.condition()
    projects, scope = _project_bound(bounds, "posting")
    statement = KEYWORD_LEG.format(
        k1=K1, k1_plus_1=K1 + 1, b=B, one_minus_b=1 - B, projects=projects, condition=condition, best=best, most=most
    )
    arguments = [max(counted.average_length, 1.0), list(rare), list(rare.values()), *scope, *filters]
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return [key for (key,) in cursor.fetchall()]


def _gather(
    bounds: Bounds, asked: Query, counted: Counted, worded: list[uuid.UUID], vector: QueryVector, most: int
) -> list[Candidate]:
    """Candidates of both legs with all that ranking needs, in the order of their ids."""
    pool, cosine, nearest = WORDED, "NULL", ""
    arguments: list[Any] = []
    vector_arguments: list[Any] = []
    if vector.vector is not None and vector.space is not None:
        nearest, arguments = _nearest_leg(bounds, vector, counted, most)
        pool += NEAREST
        cosine = (
            f"(SELECT 1 - min({_distance(vector.space)}) FROM memories_passagevector AS vector "
            f"WHERE vector.memory_id = memory.id AND vector.space_id = {int(vector.space.pk)})"
        )
        vector_arguments = [vector.vector]
    elif not worded:
        return []
    statement = GATHER.format(nearest=nearest, pool=pool, cosine=cosine)
    with connection.cursor() as cursor:
        cursor.execute(statement, [*arguments, worded, *vector_arguments, [*asked.keys, *asked.marks]])
        return [_candidate(row) for row in cursor.fetchall()]


def _rarest(asked: Query, counted: Counted) -> dict[int, float]:
    """Keys and weights of the rarest terms whose postings stay within the bound; at least one where any is posted."""
    rare: dict[int, float] = {}
    read = 0
    for key in sorted(asked.keys, key=lambda key: counted.frequencies.get(key, 0)):
        frequency = counted.frequencies.get(key, 0)
        if not frequency:
            continue
        if rare and read + frequency > POSTINGS_READ:
            break
        rare[key] = inverse_document_frequency(counted.total, frequency)
        read += frequency
    return rare


def _nearest_leg(bounds: Bounds, vector: QueryVector, counted: Counted, most: int) -> tuple[str, list[Any]]:
    """The nearest passages. Few memories are compared one by one: the sum with 0 keeps the planner from the index,
    whose walk could end before a narrow filter has let enough through."""
    assert vector.space is not None
    assert vector.vector is not None
    condition, filters = bounds.condition()
    projects, scope = _project_bound(bounds, "vector")
    distance = _distance(vector.space)
    if counted.searched <= EXACT_MEMORIES:
        distance = f"({distance}) + 0"
    statement = NEAREST_LEG.format(
        space=int(vector.space.pk), projects=projects, condition=condition, distance=distance, most=most
    )
    return statement, [*scope, *filters, vector.vector]


def _project_bound(bounds: Bounds, alias: str) -> tuple[str, list[Any]]:
    if bounds.project_ids is None:
        return "", []
    return f"AND {alias}.project_id = ANY(%s)", [bounds.project_ids]


def _distance(space: EmbeddingSpace) -> str:
    """Cosine distance, written as the space's index has it."""
    dimensions = int(space.dimensions)
    return f"vector.embedding::halfvec({dimensions}) <=> %s::halfvec({dimensions})"


def _candidate(row: tuple[Any, ...]) -> Candidate:
    key, project_id, source, position, length, reads, stated, *rest = row
    age, pinned, half_life, floor, cosine, terms, frequencies = rest
    confidence = decay.confidence(
        stated=stated,
        age=timedelta(seconds=age),
        half_life_days=half_life,
        floor=floor,
        access_count=reads,
        pinned=pinned,
    )
    return Candidate(
        id=key,
        cosine=cosine,
        term_frequencies=dict(zip(terms or (), frequencies or (), strict=True)),
        length=length,
        source=(project_id, source) if source else None,
        position=position,
        confidence=confidence,
        access_count=reads,
    )


# The array stands in a query of its own, so that PostgreSQL need not plan the statement anew for each length of it.
WINNERS = (
    "SELECT {columns} FROM memories_memory AS memory {joins} WHERE memory.id = ANY((SELECT %s::uuid[])::uuid[])"
).format(
    columns=", ".join(
        [f"memory.{name}" for name in SHOWN_FIELDS]
        + [f"project.{name}" for name in SHOWN_PROJECT_FIELDS]
        + [f"kind.{name}" for name in SHOWN_TYPE_FIELDS]
    ),
    joins="JOIN access_project AS project ON project.id = memory.project_id "
    "JOIN memories_memorytype AS kind ON kind.name = memory.memory_type_id",
)


def _winners(ids: list[uuid.UUID]) -> dict[uuid.UUID, Memory]:
    """The memories with these ids, with project and type, each with the fields that are shown.

    Written in SQL: composing it from the models took as long as everything else about it.
    """
    of_project = len(SHOWN_FIELDS)
    of_type = of_project + len(SHOWN_PROJECT_FIELDS)
    winners: dict[uuid.UUID, Memory] = {}
    # Most winners share them: making each object once saved about a fiftieth of a search's time.
    projects: dict[tuple[Any, ...], Project] = {}
    types: dict[tuple[Any, ...], MemoryType] = {}
    with connection.cursor() as cursor:
        cursor.execute(WINNERS, [ids])
        for row in cursor.fetchall():
            memory = Memory.from_db(connection.alias, SHOWN_FIELDS, row[:of_project])
            project, kind = row[of_project:of_type], row[of_type:]
            if project not in projects:
                projects[project] = Project.from_db(connection.alias, SHOWN_PROJECT_FIELDS, project)
            if kind not in types:
                types[kind] = MemoryType.from_db(connection.alias, SHOWN_TYPE_FIELDS, kind)
            memory.project, memory.memory_type = projects[project], types[kind]
            winners[memory.pk] = memory
    return winners


def _answer(asked: Query, scored: Sequence[Any], counted: Counted, max_tokens: int, problem: str) -> SearchAnswer:
    """Read the winners' texts, cut their snippets, and keep what fits the budget."""
    rows = _winners([row.id for row in scored])
    found = [(row, rows[row.id]) for row in scored if row.id in rows]
    terms = set(asked.terms)
    snippets = [snippet(memory.content_md or memory.resolution, terms) for _, memory in found]
    costs = [tokens_of(memory.title, text) for (_, memory), text in zip(found, snippets, strict=True)]
    kept, spent = within_budget(costs, max_tokens)
    results = [
        SearchResult(memory, text, row.score, row.parts["confidence"], row.parts)
        for (row, memory), text in list(zip(found, snippets, strict=True))[:kept]
    ]
    return SearchAnswer(results, counted.total, spent, problem, waiting=0 if problem else counted.waiting)
