"""Writing a memory in the browser: a new one, or a newer text of one."""

import uuid
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from access.callers import Caller
from access.errors import Conflict, Invalid, NotFound, refusal_in_words
from access.models import Project
from access.pages import caller_of
from access.roles import Role
from api.answers import memory_subject
from memories.models import NAME_LENGTH, TITLE_LENGTH, Memory, MemoryType, MemoryVersion
from memories.reading import link_resolver
from memories.rendering import rendered
from memories.saving import VERSIONED_FIELDS, SavedMemory, edit_memory, save_memory
from zikra_portal.deeds import UNDO_SECONDS, Done, Outcome, attempt, deed_view, tell
from zikra_portal.frame import frame_of
from zikra_portal.memory_deeds import kept_memory
from zikra_portal.session_ended import typed_before

EDIT_SALT = "zikra_portal.memory_editor.take_back"
DEFAULT_TYPE = "note"
SAVED_FIELDS = ("content_md", "resolution", "module", "tags", "source_file", "confidence")


class MemoryForm(forms.Form):
    """What a person writes of a memory. Lengths and shares are the verb's to check, in its words."""

    project = forms.ModelChoiceField(Project.objects.none(), to_field_name="name", empty_label=None)
    memory_type = forms.ModelChoiceField(MemoryType.objects.all(), label="Type", empty_label=None)
    title = forms.CharField(max_length=TITLE_LENGTH, help_text="Its address within project and type.")
    content_md = forms.CharField(
        label="Text", required=False, strip=False, widget=forms.Textarea({"rows": 16}),
        help_text="Markdown. [[Another title]] links to that memory. Secrets are masked when it is saved.",
    )  # fmt: skip
    resolution = forms.CharField(
        required=False, strip=False, widget=forms.Textarea({"rows": 4}), help_text="How the matter was settled."
    )
    tags = forms.CharField(required=False, help_text="Separated by commas.")
    module = forms.CharField(required=False, max_length=NAME_LENGTH, help_text="Part of the code that it is about.")
    source_file = forms.CharField(label="Source", required=False, max_length=NAME_LENGTH * 5)
    confidence = forms.FloatField(
        label="Stated confidence", required=False, min_value=0, max_value=1,
        widget=forms.NumberInput({"step": "any"}), help_text="How sure it is, from 0 to 1; 1 when left out.",
    )  # fmt: skip
    expected_version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, caller: Caller, *args: Any, memory: Memory | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        projects = self.fields["project"]
        assert isinstance(projects, forms.ModelChoiceField)
        projects.queryset = Project.objects.visible_to(caller).order_by("name")
        if memory is not None:
            del self.fields["project"]
        for name in ("title", "content_md", "resolution", "tags"):
            self.fields[name].widget.attrs["dir"] = "auto"

    def clean_content_md(self) -> str:
        """Lines end as they were stored: browsers send every line end as two characters."""
        return str(self.cleaned_data["content_md"]).replace("\r\n", "\n")

    def clean_resolution(self) -> str:
        """As the text."""
        return str(self.cleaned_data["resolution"]).replace("\r\n", "\n")

    def clean_tags(self) -> list[str]:
        """The tags between the commas."""
        return [tag.strip() for tag in self.cleaned_data["tags"].split(",") if tag.strip()]

    def clean_confidence(self) -> float:
        """A share; left out, certainty."""
        share = self.cleaned_data["confidence"]
        return 1.0 if share is None else float(share)

    def text(self) -> dict[str, Any]:
        """The verbs' arguments for the text."""
        return {name: self.cleaned_data[name] for name in SAVED_FIELDS}

    def show(self, outcome: Outcome) -> None:
        """A refusal beside the field that is to blame, or on top."""
        assert outcome.refusal is not None
        problems = outcome.refusal.extra.get("fields") or {}
        for name in problems.keys() & self.fields.keys():
            self.add_error(name, list(problems[name]))
        if not problems.keys() & self.fields.keys():
            self.add_error(None, refusal_in_words(outcome.refusal))


@login_required
def new(request: HttpRequest) -> HttpResponse:
    """Write a new memory."""
    caller = caller_of(request)
    if not caller.may(Role.COLLABORATOR):
        raise PermissionDenied("Writing memories needs the role collaborator.")
    given = {name: request.GET.get(name, "").replace("\x00", "") for name in ("title", "content_md", "tags")}
    project = frame_of(request).project
    start = {**given, "project": project.name if project else "", "memory_type": request.GET.get("type", DEFAULT_TYPE)}
    form = MemoryForm(caller, request.POST or typed_before(request), initial=start)
    if request.method == "POST" and form.is_valid() and "preview" not in request.POST:
        outcome = attempt(request, "save_memory", lambda caller: _made(caller, form), kind="memory")
        if outcome.is_done:
            return _to_page(request, outcome)
        form.show(outcome)
    return _page(request, form, None)


