"""Tables of pages: sorted and paged by words in the address."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from django.core.paginator import Page, Paginator
from django.db.models import F, QuerySet
from django.db.models.expressions import OrderBy
from django.http import HttpRequest

ROWS_A_PAGE = 50
# Counting a million rows takes longer than drawing the page: beyond this a table says "more than" and is narrowed by
# its filters.
ROWS_COUNTED = 10_000


@dataclass(frozen=True)
class Column:
    """One column that can be sorted by.

    name: its word in `?sort=`. words: the heading, with its unit. fields: what it sorts by, paths of the ORM. is_number:
    right-aligned with tabular figures. largest_first: what the first click shows. may_be_unknown: rows may lack a value;
    they come last in either direction, which no index gives.
    """

    name: str
    words: str
    fields: tuple[str, ...]
    is_number: bool = False
    largest_first: bool = False
    may_be_unknown: bool = False


@dataclass(frozen=True)
class Sorting:
    """How a table is sorted: `?sort=name` ascending, `?sort=-name` descending."""

    columns: Sequence[Column]
    column: Column
    descending: bool

    @classmethod
    def asked(cls, request: HttpRequest, columns: Sequence[Column], default: str) -> "Sorting":
        """What the address asks for; the default ("-started" as in the address) for a word that names no column."""
        known = {column.name: column for column in columns}
        word = request.GET.get("sort", "")
        if word.removeprefix("-") not in known:
            word = default
        return cls(columns, known[word.removeprefix("-")], word.startswith("-"))

    def order(self, *, unknown_last: bool | None = None) -> list[OrderBy]:
        """Expressions for `order_by`, with the primary key last so that pages never overlap.

        unknown_last: False for rows that all have a value; the column's own word when left out.
        """
        last = (self.column.may_be_unknown if unknown_last is None else unknown_last) or None
        fields = [
            F(field).desc(nulls_last=last) if self.descending else F(field).asc(nulls_last=last)
            for field in self.column.fields
        ]
        return [*fields, F("pk").desc() if self.descending else F("pk").asc()]

    def direction(self, column: Column) -> str:
        """The value of aria-sort for a column."""
        if column != self.column:
            return "none"
        return "descending" if self.descending else "ascending"

    def next_word(self, column: Column) -> str:
        """The value of `?sort=` that a click on the column's heading asks for."""
        descending = not self.descending if column == self.column else column.largest_first
        return f"-{column.name}" if descending else column.name


class BoundedPaginator(Paginator):
    """Pages over at most ROWS_COUNTED rows, counted without looking at more."""

    def __init__(self, rows: QuerySet, per_page: int = ROWS_A_PAGE) -> None:
        super().__init__(rows, per_page)
        self.rows = rows

    @cached_property
    def counted(self) -> int:
        """The number of rows, at most one more than ROWS_COUNTED."""
        rows = self.rows.order_by()
        # Groups are counted as they are; another column would make other groups.
        bare = rows.values("pk") if rows.query.group_by is None else rows
        return bare[: ROWS_COUNTED + 1].count()

    @cached_property
    def count(self) -> int:
        """The number of rows that have a page."""
        return min(self.counted, ROWS_COUNTED)

    @property
    def has_more(self) -> bool:
        """Whether there are rows beyond the last page."""
        return self.counted > ROWS_COUNTED


def page_of(request: HttpRequest, rows: QuerySet) -> Page:
    """The page of 50 that `?page=` asks for; the nearest one where there is no such page. Two queries."""
    return BoundedPaginator(rows).get_page(request.GET.get("page"))


def sorted_page(request: HttpRequest, rows: QuerySet, sorting: Sorting) -> Page:
    """The same, sorted. Two queries; three where the column's values may be unknown.

    Where there are more rows with a value than a table lists, those without would never be shown: then only the others
    are asked for, which an index answers.
    """
    if sorting.column.may_be_unknown:
        known = rows.filter(**{f"{field}__isnull": False for field in sorting.column.fields})
        pages = BoundedPaginator(known.order_by(*sorting.order(unknown_last=False)))
        if pages.has_more:
            return pages.get_page(request.GET.get("page"))
    return page_of(request, rows.order_by(*sorting.order()))
