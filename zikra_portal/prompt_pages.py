"""The page of prompts: what each is run for, how well that goes, and what it costs."""

import uuid
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from access.callers import Caller
from access.pages import caller_of
from access.roles import Role
from memories.models import Memory, MemoryQuerySet
from memories.prompts import prompts_in_sight
from runs.prompt_sums import PromptSums, prompt_sums
from runs.visibility import may_see_costs
from zikra_portal.frame import frame_of, projects_asked
from zikra_portal.tables import ROWS_A_PAGE, ROWS_COUNTED, Column, Sorting

# Sorted by PostgreSQL.
OWN_COLUMNS = (
    Column("title", "Title", ("title",)),
    Column("project", "Project", ("project__name",)),
    Column("version", "Version", ("version",), is_number=True, largest_first=True),
    Column("changed", "Last change", ("updated_at",), largest_first=True),
)
# Sorted here, by the sums that one statement answers.
RUN_COLUMNS = (
    Column("runs", "Runs", ("runs",), is_number=True, largest_first=True, may_be_unknown=True),
    Column("success", "Success", ("succeeded",), is_number=True, largest_first=True, may_be_unknown=True),
    Column("duration", "Mean time", ("mean_duration",), is_number=True, largest_first=True, may_be_unknown=True),
    Column("last", "Last run", ("last_run_at",), largest_first=True, may_be_unknown=True),
)
COST_COLUMNS = (
    Column("mean", "Mean cost", ("mean_usd",), is_number=True, largest_first=True, may_be_unknown=True),
    Column("cost", "Total cost", ("total_usd",), is_number=True, largest_first=True, may_be_unknown=True),
)
NO_RUNS = PromptSums()


class PromptFilters(forms.Form):
    """The filters, by the words of the address."""

    q = forms.CharField(required=False, label="Words", widget=forms.TextInput({"type": "search"}))
    run = forms.ChoiceField(
        required=False, label="Has run", choices=[("", "All"), ("yes", "At least once"), ("never", "Never")]
    )

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request.GET, use_required_attribute=False)


@dataclass(frozen=True)
class PromptRow:
    """A prompt and what its runs came to."""

    prompt: Memory
    sums: PromptSums


@login_required
def prompts(request: HttpRequest) -> HttpResponse:
    """The table of prompts in sight; of one project with `?project=`."""
    caller = caller_of(request)
    project_ids = projects_asked(request)
    form = PromptFilters(request)
    form.is_valid()
    shows_costs = may_see_costs(caller)
    columns = (*OWN_COLUMNS, *RUN_COLUMNS, *(COST_COLUMNS if shows_costs else ()))
    sorting = Sorting.asked(request, columns, "-last")
    page, rows = prompts_page(request, caller, project_ids, form.cleaned_data, sorting)
    context = {
        "form": form,
        "page": page,
        "rows": rows,
        "sorting": sorting,
        "shows_costs": shows_costs,
        "is_bound": any(form.cleaned_data.values()),
        "kept": [(name, request.GET[name]) for name in ("project", "sort") if request.GET.get(name)],
        "clear": f"{reverse('prompts')}{frame_of(request).of_project}",
        "may_write": caller.may(Role.COLLABORATOR),
        "portal_url": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "prompts/prompts.html", context)


def prompts_page(
    request: HttpRequest, caller: Caller, project_ids: list[int] | None, asked: dict[str, Any], sorting: Sorting
) -> tuple[Page, list[PromptRow]]:
    """The page of 50 that the address asks for. Three queries: the prompts' ids, the sums, the page's prompts."""
    found = prompts_in_sight(caller, project_ids).saying(asked.get("q", ""))
    ids = _ids(found, sorting)
    sums = prompt_sums(caller, ids)
    if asked.get("run"):
        ids = [key for key in ids if (key in sums) == (asked["run"] == "yes")]
    if sorting.column not in OWN_COLUMNS:
        ids = _by_sums(ids, sums, sorting)
    page = Paginator(ids, ROWS_A_PAGE).get_page(request.GET.get("page"))
    rows = found.filter(pk__in=list(page.object_list)).select_related("project").defer("content_md", "resolution")
    by_id = {prompt.pk: prompt for prompt in rows}
    return page, [PromptRow(by_id[key], sums.get(key, NO_RUNS)) for key in page.object_list if key in by_id]


def _ids(found: MemoryQuerySet, sorting: Sorting) -> list[uuid.UUID]:
    ordered = found.order_by(*sorting.order()) if sorting.column in OWN_COLUMNS else found.order_by("title", "pk")
    return list(ordered.values_list("pk", flat=True)[:ROWS_COUNTED])


def _by_sums(ids: list[uuid.UUID], sums: dict[uuid.UUID, PromptSums], sorting: Sorting) -> list[uuid.UUID]:
    """The ids by a column of sums, those without a value last in either direction."""

    def value(key: uuid.UUID) -> Any:
        return getattr(sums.get(key, NO_RUNS), sorting.column.fields[0])

    known = [key for key in ids if key in sums and value(key) is not None]
    unknown = [key for key in ids if key not in sums or value(key) is None]
    return [*sorted(known, key=value, reverse=sorting.descending), *unknown]
