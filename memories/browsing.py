"""Looking through memories by their facets: what each choice bounds, and how many memories stand behind it.

A facet's counts are taken with all the other choices applied and its own left out, so that a count is what the reader
gets by that click.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.utils import timezone

from access.callers import Caller
from access.models import Project
from access.roles import Role
from memories.models import Memory, MemoryType

# Choices of a facet that a reader looks over; the others are found by the address or by words.
CHOICES_SHOWN = 12
LIVE, PINNED, ARCHIVED, KEPT, DELETED = "live", "pinned", "archived", "kept", "deleted"
STATES = {
    LIVE: "Live",
    PINNED: "Pinned",
    ARCHIVED: "Archived",
    KEPT: "Live and archived",
    DELETED: "Deleted",
}
# Days since the last change: from … to, None for no bound.
AGES: dict[str, tuple[str, int | None, int | None]] = {
    "day": ("In the last day", 1, None),
    "week": ("In the last 7 days", 7, None),
    "month": ("In the last 30 days", 30, None),
    "quarter": ("In the last 90 days", 90, None),
    "older": ("Longer ago", None, 90),
}


@dataclass(frozen=True)
class MemoryChoices:
    """What a reader has chosen to look at. Empty words choose nothing.

    project_ids: None for all in scope. age: a key of AGES. state: a key of STATES; deleted ones are for those only who
    may restore them, to others it finds nothing.
    """

    project_ids: list[int] | None = None
    memory_type: str = ""
    tag: str = ""
    module: str = ""
    person: str = ""
    age: str = ""
    state: str = LIVE

    def changed_since(self, now: datetime) -> datetime | None:
        """The start of the chosen age, None for no bound."""
        days = AGES[self.age][1] if self.age else None
        return None if days is None else now - timedelta(days=days)

    def changed_before(self, now: datetime) -> datetime | None:
        """The end of the chosen age, None for no bound."""
        days = AGES[self.age][2] if self.age else None
        return None if days is None else now - timedelta(days=days)


@dataclass(frozen=True)
class Choice:
    """One choice of a facet: its word in the address, how it is called, and how many memories it holds."""

    word: str
    name: str
    count: int
    kind: MemoryType | None = None


@dataclass(frozen=True)
class Facets:
    """The choices of each facet by its name, the most frequent first, and which facets have more than are shown.

    total: memories that all choices together leave.
    """

    choices: dict[str, list[Choice]]
    cut: frozenset[str]
    total: int


def browse(caller: Caller, choices: MemoryChoices) -> QuerySet[Memory]:
    """The memories in sight that all choices leave, as tables show them."""
    rows = _sight(caller)
    for condition in _conditions(choices, timezone.now()).values():
        rows = rows.filter(condition)
    return rows.listed()


def titled_like(rows: QuerySet[Memory], words: str) -> QuerySet[Memory]:
    """Those of the rows whose title holds the words: how deleted ones are found, which no search index holds."""
    return rows.filter(title__icontains=words.strip().replace("\x00", ""))


def _sight(caller: Caller) -> Any:
    return Memory.objects.restorable_by(caller) if caller.may(Role.ADMIN) else Memory.objects.visible_to(caller)


def _conditions(choices: MemoryChoices, now: datetime) -> dict[str, Q]:
    """The condition of each facet; an empty one bounds nothing."""
    conditions = {
        "project": Q(project_id__in=choices.project_ids) if choices.project_ids is not None else Q(),
        "type": Q(memory_type_id=choices.memory_type) if choices.memory_type else Q(),
        "tag": Q(tags__contains=[choices.tag]) if choices.tag else Q(),
        "module": Q(module=choices.module) if choices.module else Q(),
        "person": Q(created_by=choices.person) if choices.person else Q(),
        "state": _state_condition(choices.state),
        "age": Q(),
    }
    since, before = choices.changed_since(now), choices.changed_before(now)
    if since is not None:
        conditions["age"] &= Q(updated_at__gte=since)
    if before is not None:
        conditions["age"] &= Q(updated_at__lt=before)
    return conditions


def _state_condition(state: str) -> Q:
    if state == DELETED:
        return Q(deleted_at__isnull=False)
    kept = Q(deleted_at=None)
    if state == KEPT:
        return kept
    if state == ARCHIVED:
        return kept & Q(archived_at__isnull=False)
    live = kept & Q(archived_at=None)
    return live & Q(pinned_at__isnull=False) if state == PINNED else live


# --- counts ----------------------------------------------------------------------------------------------------------

NAMED_FACET = """
(SELECT '{facet}', {value}::text, count(*) FROM {rows} WHERE {others} AND {value}::text <> ''
 GROUP BY 2 ORDER BY {value}::text = %s DESC, 3 DESC, 2 LIMIT {most})"""
# The choices of ages and states overlap, so a memory counts in several; one pass counts them all, and the total.
COUNTED_TOGETHER = """
(SELECT named.facet, named.word, named.count FROM (SELECT {counts} FROM base) AS counted
 CROSS JOIN LATERAL (VALUES {names}) AS named (facet, word, count))"""
OF_STATES = {
    LIVE: "NOT deleted AND NOT archived",
    PINNED: "NOT deleted AND NOT archived AND pinned",
    ARCHIVED: "NOT deleted AND archived",
    KEPT: "NOT deleted",
    DELETED: "deleted",
}
# What a facet is counted by; the columns are those of the statement's base.
NAMED = {
    "type": "memory_type_id",
    "project": "project_id",
    "module": "module",
    "person": "created_by",
    "tag": "one_tag",
}
ROWS = {"tag": "base CROSS JOIN LATERAL unnest(base.tags) AS held (one_tag)"}


def facets(caller: Caller, choices: MemoryChoices) -> Facets:
    """What can be chosen and how many memories each choice leaves. Three statements: the counts, projects, types."""
    rows = _counted(caller, choices)
    total = next((count for facet, _, count in rows if facet == "total"), 0)
    counts: dict[str, list[tuple[str, int]]] = {}
    for facet, word, count in rows:
        counts.setdefault(facet, []).append((word, count))
    found = {name: _cut(counts.get(name, [])) for name in NAMED}
    projects = dict(Project.objects.filter(pk__in=[word for word, _ in found["project"]]).values_list("pk", "name"))
    kinds = MemoryType.objects.in_bulk()
    listed = {name: [Choice(word, word, count) for word, count in found[name]] for name in ("tag", "module", "person")}
    listed["type"] = [
        Choice(word, kinds[word].label, count, kinds[word]) for word, count in found["type"] if word in kinds
    ]
    listed["project"] = [
        Choice(projects[int(word)], projects[int(word)], count)
        for word, count in found["project"]
        if int(word) in projects
    ]
    ages, states = dict(counts.get("age", [])), dict(counts.get("state", []))
    listed["age"] = [Choice(word, AGES[word][0], ages.get(word, 0)) for word in AGES]
    listed["state"] = [
        Choice(word, STATES[word], states.get(word, 0)) for word in STATES if word != DELETED or caller.may(Role.ADMIN)
    ]
    cut = frozenset(name for name in NAMED if len(counts.get(name, [])) > CHOICES_SHOWN)
    return Facets(listed, cut, total)


def _counted(caller: Caller, choices: MemoryChoices) -> list[tuple[str, str, int]]:
    """Rows of facet, word and count, by one statement over the memories in sight."""
    now = timezone.now()
    conditions = {name: condition for name, condition in _conditions(choices, now).items() if condition}
    base = _sight(caller).annotate(
        **{f"in_{name}": _holds(condition) for name, condition in conditions.items()},
        archived=_holds(Q(archived_at__isnull=False)),
        pinned=_holds(Q(pinned_at__isnull=False)),
        deleted=_holds(Q(deleted_at__isnull=False)),
    )
    columns = ("memory_type_id", "project_id", "module", "created_by", "tags", "updated_at")
    flags = [*(f"in_{name}" for name in conditions), "archived", "pinned", "deleted"]
    try:
        sql, arguments = base.order_by().values_list(*columns, *flags).query.sql_with_params()
    except EmptyResultSet:
        # Who sees no project has nothing to choose from.
        return []
    chosen = _chosen_words(choices)
    parts, more = [], []
    for name, value in NAMED.items():
        parts.append(
            NAMED_FACET.format(
                facet=name, value=value, rows=ROWS.get(name, "base"), others=" AND ".join(_others(conditions, name)),
                most=CHOICES_SHOWN + 1,
            )
        )  # fmt: skip
        more.append(chosen.get(name, ""))
    together, bands = _counted_together(conditions, now)
    parts.append(together)
    statement = f"WITH base ({', '.join((*columns, *flags))}) AS MATERIALIZED ({sql})" + " UNION ALL ".join(parts)
    with connection.cursor() as cursor:
        cursor.execute(statement, [*arguments, *more, *bands])
        return list(cursor.fetchall())


def _holds(condition: Q) -> ExpressionWrapper:
    return ExpressionWrapper(condition, output_field=BooleanField())


def _others(conditions: dict[str, Q], own: str) -> list[str]:
    return [f"in_{name}" for name in conditions if name != own] or ["true"]


def _counted_together(conditions: dict[str, Q], now: datetime) -> tuple[str, list[datetime]]:
    """The part of the statement that counts ages, states and the total, and its arguments."""
    counts, names, moments = [], [], []
    for word, (_, since, before) in AGES.items():
        bounds = [f"updated_at {sign} %s" for sign, days in ((">=", since), ("<", before)) if days]
        moments += [now - timedelta(days=days) for days in (since, before) if days]
        counts.append(_count_of(f"age_{word}", [*_others(conditions, "age"), *bounds]))
        names.append(f"('age', '{word}', counted.age_{word})")
    for word, state in OF_STATES.items():
        counts.append(_count_of(f"state_{word}", [*_others(conditions, "state"), state]))
        names.append(f"('state', '{word}', counted.state_{word})")
    counts.append(_count_of("total", _others(conditions, "")))
    names.append("('total', '', counted.total)")
    return COUNTED_TOGETHER.format(counts=", ".join(counts), names=", ".join(names)), moments


def _count_of(name: str, holding: list[str]) -> str:
    return f"count(*) FILTER (WHERE {' AND '.join(holding)}) AS {name}"


def _chosen_words(choices: MemoryChoices) -> dict[str, str]:
    """What is chosen of the facets with names, as the statement counts it."""
    ids = choices.project_ids or []
    return {
        "type": choices.memory_type,
        "project": str(ids[0]) if len(ids) == 1 else "",
        "module": choices.module,
        "person": choices.person,
        "tag": choices.tag,
    }


def _cut(counts: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """The choices that are shown, the most frequent first. The chosen one was counted first, so it is among them."""
    return sorted(counts[:CHOICES_SHOWN], key=lambda row: (-row[1], row[0]))
