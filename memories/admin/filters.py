"""What the list of memories can be narrowed to."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import TextFilter

from access.admin_base import DOOR, ChoiceFilter
from access.pages import caller_of
from access.roles import Role
from memories.hygiene import DEFAULT_STALE_DAYS
from memories.models import MemoryType


class TypeFilter(ChoiceFilter):
    """By type."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All types, by name."""
        return list(MemoryType.objects.values_list("name", "label"))

    def filtered(self, request: HttpRequest, queryset: Any, value: str) -> Any:
        """Memories of the type."""
        return queryset.of_type(value)


class StateFilter(ChoiceFilter):
    """By state; deleted ones are shown only when asked for, to those who may restore them."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The states in the reader's sight."""
        states = [("live", "Live"), ("archived", "Archived")]
        return [*states, ("deleted", "Deleted")] if caller_of(request, DOOR).may(Role.ADMIN) else states

    def unfiltered(self, queryset: Any) -> Any:
        """Live and archived ones."""
        return queryset.filter(deleted_at=None)

    def filtered(self, request: HttpRequest, queryset: Any, value: str) -> Any:
        """Memories in the state."""
        if value == "deleted":
            return queryset.filter(deleted_at__isnull=False)
        return queryset.live() if value == "live" else queryset.filter(deleted_at=None, archived_at__isnull=False)


class TagFilter(TextFilter):
    """By one tag, written exactly."""

    title = "tag"
    parameter_name = "tag"

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Memories with the tag."""
        tag = " ".join((self.value() or "").replace("\x00", "").split())
        return queryset.filter(tags__contains=[tag]) if tag else queryset


class PinnedFilter(ChoiceFilter):
    """Only what a person pinned."""

    title = "pin"
    parameter_name = "pinned"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Pinned or not."""
        return [("yes", "Pinned"), ("no", "Not pinned")]

    def filtered(self, request: HttpRequest, queryset: Any, value: str) -> Any:
        """Pinned memories, or the others."""
        return queryset.pinned() if value == "yes" else queryset.filter(pinned_at=None)


class StaleFilter(ChoiceFilter):
    """Only what nobody saved, confirmed or read for a while."""

    title = "use"
    parameter_name = "stale"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Idle times in days."""
        return [(str(days), f"Idle for {days} days") for days in (DEFAULT_STALE_DAYS, 90, 365)]

    def filtered(self, request: HttpRequest, queryset: Any, value: str) -> Any:
        """Memories that have been idle so long."""
        return queryset.idle_since(timezone.now() - timedelta(days=int(value)))
