"""The board of requirements, and the same as a list."""

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any, Self
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.decorators import login_required
from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe

from access.callers import Caller
from access.pages import caller_of
from access.roles import Role
from requirements_pipeline.appearance import PRIORITIES
from requirements_pipeline.board import (
    BLOCKED_WORDS,
    DUE_WORDS,
    NOBODY,
    Board,
    BoardChoices,
    BoardColumn,
    BoardFilters,
    asked_requirements,
    board_choices,
    board_of,
    with_card_facts,
)
from requirements_pipeline.models import STATE_GROUPS, Requirement, RequirementState
from requirements_pipeline.moves import PossibleMove, possible_moves
from requirements_pipeline.watching import link_to, unread_talk
from zikra_portal.frame import projects_asked
from zikra_portal.tables import Column, Sorting, sorted_page

STATUS_WORDS = {
    **{state.value: str(state.label) for state in RequirementState},
    "pending": "Not yet promoted",
    "resolved": "Done or rejected",
}
# static/board.js sends with a poll what the board that it shows carries.
STAMP_HEADER = "Board-Stamp"
# Stands for the id of any requirement where markup is drawn for many of them.
ANY = uuid.UUID(int=0)
COLUMNS = (
    Column("title", "Title", ("title",)),
    Column("state", "State", ("state",)),
    Column("priority", "Priority", ("priority", "rank")),
    Column("project", "Project", ("project__name",)),
    Column("assignee", "Assignee", ("assignee__username",), may_be_unknown=True),
    Column("due", "Due", ("due_on",), may_be_unknown=True),
    Column("updated", "Changed", ("updated_at",), largest_first=True),
)


class BoardForm(forms.Form):
    """The filters, by the words of the address. A word that nobody offered finds nothing."""

    q = forms.CharField(required=False, label="Words", widget=forms.TextInput({"type": "search"}))
    status = forms.CharField(required=False, label="State", widget=forms.Select)
    assignee = forms.CharField(required=False, widget=forms.Select)
    author = forms.CharField(required=False, label="Written by", widget=forms.Select)
    module = forms.CharField(required=False, widget=forms.Select)
    tag = forms.CharField(required=False, widget=forms.Select)
    priority = forms.IntegerField(required=False, min_value=1, max_value=5, widget=forms.Select)
    due = forms.CharField(required=False, widget=forms.Select)
    blocked = forms.CharField(required=False, label="Waiting", widget=forms.Select)
    mine = forms.BooleanField(required=False, label="Mine", help_text="Written by me, given to me, or worked on by me.")

    def __init__(self, request: HttpRequest, choices: BoardChoices | None = None, *, is_list: bool = False) -> None:
        super().__init__(request.GET, use_required_attribute=False)
        if not is_list:
            del self.fields["status"]
        known = choices or BoardChoices([], [], [], [])
        offered: dict[str, Iterable[tuple[Any, str]]] = {
            "status": STATUS_WORDS.items(),
            "assignee": [(NOBODY, "Nobody"), *known.assignees],
            "author": [(word, word) for word in known.authors],
            "module": [(word, word) for word in known.modules],
            "tag": [(word, word) for word in known.tags],
            "priority": [(number, word) for number, (_, word) in PRIORITIES.items()],
            "due": DUE_WORDS.items(),
            "blocked": BLOCKED_WORDS.items(),
        }
        for name in offered.keys() & self.fields.keys():
            self.fields[name].widget.choices = _with_asked(offered[name], request.GET.get(name, ""))

    def filters(self) -> BoardFilters:
        """What is asked for; a value that was not understood bounds nothing and is marked in the form."""
        self.is_valid()
        asked = {name: value for name, value in self.cleaned_data.items() if value}
        if asked.get("status") not in {*RequirementState.values, *STATE_GROUPS}:
            asked.pop("status", None)
        return BoardFilters(**{"text" if name == "q" else name: value for name, value in asked.items()})


