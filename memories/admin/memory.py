"""The memories' pages: list with hybrid search, reading, editing, versions."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.forms.models import construct_instance
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from access.admin_base import DOOR, ROWS_A_PAGE, PortalModelAdmin, ProjectFilter, RefusableForm, deed
from access.appearance import state_label
from access.callers import Caller
from access.errors import Refusal
from access.moments import relative_time
from access.pages import caller_of
from access.roles import Role
from memories.admin.filters import PinnedFilter, StaleFilter, StateFilter, TagFilter, TypeFilter
from memories.appearance import STATE_LOOKS, confidence_in_words, kind_mark
from memories.curating import archive_memory, confirm_memory, pin_memory, unarchive_memory, unpin_memory
from memories.deleting import delete_memory, purge_memory, restore_memory
from memories.embedding.spaces import start_reembedding
from memories.models import Memory, MemoryVersion
from memories.reading import link_resolver, links_in, links_out, links_waiting
from memories.rendering import rendered
from memories.saving import restore_version, save_memory
from memories.search import LIMIT_AT_MOST, SearchAnswer, search
from memories.uses import run_learnt_in, runs_given
from memories.versions import compare_versions

# The list cuts its rows itself; snippets are not shown there, so the token budget should never cut it short.
SEARCH_TOKENS = 1_000_000
# The newest are what one asks about; a memory that many read would fill the page.
RUNS_SHOWN = 20
EDITED_FIELDS = ("content_md", "resolution", "module", "tags", "source_file", "stated_confidence", "seen_version")


class MemoryForm(RefusableForm):
    """What a person writes of a memory. Its address (project, type, title) is fixed once it is made."""

    field_names = {"confidence": "stated_confidence", "memory_type": "memory_type"}

    content_md = forms.CharField(
        label="Content", required=False, strip=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 16}),
        help_text="Markdown. [[Another title]] links to that memory.",
    )  # fmt: skip
    tags = forms.CharField(
        label="Tags", required=False, widget=UnfoldAdminTextInputWidget, help_text="Separated by commas."
    )
    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Memory
        fields = ("project", "memory_type", "title", *(name for name in EDITED_FIELDS if name != "seen_version"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.version_now = self.instance.version
        self.initial["tags"] = ", ".join(self.instance.tags or [])
        self.initial["seen_version"] = self.version_now

    def clean_content_md(self) -> str:
        """Lines end as they were stored: browsers send every line end as two characters."""
        return str(self.cleaned_data["content_md"]).replace("\r\n", "\n")

    def clean_resolution(self) -> str:
        """As the content."""
        return str(self.cleaned_data["resolution"]).replace("\r\n", "\n")

    def clean_tags(self) -> list[str]:
        """The tags between the commas."""
        return [tag.strip() for tag in self.cleaned_data["tags"].split(",") if tag.strip()]

    def clean(self) -> dict[str, Any]:
        """Refuse to overwrite what somebody saved meanwhile, and to add what exists."""
        cleaned = super().clean()
        seen = cleaned.get("seen_version")
        if self.instance._state.adding:
            self._refuse_existing(cleaned)
        elif seen is not None and seen != self.version_now:
            self.data = cast(QueryDict, self.data).copy()
            self.data["seen_version"] = str(self.version_now)
            self.add_error(
                None,
                f"Version {self.version_now} was saved while you were editing version {seen}. Compare under History, "
                "then save again to put your text on top.",
            )
        return cleaned

    def _post_clean(self) -> None:
        """Only put the data into the instance: whether it can be saved is the verb's to say, in its words."""
        self.instance = construct_instance(self, self.instance, self._meta.fields, self._meta.exclude)

    def _refuse_existing(self, cleaned: dict[str, Any]) -> None:
        address = {name: cleaned.get(name) for name in ("project", "memory_type", "title")}
        if all(address.values()) and Memory.objects.filter(**address, deleted_at=None).exists():
            self.add_error("title", "This project has a memory of this type and title already. Edit that one.")


class PinForm(forms.Form):
    """Why a memory is pinned."""

    reason = forms.CharField(max_length=400, label="Why it must not fade", widget=UnfoldAdminTextInputWidget)


class VersionForm(forms.Form):
    """Which version to bring back."""

    number = forms.IntegerField(min_value=1)


