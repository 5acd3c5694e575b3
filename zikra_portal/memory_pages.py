"""Pages of memories: looking for them, and all that is known of one."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from access.callers import Caller
from access.errors import Refusal
from access.pages import caller_of
from access.roles import Role
from memories.browsing import (
    AGES,
    ARCHIVED,
    DELETED,
    KEPT,
    LIVE,
    PINNED,
    STATES,
    Choice,
    Facets,
    MemoryChoices,
    browse,
    facets,
    titled_like,
)
from memories.decay import fading
from memories.explaining import explained
from memories.models import Memory
from memories.reading import link_resolver, links_in, links_out, links_waiting
from memories.rendering import rendered
from memories.search import SearchAnswer, search
from memories.uses import runs_given
from memories.versions import compare_versions, with_addresses_before
from zikra_portal.fade_curve import Curve, curve_of
from zikra_portal.frame import frame_of
from zikra_portal.tables import ROWS_A_PAGE, Column, Sorting, page_of, sorted_page
from zikra_portal.tracing import chain_of_memory

# The newest are what one asks about; a memory that many runs were given would fill the page.
RUNS_SHOWN = 20
# The page cuts its rows itself; the budget is meant for agents' contexts.
SEARCH_TOKENS = 1_000_000

COLUMNS = (
    Column("title", "Title", ("title",)),
    Column("type", "Type", ("memory_type__label",)),
    Column("project", "Project", ("project__name",)),
    Column("confidence", "Confidence", ("confidence_now",), is_number=True, largest_first=True),
    Column("updated", "Updated", ("updated_at",), largest_first=True),
)

# The facets in the order of the page: the word of the address, the heading, and what is asked for beyond the list.
FACETS = (
    ("type", "Type", ""),
    ("project", "Project", ""),
    ("tag", "Tag", "Another tag"),
    ("module", "Module", "Another module"),
    ("person", "Learnt by", "Somebody else"),
    ("age", "Changed", ""),
    ("state", "State", ""),
)


# --- looking for memories --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Option:
    """A choice of a facet as a link: a click chooses it, or lets it go."""

    choice: Choice
    address: str
    is_chosen: bool


@dataclass(frozen=True)
class Facet:
    """One facet of the page. other: the label of a field for what is not listed, empty for none."""

    name: str
    title: str
    options: list[Option]
    other: str

    @property
    def chosen(self) -> Option | None:
        """What is chosen of it, where that bounds anything."""
        return next((option for option in self.options if option.is_chosen and option.choice.word != LIVE), None)


@login_required
def memories(request: HttpRequest) -> HttpResponse:
    """What `?q=` finds, best first and with the reasons, or the table of memories; both bounded by the facets chosen."""
    caller = caller_of(request)
    choices = choices_asked(request)
    query = request.GET.get("q", "").replace("\x00", "").strip()
    counted = facets(caller, choices)
    context = {
        "query": query,
        "facets": _shown(request, choices, counted),
        "total": counted.total,
        # With nothing to choose from, choices are noise.
        "is_blank": not counted.total and choices == MemoryChoices(project_ids=choices.project_ids, state=LIVE),
        "clear": f"{reverse('memories')}{frame_of(request).of_project}",
        "kept": _kept_words(request, "q"),
        "may_write": caller.may(Role.COLLABORATOR),
    }
    rows = _found(caller, query, choices) if query and choices.state != DELETED else _listed(request, query, choices)
    return render(request, "memories/memories.html", {**context, **rows})


def choices_asked(request: HttpRequest) -> MemoryChoices:
    """What the address chooses; a word that names no age or state chooses nothing. A project out of sight is not found."""
    words = {
        name: request.GET.get(name, "").replace("\x00", "").strip() for name in ("type", "tag", "module", "person")
    }
    age, state = request.GET.get("age", ""), request.GET.get("state", "")
    return MemoryChoices(
        project_ids=projects_asked(request),
        memory_type=words["type"],
        tag=words["tag"],
        module=words["module"],
        person=words["person"],
        age=age if age in AGES else "",
        state=state if state in STATES else LIVE,
    )


def projects_asked(request: HttpRequest) -> list[int] | None:
    """The project that the address names, None for all. One out of sight is not found."""
    if not request.GET.get("project"):
        return None
    project = frame_of(request).project
    if project is None:
        raise Http404
    return [project.pk]


def _listed(request: HttpRequest, query: str, choices: MemoryChoices) -> dict[str, Any]:
    """The table; with a query those whose title holds its words, which is how deleted ones are found."""
    rows = browse(caller_of(request), choices)
    sorting = Sorting.asked(request, COLUMNS, "-updated")
    page = sorted_page(request, titled_like(rows, query) if query else rows, sorting)
    return {"page": page, "sorting": sorting, "by_title": bool(query)}


def _found(caller: Caller, query: str, choices: MemoryChoices) -> dict[str, Any]:
    """What the hybrid search answers, each result with its reasons; or why it does not answer."""
    now = timezone.now()
    try:
        answer = search(
            caller,
            query,
            project_ids=choices.project_ids,
            memory_types=[choices.memory_type] if choices.memory_type else (),
            tags=[choices.tag] if choices.tag else (),
            module=choices.module,
            person=choices.person,
            since=choices.changed_since(now),
            until=choices.changed_before(now),
            include_archived=choices.state == KEPT,
            only_archived=choices.state == ARCHIVED,
            only_pinned=choices.state == PINNED,
            limit=ROWS_A_PAGE,
            max_tokens=SEARCH_TOKENS,
        )
    except Refusal as refusal:
        return {"answer": SearchAnswer([], 0), "hits": [], "problem": refusal.message}
    hits = [explained(query, result, has_meaning=not answer.degraded) for result in answer.results]
    return {"answer": answer, "hits": hits}


def _shown(request: HttpRequest, choices: MemoryChoices, counted: Facets) -> list[Facet]:
    """The facets as links; one that offers no choice is left out."""
    chosen = {
        "type": choices.memory_type,
        "project": request.GET.get("project", ""),
        "tag": choices.tag,
        "module": choices.module,
        "person": choices.person,
        "age": choices.age,
        "state": choices.state,
    }
    shown = []
    for name, title, other in FACETS:
        offered = _with_chosen(counted.choices[name], chosen[name])
        options = [
            Option(choice, _address(request, name, choice.word, chosen[name]), choice.word == chosen[name])
            for choice in offered
            if choice.count or choice.word == chosen[name]
        ]
        if options:
            shown.append(Facet(name, title, options, other if name in counted.cut else ""))
    return shown


def _with_chosen(offered: list[Choice], chosen: str) -> list[Choice]:
    """What is offered, and what is chosen although no memory has it: it must be seen to be let go."""
    is_offered = not chosen or any(choice.word == chosen for choice in offered)
    return offered if is_offered else [*offered, Choice(chosen, chosen, 0)]


def _address(request: HttpRequest, name: str, word: str, chosen: str) -> str:
    """The address in which a choice is made, or let go where it is what is chosen."""
    words = QueryDict(mutable=True)
    for kept, value in _kept_words(request, name):
        words[kept] = value
    if word != chosen and word != LIVE:
        words[name] = word
    return f"?{words.urlencode()}" if words else reverse("memories")


def _kept_words(request: HttpRequest, *but: str) -> list[tuple[str, str]]:
    """The address's words that say something, but these and the page's number."""
    return [(name, str(value)) for name, value in request.GET.items() if value and name not in (*but, "page")]


# --- one memory ------------------------------------------------------------------------------------------------------


@login_required
def memory(request: HttpRequest, memory_id: uuid.UUID) -> HttpResponse:
    """All that is known of a memory in sight: its text, how sure it is, where it comes from, links and runs."""
    caller = caller_of(request)
    found = memory_in_sight(caller, memory_id)
    context = {"memory": found, "caller": caller, "fading": _fading(found), **_rights(caller, found)}
    return render(request, "memories/memory.html", {**context, **_of_memory(caller, found)})


@login_required
def history(request: HttpRequest, memory_id: uuid.UUID) -> HttpResponse:
    """The versions of a memory, newest first, and what changed between two of them (`?old=1&new=3`; else the newest)."""
    caller = caller_of(request)
    found = memory_in_sight(caller, memory_id)
    rows = with_addresses_before(found.versions.defer("content_md", "resolution")).order_by("-number")
    new = _number(request.GET.get("new"), found.version)
    context = {
        "memory": found,
        "page": page_of(request, rows),
        "comparison": compare_versions(found, _number(request.GET.get("old"), new - 1), new),
        **_rights(caller, found),
    }
    return render(request, "memories/history.html", context)


def memory_in_sight(caller: Caller, memory_id: uuid.UUID) -> Memory:
    """The memory with this id, a deleted one too for those who may restore it. Raises Http404."""
    sight = Memory.objects.restorable_by(caller) if caller.may(Role.ADMIN) else Memory.objects.visible_to(caller)
    found = sight.select_related("project", "memory_type").filter(pk=memory_id).first()
    if found is None:
        raise Http404
    return found


def _rights(caller: Caller, found: Memory) -> dict[str, bool]:
    """Which buttons are drawn; each verb asks again."""
    is_kept = found.deleted_at is None
    return {"may_write": is_kept and caller.may(Role.COLLABORATOR), "may_curate": caller.may(Role.ADMIN)}


def _fading(found: Memory) -> Curve:
    kind = found.memory_type
    return curve_of(
        fading(
            stated=found.stated_confidence,
            age=timezone.now() - found.confirmed_at,
            half_life_days=kind.half_life_days,
            floor=kind.floor,
            access_count=found.access_count,
            pinned=found.pinned_at is not None,
        )
    )


def _of_memory(caller: Caller, found: Memory) -> dict[str, Any]:
    resolve = link_resolver(caller, found)
    return {
        "content": rendered(found.content_md, resolve) if found.content_md else "",
        "resolution": rendered(found.resolution, resolve) if found.resolution else "",
        "links_out": links_out(caller, found),
        "links_in": links_in(caller, found),
        "links_waiting": links_waiting(found),
        "chain": chain_of_memory(caller, found),
        "given_to": list(runs_given(caller, found)[:RUNS_SHOWN]),
    }


def _number(text: str | None, otherwise: int) -> int:
    """A number of the address, the other one where there is none that PostgreSQL would know."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else otherwise