def _with_asked(offered: Iterable[tuple[Any, str]], asked: str) -> list[tuple[Any, str]]:
    """The choices of a filter: all, what is offered, and what the address asks for though nobody offers it."""
    known = list(offered)
    more = [(asked, asked)] if asked and asked not in {str(value) for value, _ in known} else []
    return [("", "All"), *known, *more]


@login_required
def requirements(request: HttpRequest) -> HttpResponse:
    """The board, changing by itself; with `?view=list` the table. Of one project with `?project=`, a name."""
    caller = caller_of(request)
    project_ids = projects_asked(request)
    if request.GET.get("view") == "list":
        return render(request, "requirements/list.html", _list(request, caller, project_ids))
    if request.htmx:  # type: ignore[attr-defined]
        return _board_now(request, _Shown.asked(caller, project_ids, BoardForm(request).filters()))
    form = BoardForm(request, board_choices(caller, project_ids))
    context = _board(request, _Shown.asked(caller, project_ids, form.filters()))
    return render(request, "requirements/board.html", {**context, "form": form, **_around(request)})


def _board_now(request: HttpRequest, shown: "_Shown") -> HttpResponse:
    """The board alone. A poll that has seen the same already gets no more than the moment: most polls do."""
    seen = request.headers.get(STAMP_HEADER) == shown.stamp
    if not seen or len(get_messages(request)):
        return render(request, "requirements/board_now.html", _board(request, shown))
    answer = render(request, "requirements/unchanged.html")
    answer.headers["HX-Reswap"] = "none"
    return answer


@dataclass(frozen=True)
class _Shown:
    """What the board shows to whom. unread: comments that the reader has not read, by the requirement's path."""

    caller: Caller
    board: Board
    unread: Counter[str]
    filters: BoardFilters
    is_of_one_project: bool
    now: datetime

    @classmethod
    def asked(cls, caller: Caller, project_ids: list[int] | None, filters: BoardFilters) -> Self:
        """Three queries, whatever it holds."""
        board = board_of(caller, project_ids, filters)
        return cls(caller, board, unread_talk(caller), filters, project_ids is not None, timezone.now())

    @cached_property
    def stamp(self) -> str:
        """Another one for another picture, to the minute."""
        columns = [
            (column.state.value, column.count, [_told(card) for card in column.cards])
            for column in (*self.board.flow, *self.board.aside)
        ]
        worked = self.now.strftime("%H:%M") if self.board.is_worked_on else ""
        told = (self.caller.role, timezone.localdate(), worked, sorted(self.unread.items()), columns)
        return sha256(repr(told).encode()).hexdigest()


def _told(card: Requirement) -> tuple[Any, ...]:
    """What a card tells of its requirement."""
    fields = (*("pk", "title", "priority", "rank", "due_on", "module"), *("claimed_by", "claimed_at", "acceptance"))
    facts = [getattr(card, name) for name in (*fields, "waits_for", "criteria_met")]
    return (*facts, str(card.assignee), card.project.name)


@dataclass(frozen=True)
class Card:
    """A requirement on the board. address: of its page. menu: its buttons. above, below: those of its project and
    priority beside it, which it may change places with; None where there is none, or the reader places nothing. unread:
    comments that the reader has not read. worked_for: how long somebody has been working on it."""

    requirement: Requirement
    address: str
    menu: str
    above: uuid.UUID | None
    below: uuid.UUID | None
    unread: int
    worked_for: timedelta | None


@dataclass(frozen=True)
class ShownColumn:
    """A column with what the reader may do there. list_address: where all of its requirements are."""

    column: BoardColumn
    has_moves: bool
    cards: list[Card]
    may_place: bool
    list_address: str

    @property
    def is_over(self) -> bool:
        """Whether what stands here waits for nothing any more."""
        return self.column.state in STATE_GROUPS["resolved"]


def _board(request: HttpRequest, shown: _Shown) -> dict[str, Any]:
    return {
        "flow": [_column(request, shown, column) for column in shown.board.flow],
        "aside": [_column(request, shown, column) for column in shown.board.aside],
        "count": shown.board.count,
        "stamp": shown.stamp,
        "is_of_one_project": shown.is_of_one_project,
        "is_bound": shown.filters != BoardFilters(),
        "may_write": shown.caller.may(Role.COLLABORATOR),
        "clear": _address(request, keep=("project",)),
    }


