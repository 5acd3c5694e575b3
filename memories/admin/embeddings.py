"""Embedding spaces with their progress, and what waits to be embedded."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from access.admin_base import ChoiceFilter, PortalModelAdmin, deed
from access.appearance import state_label
from access.callers import Caller
from access.moments import relative_time
from access.roles import Role
from memories.appearance import lag_in_words, progress_bar
from memories.embedding.queue import queue_all
from memories.embedding.spaces import ATTEMPTS_BEFORE_FAILED, progress, retire_space
from memories.models import EmbeddingSpace, PendingEmbedding, SpaceState

SPACE_LOOKS = {SpaceState.ACTIVE: "good", SpaceState.BUILDING: "attention", SpaceState.RETIRED: ""}


class SpaceChangeList(ChangeList):
    """The list of spaces with their progress, measured once for all rows."""

    def get_results(self, request: HttpRequest) -> None:
        """The rows, each with `measured`; None for a retired space."""
        super().get_results(request)
        measured = {row.space.pk: row for row in progress()}
        for space in self.result_list:
            space.measured = measured.get(space.pk)


@admin.register(EmbeddingSpace)
class EmbeddingSpaceAdmin(PortalModelAdmin):
    """Embedding spaces: one model at one dimension each."""

    whole_portal = True
    may_add = may_change = False
    list_display = ("named", "state_shown", "embedded", "waiting", "failed", "lag", "made")
    list_display_links = ("named",)
    ordering = ("-created_at",)
    sortable_by = ()
    subject_kind = "embedding_space"
    fields = (
        "provider", "model", "dimensions", "url", "state_shown", "embedded", "waiting", "failed", "lag",
        "background_similarity", "made", "activated",
    )  # fmt: skip
    readonly_fields = fields
    deeds = ("embed_everything_again", "retire")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list that measures."""
        return SpaceChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The space, measured."""
        space = super().get_object(request, object_id, from_field)
        if space is not None:
            space.measured = next((row for row in progress() if row.space.pk == space.pk), None)
        return space

    @admin.display(description="space")
    def named(self, space: EmbeddingSpace) -> str:
        """Model and dimension."""
        return str(space)

    @admin.display(description="state")
    def state_shown(self, space: EmbeddingSpace) -> SafeString:
        """The state as a word and a shape."""
        return state_label(space.get_state_display().lower(), SPACE_LOOKS[SpaceState(space.state)])

    @admin.display(description="embedded", empty_value="–")
    def embedded(self, space: Any) -> SafeString | None:
        """The share of memories with up-to-date vectors."""
        return progress_bar(space.measured) if space.measured else None

    @admin.display(description="waiting", empty_value="–")
    def waiting(self, space: Any) -> int | None:
        """Memories that wait."""
        return space.measured.waiting if space.measured else None

    @admin.display(description="failed", empty_value="–")
    def failed(self, space: Any) -> int | None:
        """Memories that failed too often."""
        return space.measured.failed if space.measured else None

    @admin.display(description="lag", empty_value="–")
    def lag(self, space: Any) -> str | None:
        """Age of the oldest that waits."""
        return lag_in_words(space.measured) if space.measured else None

    @admin.display(description="made")
    def made(self, space: EmbeddingSpace) -> SafeString:
        """When it was made."""
        return relative_time(space.created_at)

    @admin.display(description="answers since")
    def activated(self, space: EmbeddingSpace) -> SafeString:
        """Since when search uses it."""
        return relative_time(space.activated_at, empty="not yet")

    @deed(
        "Embed everything again",
        command="reembed_all",
        role=Role.OWNER,
        applies=lambda space: space.state != SpaceState.RETIRED,
        asks="Embed every memory again in {name}? Search answers from the present vectors meanwhile.",
    )
    def embed_everything_again(
        self, request: HttpRequest, caller: Caller, space: EmbeddingSpace, answers: dict[str, Any]
    ) -> str:
        """Queue every memory in this space."""
        return f"Queued {queue_all(space)} memories in {space}."

    @deed(
        "Retire",
        command="retire_embedding_space",
        role=Role.OWNER,
        look="bad",
        applies=lambda space: space.state != SpaceState.RETIRED,
        asks="Retire {name}? Its vectors and index are removed.",
    )
    def retire(self, request: HttpRequest, caller: Caller, space: EmbeddingSpace, answers: dict[str, Any]) -> str:
        """Free its vectors."""
        retire_space(space)
        return f"Retired {space}."


class TroubleFilter(ChoiceFilter):
    """By whether embedding has failed so far."""

    title = "trouble"
    parameter_name = "trouble"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Given up, or being tried again."""
        return [("failed", "Given up"), ("retrying", "Being tried again")]

    def filtered(self, request: HttpRequest, queryset: QuerySet, value: str) -> QuerySet:
        """Rows in such trouble."""
        if value == "failed":
            return queryset.filter(attempts__gte=ATTEMPTS_BEFORE_FAILED)
        return queryset.filter(attempts__gt=0, attempts__lt=ATTEMPTS_BEFORE_FAILED)


@admin.register(PendingEmbedding)
class PendingEmbeddingAdmin(PortalModelAdmin):
    """Memories that wait for their vectors, with what went wrong."""

    whole_portal = True
    may_add = may_change = False
    list_display = ("memory", "space", "queued", "attempts", "tried_again", "last_error")
    list_filter = (TroubleFilter,)
    list_select_related = ("memory", "space")
    search_fields = ("memory__title", "last_error")
    ordering = ("queued_at",)
    subject_kind = "pending_embedding"
    fields = ("memory", "space", "queued", "attempts", "tried_again", "last_error")
    readonly_fields = fields
    deeds = ("try_again",)

    @admin.display(description="waiting since", ordering="queued_at")
    def queued(self, pending: PendingEmbedding) -> SafeString:
        """Since when it waits."""
        return relative_time(pending.queued_at)

    @admin.display(description="next try", ordering="not_before")
    def tried_again(self, pending: PendingEmbedding) -> SafeString:
        """When a worker may take it."""
        return relative_time(pending.not_before)

    @deed("Try again", command="retry_embedding", role=Role.ADMIN, look="main", bulk="Try again")
    def try_again(
        self, request: HttpRequest, caller: Caller, pending: PendingEmbedding, answers: dict[str, Any]
    ) -> str:
        """Forget the failures and take it at once."""
        queue_all(pending.space, [pending.memory_id])
        return f"“{pending.memory}” is tried again at once."
