"""Sums by day that keep a year of runs quick to add up, and the marks that keep them true.

A day's sums are rolled up once it is over. Whoever changes a run marks its day, in the same transaction: from then on
until it is rolled up again the day's sums come from the runs themselves.
"""

from datetime import date

import structlog
from django.db import DataError, connection, transaction

from runs.days import today
from runs.models import DailyPurpose, DailyTotal, DailyUsage, Dimension, RolledDay

log = structlog.get_logger(__name__)

# A number of our own for advisory locks on days, so that they never meet another lock of the database.
LOCK_CLASS = 0x5A52

# What every sum is made of, in the order of the statements below.
SUMS = (
    *("runs", "tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write_5m", "tokens_cache_write_1h"),
    *("cost_usd", "cache_savings_usd", "unpriced_tokens"),
)
SUMMED = ", ".join(f"sum({name}) AS {name}" for name in SUMS)


def mark_changed(project_id: int, *days: date) -> None:
    """Say that runs of these days change in this transaction. Call it before the transaction ends.

    Holds a shared lock on each day until then: a roll-up of the day waits for it, and so sees the change.
    """
    for day in sorted(set(days)):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [LOCK_CLASS, _lock_of(project_id, day)])
        RolledDay.objects.filter(project_id=project_id, day=day, is_dirty=False).update(is_dirty=True)


def facts(runs: str) -> str:
    """SQL of the rows that sums are made of: one for each usage row with its tokens and cost, one to count each run.

    runs: SQL of the runs that are meant, with the columns of runs_run. A run counts with its main model, its tokens and
    cost with the model that they went to. Tokens of usage without a cost are unpriced, whatever else the run cost.
    """
    who = "r.project_id, r.day, r.person, r.agent"
    what = "r.machine, r.prompt_id, r.prompt_name, r.requirement_id, r.requirement_title"
    kinds = [name for name in SUMS if name.startswith("tokens_")]
    counts = ", ".join(f"coalesce(u.{kind}, 0)::numeric AS {kind}" for kind in kinds)
    tokens = " + ".join(f"coalesce(u.{kind}, 0)::numeric" for kind in kinds)
    return f"""
        WITH meant AS ({runs})
        SELECT {who}, u.model, {what}, 0 AS runs, {counts}, coalesce(u.cost_usd, 0) AS cost_usd,
               coalesce(u.cache_savings_usd, 0) AS cache_savings_usd,
               CASE WHEN u.cost_usd IS NULL THEN {tokens} ELSE 0 END AS unpriced_tokens
        FROM meant r JOIN runs_runusage u ON u.run_id = r.id
        UNION ALL
        SELECT {who}, r.model, {what}, 1, {", ".join(["0"] * (len(SUMS) - 1))} FROM meant r
    """


# What tells groups of a dimension apart, and what people read, in columns of `facts`.
KEYS = {
    Dimension.PROJECT: ("''", "''"),
    Dimension.PERSON: ("person", "person"),
    Dimension.AGENT: ("agent", "agent"),
    Dimension.MODEL: ("model", "model"),
    Dimension.MACHINE: ("machine", "machine"),
    Dimension.PROMPT: ("coalesce(prompt_id::text, prompt_name)", "prompt_name"),
    Dimension.REQUIREMENT: ("coalesce(requirement_id::text, requirement_title)", "requirement_title"),
}

_DIMENSIONS = ", ".join(f"('{dimension.value}', {key}, {label})" for dimension, (key, label) in KEYS.items())
_ROLL_UP = f"""
    WITH facts AS MATERIALIZED ({facts("SELECT * FROM runs_run WHERE project_id = %s AND day = %s")}),
    usage AS (
        INSERT INTO runs_dailyusage (project_id, day, person, agent, model, machine, {", ".join(SUMS)})
        SELECT project_id, day, person, agent, model, machine, {SUMMED} FROM facts
        GROUP BY project_id, day, person, agent, model, machine
    ),
    purpose AS (
        INSERT INTO runs_dailypurpose
            (project_id, day, person, prompt_id, prompt_name, requirement_id, requirement_title, {", ".join(SUMS)})
        SELECT project_id, day, person, prompt_id, prompt_name, requirement_id, requirement_title, {SUMMED} FROM facts
        GROUP BY project_id, day, person, prompt_id, prompt_name, requirement_id, requirement_title
    )
    INSERT INTO runs_dailytotal (project_id, day, dimension, key, label, {", ".join(SUMS)})
    SELECT project_id, day, d.dimension, d.key, max(d.label), {SUMMED}
    FROM facts CROSS JOIN LATERAL (VALUES {_DIMENSIONS}) AS d (dimension, key, label)
    GROUP BY project_id, day, d.dimension, d.key
"""


def roll_up_day(project_id: int, day: date) -> None:
    """Replace a day's sums by those of its runs, and call it clean.

    Waits for every transaction that is changing a run of the day, and keeps later ones waiting until it is done.
    Raises DataError when a sum is larger than its column holds; the day then goes on being summed from its runs.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_CLASS, _lock_of(project_id, day)])
        for rollup in (DailyUsage, DailyPurpose):
            rollup.objects.filter(project_id=project_id, day=day).delete()
        DailyTotal.objects.filter(project_id=project_id, day=day, dimension__in=Dimension.values).delete()
        cursor.execute(_ROLL_UP, [project_id, day])
        cursor.execute(
            """INSERT INTO runs_rolledday (project_id, day, is_dirty, rolled_at) VALUES (%s, %s, false, now())
               ON CONFLICT (project_id, day) DO UPDATE SET is_dirty = false, rolled_at = now()""",
            [project_id, day],
        )


def roll_up_finished_days() -> int:
    """Roll up every day before today that has runs but no clean sums; answers how many."""
    changed = roll_up_changed_days()
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT DISTINCT r.project_id, r.day FROM runs_run r WHERE r.day < %s AND NOT EXISTS
                   (SELECT FROM runs_rolledday d WHERE d.project_id = r.project_id AND d.day = r.day)
               ORDER BY r.day, r.project_id""",
            [today()],
        )
        missing = cursor.fetchall()
    return changed + _roll_up_each(missing)


def roll_up_changed_days() -> int:
    """Roll up again every day before today that changed since it was rolled up; answers how many."""
    dirty = RolledDay.objects.filter(is_dirty=True, day__lt=today()).order_by("day", "project_id")
    return _roll_up_each(list(dirty.values_list("project_id", "day")))


def _roll_up_each(days: list[tuple[int, date]]) -> int:
    done = 0
    for project_id, day in days:
        try:
            roll_up_day(project_id, day)
            done += 1
        except DataError as error:
            log.warning("A day's sums are too large to keep", project_id=project_id, day=str(day), error=str(error))
    return done


def _lock_of(project_id: int, day: date) -> int:
    """A number of 31 bits for a project's day; two days that share one only wait for each other."""
    return hash((project_id, day.toordinal())) & 0x7FFFFFFF