def _column(request: HttpRequest, shown: _Shown, column: BoardColumn) -> ShownColumn:
    moves = possible_moves(shown.caller, column.state)
    may_place = shown.caller.may(Role.OWNER) and column.state not in STATE_GROUPS["resolved"]
    menu = _menu(request, moves) if column.cards else ""
    list_address = _address(request, view="list", status=column.state.value)
    cards = list(_cards(column.cards, menu, shown, may_place))
    return ShownColumn(column, bool(moves), cards, may_place, list_address)


def _menu(request: HttpRequest, moves: list[PossibleMove]) -> str:
    """The buttons of a column's cards, drawn once for all of them, of a requirement with the id ANY."""
    context = {"requirement": Requirement(pk=ANY), "moves": moves, "live": True}
    return render_to_string("requirements/moves.html", context, request)


def _cards(rows: list[Requirement], menu: str, shown: _Shown, may_place: bool) -> Iterable[Card]:
    beside = _beside(rows) if may_place else {}
    for row in rows:
        address = link_to(row)
        # Nothing but an id of ours is put into what the template has escaped.
        own_menu = mark_safe(menu.replace(str(ANY), str(row.pk)))  # noqa: S308
        worked_for = shown.now - row.claimed_at if row.claimed_at else None
        yield Card(row, address, own_menu, *beside.get(row.pk, (None, None)), shown.unread[address], worked_for)


def _beside(rows: list[Requirement]) -> dict[uuid.UUID, tuple[uuid.UUID | None, uuid.UUID | None]]:
    """By key, the one above and the one below of the same project and priority."""
    peers: dict[tuple[int, int], list[uuid.UUID]] = {}
    for row in rows:
        peers.setdefault((row.project_id, row.priority), []).append(row.pk)
    return {
        pk: (above, below)
        for group in peers.values()
        for above, pk, below in zip([None, *group[:-1]], group, [*group[1:], None], strict=True)
    }


def _list(request: HttpRequest, caller: Caller, project_ids: list[int] | None) -> dict[str, Any]:
    form = BoardForm(request, board_choices(caller, project_ids), is_list=True)
    filters = form.filters()
    sorting = Sorting.asked(request, COLUMNS, "priority")
    rows = with_card_facts(asked_requirements(caller, project_ids, filters))
    return {
        "form": form,
        "page": sorted_page(request, rows, sorting),
        "sorting": sorting,
        "is_bound": filters != BoardFilters() or bool(form.errors),
        "may_write": caller.may(Role.COLLABORATOR),
        "bulk_moves": bulk_moves(caller),
        "clear": _address(request, keep=("project",), view="list"),
        **_around(request),
    }


def bulk_moves(caller: Caller) -> list[RequirementState]:
    """Where the reader's role can move several at once."""
    needed = {
        RequirementState.PROMOTED: Role.OWNER,
        RequirementState.REJECTED: Role.OWNER,
        RequirementState.ON_HOLD: Role.ADMIN,
    }
    return [target for target, role in needed.items() if caller.may(role)]


def _around(request: HttpRequest) -> dict[str, Any]:
    """What stands around board and list alike."""
    is_list = request.GET.get("view") == "list"
    kept = ("project", "view", "sort") if is_list else ("project",)
    return {
        "kept": [(name, request.GET[name]) for name in kept if request.GET.get(name)],
        "board_address": _address(request, view=None, sort=None, page=None, status=None),
        "list_address": _address(request, view="list"),
    }


def _address(request: HttpRequest, keep: Iterable[str] | None = None, **words: str | None) -> str:
    """The page's own address with other words. keep: which of its own words stay, all when left out."""
    known = {name: value for name, value in request.GET.items() if value and (keep is None or name in keep)}
    changed = {**known, **words}
    told = urlencode({name: value for name, value in changed.items() if value})
    return f"{reverse('requirements')}{f'?{told}' if told else ''}"