def is_kept(memory: Memory) -> bool:
    """Not deleted."""
    return memory.deleted_at is None


def is_deleted(memory: Memory) -> bool:
    """Deleted and restorable."""
    return memory.deleted_at is not None


@admin.register(Memory)
class MemoryAdmin(PortalModelAdmin):
    """Memories, for reading, curating and editing."""

    form = MemoryForm
    list_display = ("named", "kind", "project_shown", "confidence_shown", "state_shown", "version", "updated")
    list_filter = (ProjectFilter, TypeFilter, StateFilter, TagFilter, PinnedFilter, StaleFilter)
    search_fields = ("title",)
    search_help_text = "Search by meaning and by words"
    ordering = ("-updated_at", "id")
    has_history = True
    history_role = Role.GUEST
    change_form_outer_before_template = "admin/memories/memory/reading.html"
    deeds = (
        "confirm", "pin", "unpin", "archive", "unarchive", "embed_again", "delete", "restore", "purge",
        "restore_version",
    )  # fmt: skip

    # --- sight ----------------------------------------------------------------------------------------------------

    def visible(self, caller: Caller) -> QuerySet:
        """Memories in scope; deleted ones too for those who may restore them."""
        kept = Memory.objects.visible_to(caller)
        everything = kept | Memory.objects.deleted_visible_to(caller) if caller.may(Role.ADMIN) else kept
        return everything.select_related("project", "memory_type").with_confidence()

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """As `visible`; lists leave the long texts where they are."""
        rows = super().get_queryset(request)
        name = request.resolver_match.url_name if request.resolver_match else ""
        return rows.defer("content_md", "resolution") if name == "memories_memory_changelist" else rows

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """What the hybrid search finds among the rows, best first; deleted ones, which it never finds, by title."""
        if not search_term.strip():
            return queryset, False
        if request.GET.get("state") == "deleted":
            return queryset.filter(title__icontains=search_term.strip().replace("\x00", "")), False
        answer = self._answer(request, search_term)
        best_first = [result.memory.pk for result in answer.results]
        found = queryset.filter(pk__in=best_first)
        if "o" not in request.GET:
            rank = Case(
                *(When(pk=pk, then=Value(place)) for place, pk in enumerate(best_first)),
                default=Value(0),
                output_field=IntegerField(),
            )
            found = found.order_by(rank)
        return found, False

    def _answer(self, request: HttpRequest, search_term: str) -> SearchAnswer:
        """The search's answer, asked once a request, bounded by the list's project and type."""
        kept = getattr(request, "search_answer", None)
        if isinstance(kept, SearchAnswer):
            return kept
        project, kind = request.GET.get("project", ""), request.GET.get("type", "")
        try:
            answer = search(
                caller_of(request, DOOR),
                search_term.replace("\x00", ""),
                project_ids=[int(project)] if project.isdecimal() else None,
                memory_types=[kind.replace("\x00", "")] if kind else (),
                limit=LIMIT_AT_MOST,
                max_tokens=SEARCH_TOKENS,
                include_archived=request.GET.get("state") != "live",
            )
        except Refusal as refusal:
            answer = SearchAnswer([], 0, warning=refusal.message)
        if answer.warning:
            messages.warning(request, answer.warning)
        request.search_answer = answer  # type: ignore[attr-defined]
        return answer

    # --- rights and forms -----------------------------------------------------------------------------------------

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deleted memories are read and restored, not edited."""
        return super().has_change_permission(request, obj) and not (isinstance(obj, Memory) and is_deleted(obj))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The address first while it is open; nothing to edit for those who only read."""
        if obj is None:
            return ((None, {"fields": ("project", "memory_type", "title")}), ("Text", {"fields": EDITED_FIELDS}))
        return (("Edit", {"fields": EDITED_FIELDS}),) if self.has_change_permission(request, obj) else ()

    def save_by_verb(self, request: HttpRequest, caller: Caller, obj: Any, form: forms.ModelForm, change: bool) -> str:
        """Save under the memory's address: a new one, or its next version."""
        data = form.cleaned_data
        saved = save_memory(
            caller,
            obj.project,
            obj.memory_type_id,
            obj.title,
            content_md=data["content_md"],
            resolution=data["resolution"],
            module=data["module"],
            tags=data["tags"],
            source_file=data["source_file"],
            confidence=data["stated_confidence"],
        )
        obj.pk, obj.title, obj.version = saved.memory.pk, saved.memory.title, saved.memory.version
        return "save_memory"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The page, with the memory as it reads and what stands around it."""
        memory = kwargs.get("obj")
        if memory is not None:
            caller = caller_of(request, DOOR)
            # A form that failed has changed the instance: what is read is what is stored.
            stored = self.visible(caller).get(pk=memory.pk)
            context["memory"] = stored
            context["content"] = rendered(stored.content_md, link_resolver(caller, stored))
            context["resolution"] = (
                rendered(stored.resolution, link_resolver(caller, stored)) if stored.resolution else ""
            )
            context["links_out"], context["links_in"] = links_out(caller, stored), links_in(caller, stored)
            context["learnt_in"] = run_learnt_in(caller, stored)
            context["given_to"] = list(runs_given(caller, stored)[:RUNS_SHOWN])
            context["links_waiting"] = links_waiting(stored)
            context["state"] = self.state_shown(stored)
            context["kind"] = self.kind(stored)
            context["confidence"] = self.confidence_shown(stored)
            context["pending"] = list(stored.pending_embeddings.select_related("space"))
        return super().render_change_form(request, context, *args, **kwargs)

    # --- columns --------------------------------------------------------------------------------------------------

    @admin.display(description="title", ordering="title")
    def named(self, memory: Memory) -> SafeString:
        """Title, with a mark when it is pinned."""
        pin = (
            format_html(' <span class="pin" title="{}">◆ pinned</span>', memory.pin_reason) if memory.pinned_at else ""
        )
        return format_html('<span class="title-cell">{}{}</span>', memory.title, pin)

    @admin.display(description="type", ordering="memory_type")
    def kind(self, memory: Memory) -> SafeString:
        """The type's colour and word."""
        return kind_mark(memory.memory_type)

    @admin.display(description="project", ordering="project__name")
    def project_shown(self, memory: Memory) -> SafeString:
        """The project's name, which may be long."""
        return format_html('<span class="project-cell">{}</span>', memory.project)

    @admin.display(description="confidence", ordering="confidence_now")
    def confidence_shown(self, memory: Any) -> SafeString:
        """Confidence at this moment, as PostgreSQL computes it."""
        return confidence_in_words(memory.confidence_now)

    @admin.display(description="state")
    def state_shown(self, memory: Memory) -> SafeString:
        """The state as a word and a shape."""
        return state_label(memory.state, STATE_LOOKS[memory.state])

    @admin.display(description="updated", ordering="updated_at")
    def updated(self, memory: Memory) -> SafeString:
        """When its text last changed."""
        return relative_time(memory.updated_at)

    # --- deeds ----------------------------------------------------------------------------------------------------

    @deed("Confirm", command="confirm_memory", role=Role.COLLABORATOR, applies=is_kept, look="main", bulk="Confirm")
    def confirm(self, request: HttpRequest, caller: Caller, memory: Memory, answers: dict[str, Any]) -> str:
        """It is still true: the decay clock starts again."""
        confirm_memory(caller, memory)
        return f"Confirmed “{memory}”: its clock starts again."

    @deed(
        "Pin",
        command="pin_memory",
        role=Role.ADMIN,
        form_class=PinForm,
        applies=lambda memory: is_kept(memory) and memory.pinned_at is None,
    )
    def pin(self, request: HttpRequest, caller: Caller, memory: Memory, answers: dict[str, Any]) -> str:
        """Exempt from decay, first in every session."""
        pin_memory(caller, memory, answers["reason"])
        return f"Pinned “{memory}”."

    @deed(
        "Unpin",
        command="unpin_memory",
        role=Role.ADMIN,
        applies=lambda memory: is_kept(memory) and memory.pinned_at is not None,
    )
    def unpin(self, request: HttpRequest, caller: Caller, memory: Memory, answers: dict[str, Any]) -> str:
        """Let it fade again."""
        unpin_memory(caller, memory)
        return f"Unpinned “{memory}”: it fades from now on."

    @deed(
        "Archive",
        command="archive_memory",
        role=Role.ADMIN,
        bulk="Archive",
        applies=lambda memory: memory.state == "live",
    )
    def archive(self, request: HttpRequest, caller: Caller, memory: Memory, answers: dict[str, Any]) -> str:
        """Hide from search."""
        archive_memory(caller, memory)
        return f"Archived “{memory}”: search leaves it out unless archived ones are asked for."

    @deed(
        "Unarchive",
        command="unarchive_memory",
        role=Role.ADMIN,
        bulk="Unarchive",
        applies=lambda memory: memory.state == "archived",
    )
    def unarchive(self, request: HttpRequest, caller: Caller, memory: Memory, answers: dict[str, Any]) -> str:
        """Let search find it again."""
        unarchive_memory(caller, memory)
        return f"Search finds “{memory}” again."

    @deed("Embed again", command="reembed_memory", role=Role.ADMIN, applies=is_kept, bulk="Embed again")
    def embed_again(self, request: HttpRequest, caller: Caller, memory: Memory, answers: dict[str, Any]) -> str:
        """Queue it for new vectors; the present ones answer meanwhile."""
        queued = start_reembedding([memory.pk])
        return (
            f"Queued “{memory}” for embedding." if queued else "No embedder is set up: there is nothing to embed with."
        )

    @deed(
        "Delete",
        command="delete_memory",
        role=Role.ADMIN,
        applies=is_kept,
        look="bad",
        bulk="Delete",
        asks="Delete “{name}”? It leaves search and lists, and can be restored.",
    )
    def delete(self, request: HttpRequest, caller: Caller, memory: Memory, answers: dict[str, Any]) -> str:
        """Hide it everywhere; restorable."""
        delete_memory(caller, memory)
        return f"Deleted “{memory}”. It can be restored."

    @deed("Restore", command="restore_memory", role=Role.ADMIN, applies=is_deleted, look="main", bulk="Restore")
    def restore(self, request: HttpRequest, caller: Caller, memory: Memory, answers: dict[str, Any]) -> str:
        """Bring a deleted one back."""
        restore_memory(caller, memory)
        return f"Restored “{memory}”."

    @deed(
        "Purge",
        command="purge_memory",
        role=Role.OWNER,
        applies=is_deleted,
        look="bad",
        asks="Purge “{name}” for good? Its text, all versions, vectors and links are erased. This cannot be undone.",
    )
    def purge(self, request: HttpRequest, caller: Caller, memory: Memory, answers: dict[str, Any]) -> str:
        """Erase it for good."""
        title = memory.title
        purge_memory(caller, memory)
        return f"Purged “{title}”."

    @deed(
        "Restore this version", command="restore_version", role=Role.COLLABORATOR, form_class=VersionForm, on_page=False
    )
    def restore_version(self, request: HttpRequest, caller: Caller, memory: Memory, answers: dict[str, Any]) -> str:
        """Make an old version's text the newest one."""
        saved = restore_version(caller, memory, answers["number"])
        if saved.action == "unchanged":
            return f"Version {answers['number']} is what the memory says already. {saved.note}".strip()
        words = f"Version {answers['number']} of “{saved.memory}” is back, as version {saved.memory.version}."
        return f"{words} {saved.note}".strip()

    # --- versions -------------------------------------------------------------------------------------------------

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The versions, newest first, and what changed between two of them (`?old=1&new=3`; else the newest two)."""
        memory = self.get_object(request, object_id) if self.has_view_permission(request) else None
        if memory is None:
            raise Http404
        page = Paginator(MemoryVersion.objects.filter(memory=memory).defer("content_md"), ROWS_A_PAGE).get_page(
            request.GET.get("p")
        )
        new = _number(request.GET.get("new"), memory.version)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Versions: {memory}",
            "opts": self.opts,
            "original": memory,
            "page": page,
            "comparison": compare_versions(memory, _number(request.GET.get("old"), new - 1), new),
            "may_restore": caller_of(request, DOOR).may(Role.COLLABORATOR) and is_kept(memory),
            "restore_url": reverse("admin:memories_memory_do_restore_version", args=[memory.pk]),
            "back": self.page_of(memory),
        }
        return TemplateResponse(request, "admin/memories/memory/versions.html", context)


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else otherwise
