"""The board of requirements: a column for each state, filters, and what stands on a card."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import reduce
from operator import and_

from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Window
from django.db.models.functions import Coalesce, RowNumber
from django.utils import timezone

from access.callers import Caller
from requirements_pipeline.models import (
    STATE_GROUPS,
    MetCriterion,
    Requirement,
    RequirementQuerySet,
    RequirementState,
)

# So many fit on a few screens; the list has the rest.
CARDS_A_COLUMN = 20
# What was done earlier is history, which the list shows.
DONE_SHOWN = timedelta(days=30)
DUE_SOON = timedelta(days=7)
FLOW = (
    *(RequirementState.DRAFT, RequirementState.SUBMITTED, RequirementState.PROMOTED),
    *(RequirementState.IN_PROGRESS, RequirementState.IN_REVIEW, RequirementState.DONE),
)
ASIDE = (RequirementState.ON_HOLD, RequirementState.REJECTED)
ORDER = ("priority", "rank", "-created_at", "pk")
# In the address: of nobody, without one.
NOBODY = "-"
DUE_WORDS = {"overdue": "Overdue", "week": "Within a week", "set": "With a date", NOBODY: "Without a date"}
BLOCKED_WORDS = {"yes": "Waiting for others", "no": "Ready to go on"}
# Words to filter by are those of the newest requirements, so that a page never reads them all.
ROWS_FOR_CHOICES = 5000


@dataclass(frozen=True)
class BoardFilters:
    """Which requirements are asked for; an empty value bounds nothing.

    text: words that title, text or criteria hold, all of them; or part of the title or module. assignee: a username, or
    "-" for nobody. author: who wrote it, as it is shown. due: a word of DUE_WORDS. blocked: a word of BLOCKED_WORDS.
    mine: written by, given to or worked on by the caller's member. status: a state, or a word of STATE_GROUPS; the
    board has a column for each state and leaves it out.
    """

    text: str = ""
    assignee: str = ""
    author: str = ""
    module: str = ""
    tag: str = ""
    priority: int | None = None
    due: str = ""
    blocked: str = ""
    mine: bool = False
    status: str = ""


@dataclass(frozen=True)
class BoardColumn:
    """One state's column: its first cards, and how many requirements it has in all."""

    state: RequirementState
    count: int
    cards: list[Requirement] = field(default_factory=list)

    @property
    def left_out(self) -> int:
        """How many only the list shows."""
        return self.count - len(self.cards)


@dataclass(frozen=True)
class Board:
    """The columns of the flow, and those aside."""

    flow: list[BoardColumn]
    aside: list[BoardColumn]

    @property
    def count(self) -> int:
        """How many requirements the filters leave."""
        return sum(column.count for column in (*self.flow, *self.aside))

    @property
    def is_worked_on(self) -> bool:
        """Whether a card tells for how long somebody works on it."""
        return any(card.claimed_at for column in (*self.flow, *self.aside) for card in column.cards)