def _made(caller: Caller, form: MemoryForm) -> Done:
    """Save the form as a new memory. Raises Invalid where there is one of this address already."""
    data = form.cleaned_data
    project, kind, title = data["project"], data["memory_type"], " ".join(data["title"].split())
    if Memory.objects.visible_to(caller).within([project.pk]).of_type(kind.pk).titled(title).exists():
        problem = "This project has a memory of this type and title already."
        raise Invalid(problem, hint="Edit that one, or choose another title.", fields={"title": [problem]})
    memory = save_memory(caller, project, kind.pk, title, **form.text()).memory
    undo = reverse("memory-delete", args=[memory.pk]) if caller.may(Role.ADMIN) else ""
    return Done(f"Saved “{memory.title}”.", memory_subject(memory), undo, "created", memory)


@login_required
def edit(request: HttpRequest, memory_id: uuid.UUID) -> HttpResponse:
    """Change a memory, unless somebody has saved a newer version since the form was opened."""
    caller = caller_of(request)
    memory = _editable(caller, memory_id)
    start = {**{name: getattr(memory, name, "") for name in SAVED_FIELDS}, "title": memory.title}
    start |= {"memory_type": memory.memory_type_id, "tags": ", ".join(memory.tags)}
    start |= {"confidence": memory.stated_confidence, "expected_version": memory.version}
    form = MemoryForm(caller, request.POST or typed_before(request), memory=memory, initial=start)
    if request.method == "POST" and form.is_valid() and "preview" not in request.POST:
        outcome = attempt(request, "save_memory", lambda caller: _edited(caller, memory, form), kind="memory")
        if outcome.is_done:
            return _to_page(request, outcome)
        form.show(outcome)
        if isinstance(outcome.refusal, Conflict):
            return _page(request, form, memory, is_behind=True)
    return _page(request, form, memory)


def _editable(caller: Caller, memory_id: uuid.UUID) -> Memory:
    try:
        memory = kept_memory(caller, memory_id)
    except NotFound:
        raise Http404 from None
    if not caller.may(Role.COLLABORATOR):
        raise PermissionDenied("Editing memories needs the role collaborator.")
    return memory


def _edited(caller: Caller, memory: Memory, form: MemoryForm) -> Done:
    """Save the form as the memory's next version."""
    data = form.cleaned_data
    expected = data["expected_version"] or memory.version
    saved = edit_memory(
        caller,
        memory,
        expected_version=expected,
        title=data["title"],
        memory_type=data["memory_type"].pk,
        **form.text(),
    )
    renamed = f", was “{memory.title}”" if saved.memory.title != memory.title else ""
    return Done(
        f"Saved “{saved.memory.title}” as version {saved.memory.version}."
        if saved.action == "updated"
        else f"“{memory.title}” says that already; it is confirmed.",
        memory_subject(saved.memory),
        _undo_of(memory, saved) if saved.action == "updated" else "",
        f"{saved.action}{renamed}",
        saved.memory,
    )


def _undo_of(before: Memory, saved: SavedMemory) -> str:
    kept = [before.version, saved.memory.version, before.title, before.memory_type_id]
    return reverse("memory-edit-undo", args=[before.pk, signing.dumps(kept, salt=EDIT_SALT)])


@deed_view
def take_back(request: HttpRequest, memory_id: uuid.UUID, kept: str) -> HttpResponse:
    """Save again what a memory said before an edit, unless somebody has saved another version since."""
    try:
        number, expected, title, kind = signing.loads(kept, salt=EDIT_SALT, max_age=UNDO_SECONDS)
    except signing.BadSignature:
        raise Http404("This can no longer be taken back.") from None

    def act(caller: Caller) -> Done:
        memory = kept_memory(caller, memory_id)
        old = MemoryVersion.objects.filter(memory=memory, number=number).first()
        if old is None:
            raise NotFound(f"The memory has no version {number}.")
        text = {"confidence" if name == "stated_confidence" else name: getattr(old, name) for name in VERSIONED_FIELDS}
        saved = edit_memory(caller, memory, expected_version=expected, title=title, memory_type=kind, **text)
        words = f"“{saved.memory.title}” says again what version {number} said."
        return Done(words, memory_subject(saved.memory), result=saved.memory)

    outcome = attempt(request, "save_memory", act, kind="memory")
    tell(request, outcome)
    return HttpResponseRedirect(reverse("memory", args=[memory_id]))


def _to_page(request: HttpRequest, outcome: Outcome) -> HttpResponse:
    tell(request, outcome)
    return HttpResponseRedirect(reverse("memory", args=[outcome.result.pk]))


def _page(request: HttpRequest, form: MemoryForm, memory: Memory | None, *, is_behind: bool = False) -> HttpResponse:
    """The form, with the text as it will read above it where a preview was asked for."""
    caller = caller_of(request)
    newest = memory.version if memory is not None else 0
    if is_behind and memory is not None:
        # Saved again, the form goes on top of what its writer has now been told of.
        newest = Memory.objects.values_list("version", flat=True).get(pk=memory.pk)
        data = request.POST.copy()
        data["expected_version"] = str(newest)
        form.data = data
    context: dict[str, Any] = {"form": form, "memory": memory, "is_behind": is_behind, "newest": newest}
    if "preview" in request.POST:
        resolve = link_resolver(caller, memory) if memory is not None else lambda key: None
        context["preview"] = rendered(request.POST.get("content_md", ""), resolve)
    return render(request, "memories/edit.html", context, status=409 if is_behind else 200)
