"""Budgets of projects in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from access.admin_base import PortalModelAdmin, ProjectFilter, RefusableForm, deed
from access.callers import Caller
from access.roles import Role
from runs.budgets import DEFAULT_THRESHOLDS, remove_budget, save_budget
from runs.models import Budget


class BudgetForm(RefusableForm):
    """A project's budget for each month."""

    class Meta:
        model = Budget
        fields = ("project", "monthly_usd", "thresholds", "hard_stop")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["thresholds"].required = False
        if not self.instance.pk:
            self.initial.setdefault("thresholds", list(DEFAULT_THRESHOLDS))


@admin.register(Budget)
class BudgetAdmin(PortalModelAdmin):
    """What projects may cost in a month."""

    form = BudgetForm
    list_display = ("project", "monthly_usd", "told_at_percent", "hard_stop")
    list_filter = (ProjectFilter,)
    list_select_related = ("project",)
    ordering = ("project__name",)
    fields = ("project", "monthly_usd", "thresholds", "hard_stop")
    deeds = ("remove_budget",)

    def visible(self, caller: Caller) -> QuerySet:
        """Budgets of the projects in scope."""
        budgets = Budget.objects.all()
        return budgets if caller.project_ids is None else budgets.filter(project_id__in=caller.project_ids)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A budget stays with its project."""
        return ("project",) if obj else ()

    def save_by_verb(self, request: HttpRequest, caller: Caller, obj: Any, form: forms.ModelForm, change: bool) -> str:
        """Give a project a budget, or change it."""
        saved = save_budget(caller, obj.project, obj.monthly_usd, obj.thresholds or (), hard_stop=obj.hard_stop)
        obj.pk = saved.pk
        return "save_budget"

    @admin.display(description="told at (%)")
    def told_at_percent(self, budget: Budget) -> str:
        """The thresholds."""
        return ", ".join(map(str, budget.thresholds))

    @deed(
        "Remove budget",
        command="remove_budget",
        role=Role.ADMIN,
        look="bad",
        asks="Remove the budget “{name}”? Nobody is told of this project's costs then, and nothing stops its runs.",
    )
    def remove_budget(self, request: HttpRequest, caller: Caller, budget: Budget, answers: dict[str, Any]) -> str:
        """Take it away."""
        remove_budget(caller, budget)
        return f"Removed the budget of {budget.project.name}."
