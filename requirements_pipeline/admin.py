"""Requirements in the admin, to read."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from access.admin_base import ChoiceFilter, PortalModelAdmin, ProjectFilter, RefusableForm, deed
from access.callers import Caller
from access.moments import relative_time
from access.roles import Role
from memories.rendering import rendered
from requirements_pipeline.appearance import requirement_state
from requirements_pipeline.models import TITLE_LENGTH, Requirement, RequirementState, RequirementTemplate
from requirements_pipeline.writing import delete_template, save_template


class RequirementStateFilter(ChoiceFilter):
    """By state."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The states."""
        return [(state.value, str(state.label)) for state in RequirementState]

    def filtered(self, request: HttpRequest, queryset: Any, value: str) -> Any:
        """Requirements in the state."""
        return queryset.with_status(value)


@admin.register(Requirement)
class RequirementAdmin(PortalModelAdmin):
    """Requirements and where they stand."""

    may_add = may_change = False
    list_display = ("title", "project", "state_shown", "priority", "created_by", "updated")
    list_filter = (ProjectFilter, RequirementStateFilter)
    list_select_related = ("project",)
    search_fields = ("title", "content_md", "module")
    ordering = ("priority", "-created_at")
    fields = (
        "title",
        "project",
        "state_shown",
        "priority",
        "content",
        "criteria",
        "module",
        "created_by",
        "promoted_by",
        "updated",
    )
    readonly_fields = fields

    @admin.display(description="state", ordering="state")
    def state_shown(self, requirement: Requirement) -> SafeString:
        """The state as a word and a shape."""
        return requirement_state(requirement)

    @admin.display(description="updated", ordering="updated_at")
    def updated(self, requirement: Requirement) -> SafeString:
        """When it last changed."""
        return relative_time(requirement.updated_at)

    @admin.display(description="content")
    def content(self, requirement: Requirement) -> SafeString:
        """The text as it reads."""
        return rendered(requirement.content_md)

    @admin.display(description="acceptance criteria")
    def criteria(self, requirement: Requirement) -> SafeString:
        """The criteria, one a line."""
        return rendered("\n".join(f"- {line}" for line in requirement.acceptance))


class RequirementTemplateForm(RefusableForm):
    """A template's fields."""

    # What is written after it follows its last blank.
    title_pattern = forms.CharField(
        required=False,
        strip=False,
        max_length=TITLE_LENGTH,
        widget=UnfoldAdminTextInputWidget,
        help_text="How its title begins, such as “Fix: ”.",
    )
    # Criteria hold commas: one stands on each line.
    acceptance = forms.CharField(
        required=False, widget=UnfoldAdminTextareaWidget, help_text="Acceptance criteria, one a line."
    )

    class Meta:
        model = RequirementTemplate
        fields = ("name", "title_pattern", "content_md", "acceptance", "priority", "module")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial["acceptance"] = "\n".join(self.instance.acceptance)

    def clean_acceptance(self) -> list[str]:
        """The criteria without empty lines."""
        return [line.strip() for line in self.cleaned_data["acceptance"].splitlines() if line.strip()]


@admin.register(RequirementTemplate)
class RequirementTemplateAdmin(PortalModelAdmin):
    """What new requirements start with."""

    form = RequirementTemplateForm
    list_display = ("name", "title_pattern", "priority", "module")
    search_fields = ("name", "title_pattern", "content_md")
    ordering = ("name",)
    fields = ("name", "title_pattern", "content_md", "acceptance", "priority", "module")
    has_history = True
    deeds = ("delete_template",)

    def visible(self, caller: Caller) -> QuerySet:
        """All templates: they belong to no project."""
        return RequirementTemplate.objects.all()

    def save_by_verb(self, request: HttpRequest, caller: Caller, obj: Any, form: forms.ModelForm, change: bool) -> str:
        """Make or change a template."""
        obj._history_user = request.user
        save_template(caller, obj)
        return "save_requirement_template"

    @deed(
        "Delete",
        command="delete_requirement_template",
        role=Role.OWNER,
        look="bad",
        asks="Delete the template “{name}”? Requirements that began with it stay.",
    )
    def delete_template(
        self, request: HttpRequest, caller: Caller, template: RequirementTemplate, answers: dict[str, Any]
    ) -> str:
        """New requirements are offered it no more."""
        name = template.name
        delete_template(caller, template)
        return f"Deleted the template {name}."
