"""Memory types: how they are called, look and fade."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminColorInputWidget

from access.admin_base import PortalModelAdmin, RefusableForm, deed
from access.callers import Caller
from access.roles import Role
from memories.appearance import kind_mark
from memories.models import MemoryType
from memories.type_editing import delete_type, save_type


class MemoryTypeForm(RefusableForm):
    """A type's name, words, fading and colour."""

    class Meta:
        model = MemoryType
        fields = ("name", "label", "half_life_days", "floor", "colour")
        widgets = {"colour": UnfoldAdminColorInputWidget}


@admin.register(MemoryType)
class MemoryTypeAdmin(PortalModelAdmin):
    """Types, with how many memories have each."""

    form = MemoryTypeForm
    list_display = ("marked", "name", "half_life", "floor", "memory_count")
    search_fields = ("name", "label")
    ordering = ("name",)
    fields = ("name", "label", "half_life_days", "floor", "colour")
    has_history = True
    deeds = ("delete_type",)

    def visible(self, caller: Caller) -> QuerySet:
        """All types; the counts are of what the reader sees."""
        counted = Q(memories__deleted_at=None)
        if caller.project_ids is not None:
            counted &= Q(memories__project_id__in=caller.project_ids)
        return MemoryType.objects.annotate(memories_now=Count("memories", filter=counted))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The name is how agents call the type and stays."""
        return ("name",) if obj else ()

    def save_by_verb(self, request: HttpRequest, caller: Caller, obj: Any, form: forms.ModelForm, change: bool) -> str:
        """Make or change a type."""
        obj._history_user = request.user
        save_type(caller, obj)
        return "save_memory_type"

    @admin.display(description="type", ordering="label")
    def marked(self, kind: MemoryType) -> SafeString:
        """Colour and word."""
        return kind_mark(kind)

    @admin.display(description="half-life (days)", ordering="half_life_days")
    def half_life(self, kind: MemoryType) -> str | SafeString:
        """Days until confidence halves."""
        return (
            f"{kind.half_life_days:g}"
            if kind.half_life_days
            else format_html('<span class="quiet">{}</span>', "never fades")
        )

    @admin.display(description="memories", ordering="memories_now")
    def memory_count(self, kind: Any) -> int:
        """Memories of the type in sight, deleted ones aside."""
        return int(kind.memories_now)

    @deed(
        "Delete",
        command="delete_memory_type",
        role=Role.OWNER,
        look="bad",
        asks="Delete the type “{name}”? No memory may have it.",
    )
    def delete_type(self, request: HttpRequest, caller: Caller, kind: MemoryType, answers: dict[str, Any]) -> str:
        """Only an unused type goes."""
        label = kind.label
        delete_type(caller, kind)
        return f"Deleted the type {label}."
