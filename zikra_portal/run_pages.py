"""Pages of runs: what runs now, what ran, and all that is known of one run."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from access.callers import Caller
from access.errors import NotFound
from access.pages import caller_of
from memories.models import Memory, MemoryUse
from memories.rendering import rendered
from memories.uses import given_to_run, made_in_run
from runs.board import HistoryBounds, HistoryChoices, active_runs, ended_runs, history_choices
from runs.budgets import budget_warnings
from runs.drift import drift_of
from runs.models import EventKind, Run, RunEvent
from runs.reading import find_run
from runs.visibility import may_see_cost, may_see_costs, may_see_people
from zikra_portal.frame import frame_of, projects_asked
from zikra_portal.tables import Column, Sorting, sorted_page
from zikra_portal.tracing import Change, chain_of_run

# More runs at once than anybody reads; the board says how many more there are.
ACTIVE_SHOWN = 200
EVENTS_SHOWN = 1000
FILES_SHOWN = 500
# htmx ends a poll at this status: what has ended changes no more.
STOP_POLLING = 286

STARTED = Column("started", "Started", ("started_at",), largest_first=True)
COLUMNS = (
    STARTED,
    Column("agent", "Agent", ("agent", "runner")),
    Column("person", "Person", ("person",)),
    Column("project", "Project", ("project__name",)),
    Column("model", "Model", ("model",)),
    Column("duration", "Duration", ("seconds",), is_number=True, largest_first=True),
    Column("status", "Outcome", ("status",)),
)
# Their order would tell what others' runs cost.
COLUMNS_OF_COSTS = (
    Column("tokens", "Tokens", ("tokens_total",), is_number=True, largest_first=True, may_be_unknown=True),
    Column("cost", "Cost", ("cost_usd",), is_number=True, largest_first=True, may_be_unknown=True),
)


# --- board and history -----------------------------------------------------------------------------------------------


class HistoryForm(forms.Form):
    """The filters of the history, by the words of the address. A word that nobody offered finds nothing, or what is old."""

    agent = forms.CharField(required=False, widget=forms.Select)
    person = forms.CharField(required=False, widget=forms.Select)
    model = forms.CharField(required=False, widget=forms.Select)
    status = forms.CharField(required=False, label="Outcome", widget=forms.Select)
    since = forms.DateField(required=False, label="From", widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    q = forms.CharField(required=False, label="Words", widget=forms.TextInput({"type": "search"}))
    machine = forms.CharField(required=False, widget=forms.HiddenInput)
    prompt = forms.UUIDField(required=False, widget=forms.HiddenInput)
    requirement = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, request: HttpRequest, caller: Caller, choices: HistoryChoices) -> None:
        super().__init__(request.GET, use_required_attribute=False)
        offered = {
            "agent": choices.agents,
            "person": choices.people,
            "model": choices.models,
            "status": choices.statuses,
        }
        if not may_see_people(caller) and not request.GET.get("person"):
            del self.fields["person"]
        for name in offered.keys() & self.fields.keys():
            words = sorted({*offered[name], request.GET.get(name, "")} - {""})
            self.fields[name].widget.choices = [("", "All"), *((word, word) for word in words)]

    def bounds(self) -> HistoryBounds:
        """What is asked for; a value that was not understood bounds nothing and is marked in the form."""
        self.is_valid()
        asked = {name: value for name, value in self.cleaned_data.items() if value}
        renamed = {"q": "text", "prompt": "prompt_id", "requirement": "requirement_id"}
        return HistoryBounds(**{renamed.get(name, name): value for name, value in asked.items()})


@login_required
def runs(request: HttpRequest) -> HttpResponse:
    """What runs now, changing by itself, and below it the table of what ended; of one project with `?project=`."""
    caller = caller_of(request)
    project_ids = projects_asked(request)
    context = {**_active(caller, project_ids), "caller": caller, "shows_costs": may_see_costs(caller)}
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "runs/active.html", context)
    context["warnings"] = budget_warnings(caller, project_ids)
    return render(request, "runs/runs.html", {**context, **_history(request, caller, project_ids)})


def _active(caller: Caller, project_ids: list[int] | None) -> dict[str, Any]:
    running = list(active_runs(caller, project_ids)[: ACTIVE_SHOWN + 1])
    return {
        "active": running[:ACTIVE_SHOWN],
        "has_more_active": len(running) > ACTIVE_SHOWN,
        "most_active": ACTIVE_SHOWN,
    }


def _history(request: HttpRequest, caller: Caller, project_ids: list[int] | None) -> dict[str, Any]:
    form = HistoryForm(request, caller, history_choices(caller, project_ids))
    bounds = form.bounds()
    if bounds.person and not may_see_people(caller):
        raise PermissionDenied("Runs by person need the role admin.")
    columns = (*COLUMNS, *COLUMNS_OF_COSTS) if may_see_people(caller) else COLUMNS
    sorting = Sorting.asked(request, columns, "-started")
    rows = ended_runs(caller, project_ids, bounds)
    is_bound = bounds != HistoryBounds()
    return {
        "form": form,
        "page": sorted_page(request, rows, sorting),
        "sorting": sorting,
        "may_sort_costs": may_see_people(caller),
        "is_bound": is_bound or bool(form.errors),
        "only": _hidden_bounds(bounds),
        "kept": [(name, request.GET[name]) for name in ("project", "sort") if request.GET.get(name)],
        "clear": f"{reverse('runs')}{frame_of(request).of_project}",
        "portal_url": request.build_absolute_uri("/").rstrip("/"),
    }


def _hidden_bounds(bounds: HistoryBounds) -> list[str]:
    """In words, what bounds the table without a field of its own."""
    told = (
        f"on the machine {bounds.machine}" if bounds.machine else "",
        "of one prompt" if bounds.prompt_id else "",
        "of one requirement" if bounds.requirement_id else "",
    )
    return [words for words in told if words]


# --- one run ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Happening:
    """One line of a run's timeline: when, what kind of thing in a word, in which words, about which memory."""

    at: datetime
    kind: str
    words: str = ""
    memory: Memory | None = None


