"""What runs cost: sums by part of a range and by group, from the rolled up days and, for the others, from the runs.

Every figure is the plain sum over the runs' usage rows; the rollups only make it quick. Money is Decimal US dollars.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Self

from django.db import connection
from django.db.models import Q

from access.callers import Caller
from access.errors import Forbidden
from access.roles import Role
from runs.cost_filters import CostFilters
from runs.models import TOKEN_KINDS, Dimension, Run, RunQuerySet
from runs.rollups import KEYS, SUMMED, SUMS, facts
from runs.visibility import may_see_costs, may_see_people

# The palette of charts has eight colours; what costs less is drawn as one.
DRAWN_AT_MOST = 8
# A table of more rows is no longer read; the rest is summed in a row of its own, so that the total stays right.
GROUPS_AT_MOST = 500
EVERY_GROUP = 2**31 - 1
DEAREST_SHOWN = 10
KEYS_OFFERED = 200
NOTHING = Decimal(0)

PEOPLE_HINT = "What single persons cost is shown to admins and owners. Ask without person, or for your own runs (mine)."
ANY_COSTS_HINT = "Costs are shown to collaborators, admins and owners."


@dataclass(frozen=True)
class CostSums:
    """Sums over runs. cost_usd is the sum of what is priced; unpriced_tokens are the tokens that are not in it."""

    runs: int = 0
    tokens_input: int = 0
    tokens_output: int = 0
    tokens_cache_read: int = 0
    tokens_cache_write_5m: int = 0
    tokens_cache_write_1h: int = 0
    cost_usd: Decimal = NOTHING
    cache_savings_usd: Decimal = NOTHING
    unpriced_tokens: int = 0

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """From a row of the database, whose sums are empty where there was nothing."""
        return cls(
            **{
                name: Decimal(row[name] or 0) if name.endswith("_usd") else int(row[name] or 0)  # type: ignore[arg-type]
                for name in SUMS
            }
        )

    @property
    def tokens(self) -> int:
        """Tokens of every kind."""
        return sum(getattr(self, kind) for kind in TOKEN_KINDS)

    @property
    def known_cost_usd(self) -> Decimal | None:
        """The cost, or None where nothing of it is known: no tokens were told, or none has a price."""
        return None if not self.cost_usd and self.unpriced_tokens >= self.tokens else self.cost_usd

    def __add__(self, other: "CostSums") -> "CostSums":
        return CostSums(*(getattr(self, name) + getattr(other, name) for name in SUMS))


@dataclass(frozen=True)
class CostGroup:
    """A group's sums in the range and in as many days before. key: None for all the groups beyond those listed."""

    key: str | None
    label: str
    sums: CostSums
    before: CostSums


@dataclass(frozen=True)
class CostReport:
    """An answer about costs. Groups, the dearest first; parts, the oldest first; each adds up to the total.

    cells: cost by (part's first day, group's key) of the drawn groups, those that cost most. left_out: how many groups
    are not listed, but summed in the last one.
    """

    filters: CostFilters
    groups: list[CostGroup] = field(default_factory=list)
    parts: list[tuple[date, CostSums]] = field(default_factory=list)
    drawn: list[CostGroup] = field(default_factory=list)
    left_out: int = 0
    cells: dict[tuple[date, str], Decimal] = field(default_factory=dict)

    @property
    def total(self) -> CostSums:
        """Of everything in the range."""
        return sum((group.sums for group in self.groups), CostSums())

    @property
    def before(self) -> CostSums:
        """Of as many days right before the range."""
        return sum((group.before for group in self.groups), CostSums())


def change(now: CostSums, before: CostSums) -> Decimal | None:
    """How much more was spent than before, as a share of that (0.25 is a quarter more); None without a before."""
    return (now.cost_usd - before.cost_usd) / before.cost_usd if before.cost_usd else None


def require_sight(caller: Caller, filters: CostFilters) -> None:
    """Raise Forbidden, naming the needed role, when a caller may not see the answer to this question."""
    if not may_see_costs(caller):
        raise Forbidden(Role.COLLABORATOR, hint=ANY_COSTS_HINT)
    asks_for_people = filters.group is Dimension.PERSON or Dimension.PERSON in filters.only
    if asks_for_people and not (may_see_people(caller) or filters.mine):
        raise Forbidden(Role.ADMIN, hint=PEOPLE_HINT)


