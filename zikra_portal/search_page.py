"""One search over everything: memories by meaning, requirements, runs and prompts by their words."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Model, QuerySet, Window
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from access.callers import Caller
from access.errors import Refusal
from access.pages import caller_of
from memories.links import title_key
from memories.models import Memory
from memories.prompts import prompts_in_sight
from memories.search import QUERY_CHARACTERS, SearchAnswer, search
from requirements_pipeline.models import Requirement
from runs.finding import NEWEST_LOOKED_AT, runs_saying
from runs.reading import runs_called
from zikra_portal.frame import projects_asked

MEMORIES_SHOWN = 10
ROWS_SHOWN = 5
EXACT_SHOWN = 5
# Room for every shown result's snippet; the budget is meant for agents' contexts.
RESULT_TOKENS = 100_000


@dataclass(frozen=True)
class Group:
    """Rows of one kind that the words find. count: how many there are in all; more: the page that shows them all."""

    name: str
    more: str
    rows: list[Any] = field(default_factory=list)
    count: int = 0


@dataclass(frozen=True)
class Asked:
    """What the reader looks for, in which projects (None for all in sight)."""

    caller: Caller
    words: str
    project_ids: list[int] | None
    project_name: str

    def address(self, page: str, **words: str) -> str:
        """A page's address with the words and the project."""
        wanted = {"q": self.words, **words, "project": self.project_name}
        return f"{reverse(page)}?{urlencode({name: value for name, value in wanted.items() if value})}"


@login_required
def search_page(request: HttpRequest) -> HttpResponse:
    """What `?q=` finds, in groups; of one project with `?project=`."""
    project_ids = projects_asked(request)
    words = request.GET.get("q", "").replace("\x00", " ").strip()
    asked = Asked(caller_of(request), words, project_ids, request.GET.get("project", ""))
    context: dict[str, Any] = {"query": words}
    if len(words) > QUERY_CHARACTERS:
        context["problem"] = f"That is {len(words):,} characters long; at most {QUERY_CHARACTERS:,} are searched for."
    elif words:
        context |= _found(asked)
    return render(request, "search/search.html", context)


def _found(asked: Asked) -> dict[str, Any]:
    memories, answer, problem = _memories(asked)
    others = [_requirements(asked), _runs(asked), _prompts(asked)]
    return {
        "exact": exact_matches(asked),
        "memories": memories,
        "answer": answer,
        "problem": problem,
        "groups": [memories, *others],
        "requirements": others[0],
        "runs": others[1],
        "prompts": others[2],
        "runs_looked_at": NEWEST_LOOKED_AT,
    }


@dataclass(frozen=True)
class Exact:
    """Something whose id or title the words are. kind: in a word."""

    kind: str
    address: str
    title: str
    project: str


def exact_matches(asked: Asked) -> list[Exact]:
    """Memories, requirements and runs of exactly this id or title (a run: this id or session), in sight."""
    memories = Memory.objects.visible_to(asked.caller).within(asked.project_ids)
    requirements = Requirement.objects.visible_to(asked.caller).within(asked.project_ids)
    found: list[tuple[str, str, Iterable[Model]]] = [
        ("Memory", "memory", _first(memories.called(asked.words, title_key(asked.words)), "-updated_at")),
        ("Requirement", "requirement", _first(requirements.called(asked.words), "-updated_at")),
        ("Run", "run", _first(runs_called(asked.caller, asked.words, asked.project_ids), "-started_at")),
    ]
    return [
        Exact(kind, reverse(page, args=[row.pk]), str(row), row.project.name)  # type: ignore[attr-defined]
        for kind, page, rows in found
        for row in rows
    ]


def _first(rows: QuerySet[Any], order: str) -> Iterable[Model]:
    return rows.select_related("project").order_by(order, "pk")[:EXACT_SHOWN]


def _memories(asked: Asked) -> tuple[Group, SearchAnswer, str]:
    """What the hybrid search answers, or why it does not."""
    try:
        answer = search(
            asked.caller,
            asked.words,
            project_ids=asked.project_ids,
            limit=MEMORIES_SHOWN,
            max_tokens=RESULT_TOKENS,
        )
    except Refusal as refusal:
        return Group("memories", asked.address("memories")), SearchAnswer([], 0), refusal.message
    return Group("memories", asked.address("memories"), answer.results, answer.total), answer, ""


def _requirements(asked: Asked) -> Group:
    said = Requirement.objects.visible_to(asked.caller).within(asked.project_ids).saying(asked.words)
    rows = said.select_related("project").defer("content_md", "acceptance")
    return _group("requirements", asked.address("requirements", view="list"), rows)


def _runs(asked: Asked) -> Group:
    return _group("runs", asked.address("runs"), runs_saying(asked.caller, asked.words, asked.project_ids))


def _prompts(asked: Asked) -> Group:
    prompts = prompts_in_sight(asked.caller, asked.project_ids).saying(asked.words)
    rows = prompts.select_related("project").defer("content_md", "resolution").order_by("-updated_at", "pk")
    return _group("prompts", asked.address("prompts"), rows)


def _group(name: str, more: str, rows: QuerySet[Any]) -> Group:
    """The first rows, and how many there are, in one query."""
    shown = list(rows.annotate(in_all=Window(Count("pk")))[:ROWS_SHOWN])
    return Group(name, more, shown, shown[0].in_all if shown else 0)
