"""Pages of costs: what was spent on what, as a page and as CSV, and pricing past runs again."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from access.callers import Caller
from access.errors import Forbidden, Invalid
from access.pages import caller_of
from access.roles import Role
from runs.budgets import budget_states
from runs.cost_filters import FILTERED, NONE, CostFilters, Period, Range, coarsened, days_of, read_filters
from runs.costs import (
    ANY_COSTS_HINT,
    CostGroup,
    CostReport,
    cost_report,
    dearest_groups,
    dearest_runs,
    is_rolled_up,
    offered_keys,
    unpriced_models,
)
from runs.days import today
from runs.models import Dimension
from runs.repricing import Preview, preview
from runs.tasks import reprice_runs
from runs.visibility import may_see_costs, may_see_people
from zikra_portal.cost_tables import WITHOUT, CostTables
from zikra_portal.frame import frame_of
from zikra_portal.tables import Column, Sorting

# A chart of more bars is a blur, and its page slow to draw: longer ranges are cut into coarser parts.
PARTS_AT_MOST = 120
# A person reads no longer table, and a phone draws none; the CSV has every group.
GROUPS_SHOWN = 50
REQUIREMENTS_SHOWN = 10
MODELS_NAMED = 5
DEFAULT_SORT = "-cost"

COLUMNS = (
    Column("name", "Name", ()),
    Column("cost", "Cost", (), is_number=True, largest_first=True),
    Column("change", "Change", (), is_number=True, largest_first=True),
    Column("runs", "Runs", (), is_number=True, largest_first=True),
    Column("tokens", "Tokens", (), is_number=True, largest_first=True),
    Column("savings", "Cache savings", (), is_number=True, largest_first=True),
    Column("unpriced", "Without price", (), is_number=True, largest_first=True),
)


class CostForm(forms.Form):
    """The filter bar; every field is a word of the address."""

    first = forms.DateField(label="From", widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    last = forms.DateField(label="To", widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    by = forms.CharField(label="By", widget=forms.Select(choices=Period.choices))
    group = forms.CharField(label="Grouped by", widget=forms.Select)
    person = forms.CharField(widget=forms.Select)
    agent = forms.CharField(widget=forms.Select)
    model = forms.CharField(widget=forms.Select)
    machine = forms.CharField(widget=forms.Select)
    mine = forms.CharField(label="Whose", widget=forms.Select(choices=[("", "Everybody's"), ("1", "Only mine")]))

    def __init__(self, caller: Caller, filters: CostFilters, offered: dict[Dimension, list[str]]) -> None:
        shown = {
            name: key or NONE for name, key in ((d.value, filters.only.get(d)) for d in FILTERED) if key is not None
        }
        initial = {"first": filters.first, "last": filters.last, "by": filters.by, "group": filters.group, **shown}
        super().__init__(initial={**initial, "mine": "1" if filters.mine else ""}, use_required_attribute=False)
        groups = [d for d in Dimension if d is not Dimension.PERSON or may_see_people(caller) or filters.mine]
        self.fields["group"].widget.choices = [(d.value, d.label) for d in groups]
        for dimension in (Dimension.PERSON, Dimension.AGENT, Dimension.MODEL, Dimension.MACHINE):
            if not offered.get(dimension) and dimension not in filters.only:
                del self.fields[dimension.value]
                continue
            names = sorted({*offered[dimension], filters.only.get(dimension, "")} - {""}, key=str.casefold)
            none = [(NONE, WITHOUT[dimension])] if filters.only.get(dimension) == "" else []
            choices = [("", "All"), *none, *((name, name) for name in names)]
            self.fields[dimension.value].widget.choices = choices


@dataclass(frozen=True)
class Asked:
    """What a request asks about costs: who asks, and for what."""

    caller: Caller
    filters: CostFilters
    report: CostReport
    tables: CostTables
    sorting: Sorting

    @property
    def sort(self) -> tuple[str, bool]:
        """The word and the direction that the table of groups is sorted by."""
        return self.sorting.column.name, self.sorting.descending


def _asked(request: HttpRequest, groups: int | None = GROUPS_SHOWN) -> Asked:
    """The report that an address asks for, with so many groups at most. Raises Http404, PermissionDenied or Invalid in
    words."""
    caller = caller_of(request)
    filters = coarsened(read_filters(request.GET, _project_asked(request)), PARTS_AT_MOST)
    try:
        report = cost_report(caller, filters, groups=groups)
    except Forbidden as refusal:
        raise PermissionDenied(refusal.hint) from None
    tables = CostTables(report, request.GET, sees_people=may_see_people(caller))
    return Asked(caller, filters, report, tables, Sorting.asked(request, COLUMNS, DEFAULT_SORT))


def _project_asked(request: HttpRequest) -> tuple[int, ...] | None:
    """The project that the address names, None for all. One out of sight is not found."""
    if not request.GET.get("project"):
        return None
    project = frame_of(request).project
    if project is None:
        raise Http404
    return (project.pk,)


View = Callable[[HttpRequest], HttpResponse]


def _for_who_sees_costs(view: View) -> View:
    """For people who see costs at all; what cannot be meant is told on the page, with status 400."""

    @login_required
    @require_safe
    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if not may_see_costs(caller_of(request)):
            raise PermissionDenied(ANY_COSTS_HINT)
        try:
            return view(request)
        except Invalid as refusal:
            return render(request, "costs/not_understood.html", {"problem": refusal.message}, status=refusal.status)

    return guarded


@_for_who_sees_costs
def costs(request: HttpRequest) -> HttpResponse:
    """What runs cost in a range: figures, chart and tables. The address says which; `?project=` is a name."""
    shorter = _without_days_of_range(request)
    if shorter:
        return HttpResponseRedirect(shorter)
    asked = _asked(request)
    return render(request, "costs/costs.html", {**_shown(request, asked), **_beside(asked)})


@_for_who_sees_costs
def costs_csv(request: HttpRequest) -> HttpResponse:
    """Every group of the page's table as CSV; with `?table=parts` the table behind its chart."""
    asked = _asked(request, groups=None)
    word, descending = asked.sort
    is_parts = request.GET.get("table") == "parts"
    text = asked.tables.csv_of_parts() if is_parts else asked.tables.csv_of_groups(word, descending=descending)
    name = f"costs-{asked.filters.first}-{asked.filters.last}.csv"
    # The mark lets spreadsheets read names in any alphabet.
    return HttpResponse(
        "\ufeff" + text,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _without_days_of_range(request: HttpRequest) -> str:
    """The filter bar sends a range and the days that it showed; while these are its days, the range alone says it."""
    words = request.GET.copy()
    named = words.get("range", "")
    if named not in Range.values or not (words.get("first") and words.get("last")):
        return ""
    if (words["first"], words["last"]) != tuple(map(str, days_of(Range(named), today()))):
        del words["range"]
    else:
        del words["first"], words["last"]
    return f"{request.path}?{words.urlencode()}"


def _shown(request: HttpRequest, asked: Asked) -> dict[str, Any]:
    """The form, the figures, the chart and the tables."""
    filters, tables = asked.filters, asked.tables
    word, descending = asked.sort
    kept = [name for name in ("project", "range", "sort", "prompt", "requirement") if request.GET.get(name)]
    return {
        "filters": filters,
        "is_coarser": request.GET.get("by", filters.by.value) != filters.by.value,
        "form": CostForm(asked.caller, filters, offered_keys(asked.caller, filters.project_ids)),
        "kept": [(name, request.GET[name]) for name in kept],
        "clear": f"{reverse('costs')}{frame_of(request).of_project}",
        "ranges": _ranges(request, filters),
        "total": asked.report.total,
        "before": asked.report.before,
        "rows": tables.rows(word, descending=descending),
        "left_out": asked.report.left_out,
        "sorting": asked.sorting,
        "tables": tables,
        "chart": tables.chart(),
        "address_of_csv": f"{reverse('costs-csv')}?{request.GET.urlencode()}",
        "sees_people": may_see_people(asked.caller),
    }


def _ranges(request: HttpRequest, filters: CostFilters) -> list[dict[str, object]]:
    """Links to the named ranges, which keep the other words."""
    found = []
    for named in Range:
        words = request.GET.copy()
        for name in ("first", "last", "by"):
            words.pop(name, None)
        words["range"] = named.value
        found.append(
            {"words": named.label, "address": f"?{words.urlencode()}", "is_shown": filters.named_range is named}
        )
    return found


def _beside(asked: Asked) -> dict[str, Any]:
    """What stands below the table: the dearest runs, requirements, models without a price, budgets."""
    caller, filters = asked.caller, asked.filters
    shows_requirements = filters.group is not Dimension.REQUIREMENT and (
        filters.mine or is_rolled_up(filters.grouped_by(Dimension.REQUIREMENT))
    )
    by_requirement = (
        dearest_groups(caller, filters, Dimension.REQUIREMENT, REQUIREMENTS_SHOWN) if shows_requirements else []
    )
    words = asked.tables.words
    inside = CostTables(
        CostReport(filters.grouped_by(Dimension.REQUIREMENT), by_requirement), words, sees_people=may_see_people(caller)
    )
    return {
        "dearest": dearest_runs(caller, filters),
        "requirements": inside.rows(),
        "unpriced": _unpriced(asked),
        "may_price": caller.may(Role.ADMIN) and caller.project_ids is None,
        "may_reprice": caller.may(Role.ADMIN),
        "budgets": budget_states(caller, filters.project_ids),
        "may_budget": caller.may(Role.ADMIN),
    }


def _unpriced(asked: Asked) -> list[CostGroup]:
    """The models that most tokens without a price went to; asked for only where the report does not know it already."""
    if not asked.report.total.unpriced_tokens:
        return []
    if asked.filters.group is not Dimension.MODEL or asked.report.left_out:
        return unpriced_models(asked.caller, asked.filters, MODELS_NAMED)
    named = [group for group in asked.report.groups if group.sums.unpriced_tokens and group.key is not None]
    return sorted(named, key=lambda group: -group.sums.unpriced_tokens)[:MODELS_NAMED]


# --- pricing again ---------------------------------------------------------------------------------------------------


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def reprice(request: HttpRequest) -> HttpResponse:
    """What pricing a range again would change, and the button that does it (as a background task)."""
    caller = caller_of(request)
    if not caller.may(Role.ADMIN):
        raise PermissionDenied("Pricing runs again needs the role admin.")
    try:
        filters = read_filters({name: request.GET.get(name, "") for name in ("range", "first", "last")})
    except Invalid as refusal:
        return render(request, "costs/not_understood.html", {"problem": refusal.message}, status=refusal.status)
    project_ids = _project_asked(request)
    found = preview(caller, filters.first, filters.last, project_ids)
    if request.method == "POST":
        return _begin_repricing(request, filters, project_ids, found)
    context = {"preview": found, "seen": _seen(found), "filters": filters, "ranges": _ranges(request, filters)}
    return render(request, "costs/reprice.html", {**context, "form": RangeForm(filters)})


class RangeForm(forms.Form):
    """The days to price again."""

    first = forms.DateField(label="From", widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    last = forms.DateField(label="To", widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))

    def __init__(self, filters: CostFilters) -> None:
        super().__init__(initial={"first": filters.first, "last": filters.last}, use_required_attribute=False)


def _begin_repricing(
    request: HttpRequest, filters: CostFilters, project_ids: tuple[int, ...] | None, found: Preview
) -> HttpResponse:
    """Hand it to the worker, unless what would change is not what the reader saw."""
    if request.POST.get("seen") != _seen(found):
        messages.warning(request, "Prices or runs have changed since; look at the differences again.")
    else:
        asked_by, bound = caller_of(request).member_id, None if project_ids is None else list(project_ids)
        assert asked_by is not None, "pages stand behind the login"
        days = (str(filters.first), str(filters.last))
        transaction.on_commit(lambda: reprice_runs.delay(asked_by, *days, bound))
        messages.success(
            request,
            "Pricing again has begun. This page shows what is left of it; the audit trail tells when it is done.",
        )
    return HttpResponseRedirect(request.get_full_path())


def _seen(found: Preview) -> str:
    """The differences in short: whoever confirms them confirms these."""
    return f"{found.rows} {found.old_usd} {found.new_usd}"