def cost_report(caller: Caller, filters: CostFilters, *, groups: int | None = GROUPS_AT_MOST) -> CostReport:
    """Sums of the range by group and by part, in one look at the database, so that all of them fit together.

    groups: how many are listed, those that cost most; None for every one. Projects beyond the caller's scope are left out. Raises Forbidden for guests, and below admin for a question about
    persons that is not about one's own runs.
    """
    require_sight(caller, filters)
    question = _Question(caller, filters)
    listed = EVERY_GROUP if groups is None else groups
    return _report(filters, _rows(question.report_sql(), {**question.values, "groups": listed}), listed)


def _rows(statement: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _report(filters: CostFilters, rows: list[dict[str, Any]], listed: int) -> CostReport:
    now: dict[str | None, CostSums] = {}
    before: dict[str | None, CostSums] = {}
    labels: dict[str | None, str] = {}
    parts = dict.fromkeys(filters.periods(), CostSums())
    cells: dict[tuple[date, str], Decimal] = {}
    for row in rows:
        sums = CostSums.of(row)
        if row["kind"] == "part":
            parts[row["part"]] = sums
        elif row["kind"] == "cell":
            cells[row["part"], row["key"]] = sums.cost_usd
        else:
            (now if row["kind"] == "now" else before)[row["key"]] = sums
            labels[row["key"]] = row["label"] or labels.get(row["key"], "")
    groups = [CostGroup(key, labels[key], now.get(key, CostSums()), before.get(key, CostSums())) for key in labels]
    groups.sort(key=lambda group: (group.key is None, -group.sums.cost_usd, -group.sums.tokens, group.key or ""))
    drawn_keys = {key for _, key in cells}
    drawn = [group for group in groups if group.key in drawn_keys and group.key is not None]
    left_out = max([0, *(row["last_place"] - listed for row in rows if row["last_place"])])
    return CostReport(filters, groups, list(parts.items()), drawn, left_out, cells)


def dearest_groups(caller: Caller, filters: CostFilters, dimension: Dimension, limit: int) -> list[CostGroup]:
    """The groups of a dimension that cost most in the range, those that name none aside; nothing of the range before.

    Raises Forbidden as cost_report does.
    """
    grouped = filters.grouped_by(dimension)
    require_sight(caller, grouped)
    question = _Question(caller, grouped, first=filters.first)
    return question.groups("HAVING key <> '' ORDER BY sum(cost_usd) DESC, key LIMIT %(limit)s", limit=limit)


def unpriced_models(caller: Caller, filters: CostFilters, limit: int) -> list[CostGroup]:
    """The models whose tokens of the range have no price, those with most of them first. Raises Forbidden."""
    grouped = filters.grouped_by(Dimension.MODEL)
    require_sight(caller, grouped)
    question = _Question(caller, grouped, first=filters.first)
    return question.groups(
        "HAVING sum(unpriced_tokens) > 0 ORDER BY sum(unpriced_tokens) DESC, key LIMIT %(limit)s", limit=limit
    )


def is_rolled_up(filters: CostFilters) -> bool:
    """Whether a question is answered from rolled up days; if not, every run of the range is looked at."""
    return not filters.mine and _rollup_of(_asked_of(filters)) is not None


def spent_by_project(project_ids: list[int] | None, first: date, last: date) -> dict[int, Decimal]:
    """What each project's runs of these days cost, in US dollars. project_ids: None for all."""
    everybody = Caller(name="sums", role=Role.OWNER, project_ids=None)
    bound = None if project_ids is None else tuple(project_ids)
    question = _Question(everybody, CostFilters(first, last, project_ids=bound), first=first)
    with connection.cursor() as cursor:
        cursor.execute(question.spent_sql(), question.values)
        return {int(key): cost for key, cost in cursor.fetchall()}


def dearest_runs(caller: Caller, filters: CostFilters, limit: int = DEAREST_SHOWN) -> list[Run]:
    """The runs of the range that cost most, dearest first; below admin only the caller's own. Raises Forbidden."""
    require_sight(caller, filters)
    runs = Run.objects.visible_to(caller).between(filters.first, filters.last).filter(_only(filters))
    if filters.project_ids is not None:
        runs = runs.filter(project_id__in=filters.project_ids)
    if filters.mine or not may_see_people(caller):
        runs = own_runs(caller, runs)
    light = runs.select_related("project").defer("output_summary", "files_modified")
    return list(light.filter(cost_usd__gt=0).order_by("-cost_usd", "-day")[:limit])


def own_runs(caller: Caller, runs: RunQuerySet) -> RunQuerySet:
    """Those of the runs that are the caller's: of the same member, or of the same label for a token of nobody's."""
    if caller.member_id is not None:
        return runs.filter(member_id=caller.member_id)
    return runs.filter(member=None, person=caller.name)


def _only(filters: CostFilters) -> Q:
    found = Q()
    for dimension, key in filters.only.items():
        if dimension is Dimension.MODEL:
            found &= Q(usage__model=key) if key else Q(model="")
        elif dimension in (Dimension.PROMPT, Dimension.REQUIREMENT):
            names = {Dimension.PROMPT: "prompt_name", Dimension.REQUIREMENT: "requirement_title"}
            as_id = _as_uuid(key)
            id_name = f"{dimension.value}_id"
            found &= Q(**{id_name: as_id}) if as_id else Q(**{id_name: None, names[dimension]: key})
        else:
            found &= Q(**{dimension.value: key})
    return found


def offered_keys(caller: Caller, project_ids: tuple[int, ...] | None = None) -> dict[Dimension, list[str]]:
    """Agents, models, machines and, for admins, persons that runs in sight have named, for a choice; sorted.

    Of rolled up days every one, found by leaping from key to key in the index; beside them those of the newest runs.
    """
    dimensions = [Dimension.AGENT, Dimension.MODEL, Dimension.MACHINE]
    if may_see_people(caller):
        dimensions.append(Dimension.PERSON)
    bound = None if caller.project_ids is None else set(caller.project_ids)
    if project_ids is not None:
        bound = set(project_ids) if bound is None else bound & set(project_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            _OFFERED,
            {
                "dimensions": [dimension.value for dimension in dimensions],
                "projects": None if bound is None else sorted(bound),
                "most": KEYS_OFFERED,
            },
        )
        found = cursor.fetchall()
    return {
        dimension: sorted({key for name, key in found if name == dimension and key}, key=str.casefold)
        for dimension in dimensions
    }


_OFFERED = """
    WITH RECURSIVE projects AS (
        SELECT id FROM access_project WHERE %(projects)s::bigint[] IS NULL OR id = ANY (%(projects)s::bigint[])
    ),
    leaps AS (
        SELECT p.id AS project_id, d.dimension, (
            SELECT min(t.key) FROM runs_dailytotal t WHERE t.project_id = p.id AND t.dimension = d.dimension
        ) AS key, 1 AS leap
        FROM projects p CROSS JOIN unnest(%(dimensions)s::text[]) AS d (dimension)
        UNION ALL
        SELECT l.project_id, l.dimension, (
            SELECT min(t.key) FROM runs_dailytotal t
            WHERE t.project_id = l.project_id AND t.dimension = l.dimension AND t.key > l.key
        ), l.leap + 1
        FROM leaps l WHERE l.key IS NOT NULL AND l.leap < %(most)s
    ),
    newest AS (
        SELECT r.agent, r.model, r.machine, r.person FROM projects p CROSS JOIN LATERAL (
            SELECT agent, model, machine, person FROM runs_run
            WHERE project_id = p.id ORDER BY started_at DESC LIMIT 200
        ) r
    )
    SELECT DISTINCT dimension::text, key::text FROM leaps WHERE key IS NOT NULL
    UNION
    SELECT DISTINCT d.dimension, d.key FROM newest CROSS JOIN LATERAL (
        VALUES ('agent', agent), ('model', model), ('machine', machine), ('person', person)
    ) AS d (dimension, key)
    WHERE d.dimension = ANY (%(dimensions)s::text[])
"""

# --- which rows answer -----------------------------------------------------------------------------------------------

USAGE_HOLDS = frozenset({Dimension.PERSON, Dimension.AGENT, Dimension.MODEL, Dimension.MACHINE})
PURPOSE_HOLDS = frozenset({Dimension.PERSON, Dimension.PROMPT, Dimension.REQUIREMENT})


def _asked_of(filters: CostFilters) -> set[Dimension]:
    """The dimensions beside the project that a question names."""
    return ({filters.group} | set(filters.only)) - {Dimension.PROJECT}


def _rollup_of(asked: set[Dimension]) -> str | None:
    """The narrowest rollup that knows these dimensions."""
    if len(asked) <= 1:
        return "runs_dailytotal"
    if asked <= USAGE_HOLDS:
        return "runs_dailyusage"
    return "runs_dailypurpose" if asked <= PURPOSE_HOLDS else None


class _Question:
    """The statement that answers a question: over the narrowest rollup that knows the dimensions asked for.

    One dimension at a time stands in runs_dailytotal, those of who and where in runs_dailyusage, those of what for in
    runs_dailypurpose. Other combinations, and one's own runs, are summed from the runs themselves.
    """

    def __init__(self, caller: Caller, filters: CostFilters, first: date | None = None) -> None:
        self.filters = filters
        self.values: dict[str, Any] = {
            "first": filters.first,
            "from": first or filters.before,
            "last": filters.last,
            "by": filters.by.value,
            "drawn": DRAWN_AT_MOST,
        }
        self.scope = self._scope(caller)
        self.asked = _asked_of(filters)
        self.own = self._own(caller) if filters.mine else ""
        self.rollup = None if self.own else _rollup_of(self.asked)

    def _scope(self, caller: Caller) -> str:
        bound = None if caller.project_ids is None else set(caller.project_ids)
        if self.filters.project_ids is not None:
            asked = set(self.filters.project_ids)
            bound = asked if bound is None else bound & asked
        if bound is None:
            return ""
        self.values["projects"] = sorted(bound)
        return "AND {row}project_id = ANY (%(projects)s::bigint[])"

    def _own(self, caller: Caller) -> str:
        if caller.member_id is not None:
            self.values["member"] = caller.member_id
            return "AND member_id = %(member)s"
        self.values["label"] = caller.name
        return "AND member_id IS NULL AND person = %(label)s"

    def report_sql(self) -> str:
        """Rows of four kinds: each group now and before, each part, and each drawn group in each part."""
        sums = ", ".join(SUMS)
        return f"""
            WITH {self._source()},
            cells AS MATERIALIZED (
                SELECT CASE WHEN day >= %(first)s THEN date_trunc(%(by)s::text, day::timestamp)::date END AS part,
                       key, max(label) AS label, {SUMMED}
                FROM source GROUP BY 1, 2
            ),
            places AS (
                SELECT key, row_number() OVER (
                    ORDER BY coalesce(sum(cost_usd) FILTER (WHERE part IS NOT NULL), 0) DESC, sum(cost_usd) DESC, key
                ) AS place FROM cells GROUP BY key
            )
            SELECT CASE WHEN part IS NULL THEN 'before' ELSE 'now' END AS kind, NULL::date AS part,
                   CASE WHEN place <= %(groups)s THEN key END AS key, max(label) AS label, {SUMMED},
                   max(place) AS last_place
            FROM cells JOIN places USING (key) GROUP BY 1, 3
            UNION ALL
            SELECT 'part', part, NULL, NULL, {SUMMED}, NULL FROM cells WHERE part IS NOT NULL GROUP BY part
            UNION ALL
            SELECT 'cell', part, key, NULL, {sums}, NULL FROM cells JOIN places USING (key)
            WHERE part IS NOT NULL AND place <= %(drawn)s
        """

    def spent_sql(self) -> str:
        """Each group's cost."""
        return f"WITH {self._source()} SELECT key, sum(cost_usd) FROM source GROUP BY key"

    def groups(self, ending: str, **values: int) -> list[CostGroup]:
        """The groups that an ending of the statement lets through, in its order."""
        statement = f"WITH {self._source()} SELECT key, max(label) AS label, {SUMMED} FROM source GROUP BY key {ending}"
        rows = _rows(statement, {**self.values, **values})
        return [CostGroup(row["key"], row["label"], CostSums.of(row), CostSums()) for row in rows]

    def _source(self) -> str:
        """The rows to add up, as `source (day, key, label, sums)`: rolled up ones, and those of the days that are not."""
        if self.rollup is None:
            return f"source AS ({self._from_runs(self._runs_of_range())})"
        sums = ", ".join(f"t.{name}" for name in SUMS)
        return f"""
            pending AS MATERIALIZED ({self._pending()}),
            source AS (
                SELECT t.day, {self._key("t")}, {sums} FROM {self.rollup} t
                WHERE t.day BETWEEN %(from)s AND %(last)s {self.scope.format(row="t.")} {self._matching("t")}
                  AND NOT EXISTS (
                      SELECT FROM runs_rolledday d WHERE d.project_id = t.project_id AND d.day = t.day AND d.is_dirty
                  )
                UNION ALL
                {self._from_runs(self._runs_of_pending())}
            )
        """

    def _pending(self) -> str:
        """Days of projects whose sums are not rolled up, or no longer true."""
        return f"""
            SELECT p.id AS project_id, d.day::date AS day
            FROM access_project p CROSS JOIN generate_series(%(from)s::date, %(last)s::date, '1 day') AS d (day)
            WHERE NOT EXISTS (
                SELECT FROM runs_rolledday r WHERE r.project_id = p.id AND r.day = d.day::date AND NOT r.is_dirty
            ) {self.scope.format(row="p.").replace("p.project_id", "p.id")}
        """

    def _runs_of_pending(self) -> str:
        # The offset keeps the planner from reading all runs for the few days that it cannot know to be few.
        return """
            SELECT r.* FROM pending CROSS JOIN LATERAL (
                SELECT * FROM runs_run WHERE project_id = pending.project_id AND day = pending.day OFFSET 0
            ) r
        """

    def _runs_of_range(self) -> str:
        return f"""
            SELECT * FROM runs_run r WHERE day BETWEEN %(from)s AND %(last)s
            {self.scope.format(row="")} {self.own} {self._of_purpose()}
        """

    def _from_runs(self, runs: str) -> str:
        return f"""
            SELECT f.day, {self._key("f")}, {", ".join(SUMS)} FROM ({facts(runs)}) f WHERE true {self._matching("f")}
        """

    def _of_purpose(self) -> str:
        """Prompt and requirement ids once more where the runs are read, whose indexes find them."""
        found = ""
        for dimension in (Dimension.PROMPT, Dimension.REQUIREMENT):
            as_id = _as_uuid(self.filters.only.get(dimension, ""))
            if as_id is not None:
                self.values[f"{dimension.value}_id"] = as_id
                found += f" AND {dimension.value}_id = %({dimension.value}_id)s"
        return found

    def _key(self, row: str) -> str:
        group = self.filters.group
        if group is Dimension.PROJECT:
            return f"{row}.project_id::text AS key, '' AS label"
        if row == "t" and len(self.asked) <= 1:
            return "t.key, t.label"
        key, label = KEYS[group]
        return f"{key} AS key, {label} AS label"

    def _matching(self, row: str) -> str:
        """Which rows of a rollup (t) or of the runs (f) the filters let through."""
        if row == "t" and len(self.asked) <= 1:
            dimension = next(iter(self.asked), Dimension.PROJECT)
            self.values["dimension"] = dimension.value
            found = "AND t.dimension = %(dimension)s"
            if dimension in self.filters.only:
                self.values[f"only_{dimension.value}"] = self.filters.only[dimension]
                found += f" AND t.key = %(only_{dimension.value})s"
            return found
        found = ""
        for dimension, key in self.filters.only.items():
            self.values[f"only_{dimension.value}"] = key
            found += f" AND {KEYS[dimension][0]} = %(only_{dimension.value})s"
        return found


def _as_uuid(key: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(key)
    except ValueError:
        return None
