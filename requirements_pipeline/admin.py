"""Requirements in the admin, to read."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from access.admin_base import ChoiceFilter, PortalModelAdmin, ProjectFilter
from access.appearance import state_label
from access.moments import relative_time
from memories.rendering import rendered
from requirements_pipeline.models import Requirement, RequirementState

STATE_LOOKS = {
    RequirementState.DONE: "good",
    RequirementState.REJECTED: "bad",
    RequirementState.ON_HOLD: "attention",
    RequirementState.SUBMITTED: "attention",
}


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
        return state_label(requirement.get_state_display(), STATE_LOOKS.get(RequirementState(requirement.state), ""))

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
