"""Runs in the admin, to read."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from access.admin_base import PortalModelAdmin, ProjectFilter
from access.moments import relative_time
from runs.appearance import run_state
from runs.models import Run


@admin.register(Run)
class RunAdmin(PortalModelAdmin):
    """Runs of agents, as they were reported."""

    may_add = may_change = False
    list_display = (
        "finished",
        "project",
        "runner",
        "status_shown",
        "model",
        "tokens_input",
        "tokens_output",
        "cost",
        "prompt_name",
    )
    list_filter = (ProjectFilter,)
    list_select_related = ("project",)
    search_fields = ("runner", "session_id", "prompt_name", "output_summary", "model")
    ordering = ("-started_at",)
    fields = (
        "project", "runner", "session_id", "status_shown", "prompt_name", "output_summary", "model", "tokens_input",
        "tokens_output", "tokens_cache_read", "tokens_cache_write_5m", "tokens_cache_write_1h", "cost", "files_modified", "duration_s",
        "finished", "reported_by", "person", "agent",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="finished", ordering="finished_at")
    def finished(self, run: Run) -> SafeString:
        """When it ended."""
        return relative_time(run.finished_at)

    @admin.display(description="status", ordering="status")
    def status_shown(self, run: Run) -> SafeString:
        """How it ended, as a word and a shape."""
        return run_state(run)

    @admin.display(description="cost (USD)", ordering="cost_usd", empty_value="–")
    def cost(self, run: Run) -> SafeString | str | None:
        """The reported cost."""
        if run.cost_usd is None:
            return None
        if 0 < run.cost_usd < 1 / 100:
            return "< $0.01"
        return format_html('<span class="figures">${}</span>', f"{run.cost_usd:,.2f}")