def asked_requirements(
    caller: Caller, project_ids: list[int] | None, filters: BoardFilters, today: date | None = None
) -> RequirementQuerySet:
    """Requirements in sight that the filters leave, in no order. project_ids: None for no bound. today: the reader's."""
    rows = Requirement.objects.visible_to(caller).within(project_ids)
    exact = {
        "created_by": filters.author,
        "module": filters.module,
        "priority": filters.priority,
        "tags__contains": [filters.tag] if filters.tag else None,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    rows = rows.with_status(filters.status) if filters.status else rows
    bounds = [_said(filters.text), _assigned(filters.assignee), _due(filters.due, today or timezone.localdate())]
    if filters.mine:
        bounds.append(_of_member(caller.member_id or 0))
    rows = rows.filter(reduce(and_, bounds, Q()))
    if filters.blocked not in BLOCKED_WORDS:
        return rows
    waits = Exists(_unfinished())
    return rows.open().filter(waits if filters.blocked == "yes" else ~waits)


def board_of(
    caller: Caller,
    project_ids: list[int] | None = None,
    filters: BoardFilters = BoardFilters(),
    today: date | None = None,
) -> Board:
    """What the board shows. Two queries, whatever it holds."""
    rows = asked_requirements(caller, project_ids, filters, today)
    fresh = timezone.now() - DONE_SHOWN
    rows = rows.exclude(state=RequirementState.DONE, updated_at__lt=fresh)
    counts = dict(rows.order_by().values_list("state").annotate(Count("pk")))
    by_state: dict[str, list[Requirement]] = {}
    for card in _first_of_each_state(rows):
        by_state.setdefault(card.state, []).append(card)

    def columns(states: Iterable[RequirementState]) -> list[BoardColumn]:
        return [BoardColumn(state, counts.get(state, 0), by_state.get(state, [])) for state in states]

    return Board(columns(FLOW), columns(ASIDE))


def with_card_facts(rows: QuerySet[Requirement]) -> QuerySet[Requirement]:
    """The rows with what a card or a line of the list shows beside the fields: `waits_for` (how many that it depends on
    are not done) and `criteria_met` (how many of its acceptance criteria are met); without the long text."""
    return (
        rows.select_related("project", "assignee")
        .defer("content_md")
        .annotate(
            waits_for=_counted(_unfinished(), "from_requirement"),
            criteria_met=_counted(MetCriterion.objects.filter(requirement=OuterRef("pk")), "requirement"),
        )
    )


@dataclass(frozen=True)
class BoardChoices:
    """Words that requirements in sight have, in the order of the alphabet. assignees: username and shown name."""

    assignees: list[tuple[str, str]]
    authors: list[str]
    modules: list[str]
    tags: list[str]


def board_choices(caller: Caller, project_ids: list[int] | None = None) -> BoardChoices:
    """What the board can be filtered by. One query."""
    newest = Requirement.objects.visible_to(caller).within(project_ids).order_by("-created_at")
    names = ("assignee__username", "assignee__first_name", "assignee__last_name", "created_by", "module", "tags")
    assignees: dict[str, str] = {}
    authors: set[str] = set()
    modules: set[str] = set()
    tags: set[str] = set()
    for username, first, last, author, module, own_tags in newest.values_list(*names)[:ROWS_FOR_CHOICES]:
        if username:
            assignees[username] = f"{first} {last}".strip() or username
        authors.add(author)
        modules.add(module)
        tags.update(own_tags)
    return BoardChoices(
        sorted(assignees.items(), key=lambda pair: pair[1].casefold()),
        *(sorted(words - {""}, key=lambda word: (word.casefold(), word)) for words in (authors, modules, tags)),
    )


def _first_of_each_state(rows: RequirementQuerySet) -> QuerySet[Requirement]:
    """The cards: the keys of each state's first rows are found on short rows, then only those are read in full."""
    place = Window(
        RowNumber(), partition_by=F("state"), order_by=[F("priority"), F("rank"), F("created_at").desc(), F("pk")]
    )
    shown = rows.order_by().annotate(place=place).filter(place__lte=CARDS_A_COLUMN).values("pk")
    return with_card_facts(Requirement.objects.filter(pk__in=shown)).order_by(*ORDER)


def _unfinished() -> QuerySet:
    """Links from the outer requirement to what it depends on and is not done."""
    links = Requirement.depends_on.through.objects.filter(from_requirement=OuterRef("pk"))
    return links.exclude(to_requirement__state=RequirementState.DONE)


def _counted(rows: QuerySet, outer: str) -> Coalesce:
    """How many rows a correlated question has. outer: the field by which they hang on the outer row."""
    count = rows.order_by().values(outer).annotate(found=Count("pk")).values("found")
    return Coalesce(Subquery(count, output_field=IntegerField()), 0)


def _said(text: str) -> Q:
    """Requirements that hold the words, as everywhere; part of a title or module is enough, too."""
    words = " ".join(text.replace("\x00", " ").split())
    if not words:
        return Q()
    holding = Requirement.objects.saying(words).order_by().values("pk")
    return Q(pk__in=holding) | Q(title__icontains=words) | Q(module__icontains=words)


def _assigned(username: str) -> Q:
    if username == NOBODY:
        return Q(assignee=None)
    return Q(assignee__username=username) if username else Q()


def _of_member(member_id: int) -> Q:
    return Q(author_id=member_id) | Q(assignee_id=member_id) | Q(claimant_id=member_id)


def _due(word: str, today: date) -> Q:
    still_open = ~Q(state__in=STATE_GROUPS["resolved"])
    return {
        "overdue": Q(due_on__lt=today) & still_open,
        "week": Q(due_on__gte=today, due_on__lte=today + DUE_SOON) & still_open,
        "set": Q(due_on__isnull=False),
        NOBODY: Q(due_on=None),
    }.get(word, Q())