@login_required
def run(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """All that is known of a run in sight: facts, usage and cost, timeline, memories, files and summary."""
    caller = caller_of(request)
    try:
        found = find_run(caller, run_id)
    except NotFound:
        raise Http404 from None
    context = {"run": found, "caller": caller, **_of_run(caller, found)}
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "runs/run_now.html", context, status=200 if found.is_active else STOP_POLLING)
    return render(request, "runs/run.html", context)


def _of_run(caller: Caller, found: Run) -> dict[str, Any]:
    made = list(made_in_run(caller, found.pk))
    given = list(given_to_run(caller, found.pk))
    events = list(found.events.order_by("at", "pk")[: EVENTS_SHOWN + 1])
    shows_cost = may_see_cost(caller, found)
    return {
        "shows_cost": shows_cost,
        "usage": list(found.usage.select_related("price").order_by("-cost_usd", "model")) if shows_cost else [],
        "drift": drift_of(found) if shows_cost else None,
        "timeline": timeline(events[:EVENTS_SHOWN], made, given),
        "has_more_events": len(events) > EVENTS_SHOWN,
        "made": made,
        "given": by_memory(given),
        "files": found.files_modified[:FILES_SHOWN],
        "files_left_out": max(0, len(found.files_modified) - FILES_SHOWN),
        "summary": rendered(found.output_summary) if found.output_summary else "",
        "prompt": _prompt_of(caller, found),
        "commits": [Change.of(told) for told in found.commits],
        "pull_requests": [Change.of(told) for told in found.pull_requests],
        "chain": chain_of_run(caller, found),
    }


def timeline(events: Iterable[RunEvent], made: Iterable[Memory], given: Iterable[MemoryUse]) -> list[Happening]:
    """What happened in a run, in the order of time: what it told, the memories that it was given and those it made."""
    told = [Happening(event.at, event.get_kind_display(), _words_of(event)) for event in events]
    learnt = [Happening(memory.created_at, "Learnt", memory=memory) for memory in made]
    used = [Happening(use.at, use.get_how_display(), memory=use.memory) for use in given]
    return sorted((*told, *learnt, *used), key=lambda happening: happening.at)


def _words_of(event: RunEvent) -> str:
    """An event's text, where it says more than its kind."""
    return "" if event.kind == EventKind.RESUMED else event.text


@dataclass(frozen=True)
class GivenMemory:
    """A memory that a run was given: in which ways, and when first."""

    memory: Memory
    ways: str
    first: datetime


def by_memory(given: Iterable[MemoryUse]) -> list[GivenMemory]:
    """Each given memory once, in the order of time."""
    uses: dict[uuid.UUID, list[MemoryUse]] = {}
    for use in given:
        uses.setdefault(use.memory_id, []).append(use)
    return [
        GivenMemory(found[0].memory, ", ".join(use.get_how_display().lower() for use in found), found[0].at)
        for found in uses.values()
    ]


def _prompt_of(caller: Caller, found: Run) -> Memory | None:
    """The prompt that it ran, where it is in sight."""
    return (
        Memory.objects.visible_to(caller).only("pk", "title").filter(pk=found.prompt_id).first()
        if found.prompt_id
        else None
    )
