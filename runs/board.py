"""What runs now, and what ran."""

from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import add
from uuid import UUID

from django.db.models import BigIntegerField, Case, F, FloatField, Q, When
from django.db.models.functions import Coalesce, Extract

from access.callers import Caller
from access.errors import Forbidden
from access.roles import Role
from runs.models import TOKEN_KINDS, Run, RunQuerySet
from runs.visibility import may_see_people

# Words to filter by are those of the newest runs: to look at a year of them would take longer than the page.
RUNS_FOR_CHOICES = 1000
# Long texts stay where they are until a run is opened.
LONG_TEXTS = ("output_summary", "files_modified")
SEARCHED = (
    *("session_id", "runner", "agent", "model", "machine", "branch", "cwd"),
    *("prompt_name", "requirement_title", "output_summary"),
)


def active_runs(caller: Caller, project_ids: list[int] | None = None) -> RunQuerySet:
    """Runs in sight that have not ended, the one last heard of first. project_ids: None for no bound."""
    runs = Run.objects.visible_to(caller).active().select_related("project").defer(*LONG_TEXTS)
    if project_ids is not None:
        runs = runs.filter(project_id__in=project_ids)
    return runs.order_by("-last_seen_at", "pk")


@dataclass(frozen=True)
class HistoryBounds:
    """Which ended runs are asked for; an empty value bounds nothing.

    text: words looked for in names, branch, directory and summary. since, until: days that the run started on, both
    included.
    """

    agent: str = ""
    person: str = ""
    model: str = ""
    machine: str = ""
    status: str = ""
    text: str = ""
    since: date | None = None
    until: date | None = None
    prompt_id: UUID | None = None
    requirement_id: UUID | None = None


def ended_runs(
    caller: Caller, project_ids: list[int] | None = None, bounds: HistoryBounds | None = None
) -> RunQuerySet:
    """Runs in sight that have ended, with `seconds` (their length) and `tokens_total`; in no order.

    project_ids: None for no bound. Raises Forbidden for a bound by person from who may not see people's costs.
    """
    asked = bounds or HistoryBounds()
    if asked.person and not may_see_people(caller):
        raise Forbidden(Role.ADMIN)
    runs = Run.objects.visible_to(caller).finished().select_related("project").defer(*LONG_TEXTS)
    if project_ids is not None:
        runs = runs.filter(project_id__in=project_ids)
    exact = {
        name: value
        for name in ("agent", "person", "model", "machine", "status", "prompt_id", "requirement_id")
        if (value := getattr(asked, name))
    }
    runs = runs.filter(**exact)
    runs = runs.filter(day__gte=asked.since) if asked.since else runs
    runs = runs.filter(day__lte=asked.until) if asked.until else runs
    for word in asked.text.split():
        runs = runs.filter(_holds(word))
    return _with_sizes(runs)


@dataclass(frozen=True)
class HistoryChoices:
    """Words that the newest runs in sight have, in the order of the alphabet."""

    agents: list[str]
    people: list[str]
    models: list[str]
    statuses: list[str]


def history_choices(caller: Caller, project_ids: list[int] | None = None) -> HistoryChoices:
    """What the history can be filtered by. One query. People are named to who may filter by them only."""
    runs = Run.objects.visible_to(caller)
    if project_ids is not None:
        runs = runs.filter(project_id__in=project_ids)
    newest = list(runs.order_by("-started_at").values_list("agent", "person", "model", "status")[:RUNS_FOR_CHOICES])
    columns = zip(*newest, strict=True) if newest else ((),) * 4
    agents, people, models, statuses = (sorted(set(words) - {""}) for words in columns)
    return HistoryChoices(agents, people if may_see_people(caller) else [], models, statuses)


def _holds(word: str) -> Q:
    found = Q()
    for field in SEARCHED:
        found |= Q(**{f"{field}__icontains": word})
    return found


def _with_sizes(runs: RunQuerySet) -> RunQuerySet:
    """The runs with what a history is sorted by: length in seconds, tokens in all (None where none were told)."""
    counts = [Coalesce(kind, 0) for kind in TOKEN_KINDS]
    known = Q(*(Q(**{f"{kind}__isnull": False}) for kind in TOKEN_KINDS), _connector=Q.OR)
    took = Extract(F("finished_at") - F("started_at"), "epoch", output_field=FloatField())
    return runs.annotate(
        seconds=Coalesce("duration_s", took),
        tokens_total=Case(When(known, then=reduce(add, counts)), output_field=BigIntegerField()),
    )
