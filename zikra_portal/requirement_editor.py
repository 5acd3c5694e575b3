"""Writing requirements in the browser: with preview, kept while one types, and never overwriting somebody unseen."""

import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse

from access.callers import Caller
from access.errors import Conflict, Refusal, refusal_in_words
from access.models import Project
from access.pages import caller_of
from access.roles import Role
from memories.models import Memory
from memories.rendering import rendered
from memories.saving import UNSET
from requirements_pipeline.appearance import PRIORITIES
from requirements_pipeline.candidates import memory_candidates, requirement_candidates
from requirements_pipeline.drafts import discard_draft, draft_of, keep_draft
from requirements_pipeline.models import (
    EditorDraft,
    Requirement,
    RequirementState,
    RequirementTemplate,
    RequirementVersion,
)
from requirements_pipeline.relations import people_for
from requirements_pipeline.versions import RequirementComparison, compare_requirement_versions
from requirements_pipeline.writing import WRITABLE_STATES, edit_requirement, save_requirement
from zikra_portal.deeds import Done, Outcome, answer, attempt, deed_view
from zikra_portal.frame import frame_of
from zikra_portal.requirement_pages import link_resolver, requirement_in_sight, subject_of
from zikra_portal.session_ended import typed_before

# What no version keeps: it is written only where the writer changed it, so that a change by others meanwhile stays.
RELATIONS = ("assignee", "depends_on", "memories")
# Beside the form's own fields: what the writer began from.
KEPT_BESIDE = ("expected_version", "project", *(f"initial-{name}" for name in RELATIONS))


class EditorForm(forms.Form):
    """The fields as they are typed; what they may be is said by the verbs that save them."""

    title = forms.CharField(required=False, widget=forms.TextInput({"dir": "auto", "autocomplete": "off"}))
    content_md = forms.CharField(
        required=False,
        strip=False,
        label="What is wanted, and why",
        help_text="Markdown; [[Title]] links a memory of the project.",
        widget=forms.Textarea({"rows": 12, "dir": "auto"}),
    )
    acceptance = forms.CharField(
        required=False,
        label="Acceptance criteria",
        help_text="One a line: how one sees that it is done.",
        widget=forms.Textarea({"rows": 4, "dir": "auto", "data-rows": "criterion"}),
    )
    priority = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value="3",
        choices=[(number, f"{number} {word}") for number, (_, word) in PRIORITIES.items()],
    )
    due_on = forms.DateField(required=False, label="Due", widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    assignee = forms.CharField(required=False, widget=forms.Select, show_hidden_initial=True)
    module = forms.CharField(required=False, help_text="Part of the code base that it is about.")
    tags = forms.CharField(required=False, help_text="Short words, with commas between them.")
    depends_on = forms.CharField(
        required=False,
        label="Waits for",
        help_text="Titles of requirements of the project, one a line.",
        widget=forms.Textarea({"rows": 2, "dir": "auto", "data-picks": "depends_on"}),
        show_hidden_initial=True,
    )
    memories = forms.CharField(
        required=False,
        label="Memories that belong to it",
        help_text="Ids of memories, one a line.",
        widget=forms.Textarea({"rows": 2, "data-picks": "memories"}),
        show_hidden_initial=True,
    )

    use_required_attribute = False

    def __init__(self, project: Project, typed: Mapping[str, Any] | None = None, *, initial: dict[str, Any]) -> None:
        super().__init__(typed, initial=initial)
        known = {member.username: str(member.get_full_name() or member.username) for member in people_for(project)}
        chosen = self["assignee"].value() or ""
        if chosen and chosen not in known:
            known[chosen] = chosen
        self.fields["assignee"].widget.choices = [("", "Nobody"), *known.items()]

    def written(self, names: set[str]) -> dict[str, Any]:
        """The values of these fields as the verbs take them."""
        told = self.cleaned_data
        values = {
            **{name: told.get(name, "") for name in ("title", "content_md", "module", "assignee")},
            "priority": int(told["priority"]),
            "due_on": told.get("due_on"),
            **{name: told.get(name, "").splitlines() for name in ("acceptance", "depends_on", "memories")},
            "tags": told.get("tags", "").split(","),
        }
        # Browsers send lines with another ending than agents do; that alone is no new version.
        values["content_md"] = values["content_md"].replace("\r\n", "\n")
        values["depends_on"] = [line for line in values["depends_on"] if line.strip()]
        values["memories"] = [line for line in values["memories"] if line.strip()]
        return {name: value for name, value in values.items() if name in names}

    def blame(self, refusal: Refusal, words: str) -> None:
        """Put a refusal's problems beside the fields that they are about; the others above the form."""
        problems = refusal.extra.get("fields") or {}
        for name, found in problems.items():
            for problem in found:
                self.add_error(name if name in self.fields else None, problem)
        if not problems:
            self.add_error(None, words)


def initial_of(found: Requirement) -> dict[str, Any]:
    """A requirement as the form shows it."""
    return {
        "title": found.title,
        "content_md": found.content_md,
        "acceptance": "\n".join(found.acceptance),
        "priority": str(found.priority),
        "due_on": found.due_on,
        "assignee": found.assignee.username if found.assignee else "",
        "module": found.module,
        "tags": ", ".join(found.tags),
        "depends_on": "\n".join(found.depends_on.order_by("title").values_list("title", flat=True)),
    }


@dataclass
class Meanwhile:
    """What somebody else saved while one was writing: the newest version, and what it changed since one began."""

    newest: RequirementVersion
    began_from: int
    comparison: RequirementComparison | None


@dataclass
class Editor:
    """One opening of the editor. requirement: None for a new one. began_from: the version that the writer has read, 0
    for none."""

    request: HttpRequest
    caller: Caller
    project: Project
    requirement: Requirement | None = None
    template: RequirementTemplate | None = None
    began_from: int = 0

    @property
    def is_placed(self) -> bool:
        """Whether it is past the point where its writer says if it is a draft."""
        return self.requirement is not None and self.requirement.state not in WRITABLE_STATES

    @property
    def address(self) -> str:
        """Where the form is sent."""
        if self.requirement is not None:
            return reverse("requirement-edit", args=[self.requirement.pk])
        return reverse("requirement-new")

    # --- to look at ---------------------------------------------------------------------------------------------------

    def fresh(self) -> HttpResponse:
        """The form as it stands, or as the writer left it."""
        draft = draft_of(self.caller, self.requirement)
        if draft is not None and self._is_saved(draft):
            draft = None
        if draft is not None and (self.requirement is not None or self._is_of_draft(draft)):
            self.began_from = _number(draft.fields.get("expected_version", ""))
            return self.draw(EditorForm(self.project, draft.fields, initial=self._initial()), draft=draft)
        self.began_from = self.requirement.version if self.requirement is not None else 0
        return self.draw(EditorForm(self.project, initial=self._initial()), elsewhere=draft)

    def _is_saved(self, draft: EditorDraft) -> bool:
        """Whether nothing is lost without it: a draft may be kept in the same moment as its words are saved."""
        if self.requirement is not None:
            return not EditorForm(self.project, draft.fields, initial=self._initial()).has_changed()
        saved = Requirement.objects.visible_to(self.caller).titled(" ".join(draft.fields.get("title", "").split()))
        same = saved.filter(project__name=draft.fields.get("project", ""), author_id=self.caller.member_id)
        return same.filter(content_md=draft.fields.get("content_md", "")).exists()

    def _is_of_draft(self, draft: EditorDraft) -> bool:
        return self.template is None and draft.fields.get("project") == self.project.name

    def _initial(self) -> dict[str, Any]:
        if self.requirement is not None:
            linked = Memory.objects.visible_to(self.caller).filter(requirements=self.requirement).order_by("title")
            ids = "\n".join(str(pk) for pk in linked.values_list("pk", flat=True))
            return {**initial_of(self.requirement), "memories": ids}
        if self.template is None:
            return {"priority": "3"}
        return {
            "title": self.template.title_pattern,
            "content_md": self.template.content_md,
            "acceptance": "\n".join(self.template.acceptance),
            "priority": str(self.template.priority),
            "module": self.template.module,
        }

    def draw(self, form: EditorForm, *, status: int = 200, **more: Any) -> HttpResponse:
        """The page."""
        context = {
            "form": form,
            "editor": self,
            "requirement": self.requirement,
            "project": self.project,
            "template": self.template,
            "picked": _picked(self.caller, self.project, form),
            "templates": list(RequirementTemplate.objects.only("pk", "name")) if self.requirement is None else [],
            "may_make_templates": self.caller.may(Role.OWNER),
            **more,
        }
        return render(self.request, "requirements/editor.html", context, status=status)

    # --- to do --------------------------------------------------------------------------------------------------------

    def sent(self) -> HttpResponse:
        """What the pressed button asks for."""
        deed = self.request.POST.get("deed", "")
        self.began_from = _number(self.request.POST.get("expected_version", ""))
        if deed == "theirs":
            discard_draft(self.caller, self.requirement)
            return HttpResponseRedirect(self.address)
        form = EditorForm(self.project, self.request.POST, initial=self._initial())
        if deed == "preview":
            return self.draw(form, preview=preview_of(self.caller, self.project, self.request.POST))
        if not form.is_valid():
            return self.draw(form, status=400)
        return self._save(form, deed)

    def _save(self, form: EditorForm, deed: str) -> HttpResponse:
        outcome = attempt(
            self.request, "save_requirement", lambda caller: self._write(caller, form, deed), kind="requirement"
        )
        if outcome.refusal is None:
            return answer(self.request, outcome, reverse("requirement", args=[outcome.result.pk]))
        # What was refused is not lost either.
        with suppress(Refusal):
            keep_draft(self.caller, self.requirement, _typed(self.request.POST))
        meanwhile, taken = self._meanwhile(outcome), self._taken(form, outcome)
        if taken is not None:
            form.add_error("title", f"{self.project} has a requirement with this title already.")
        elif meanwhile is None:
            form.blame(outcome.refusal, outcome.words)
        return self.draw(form, status=outcome.status, meanwhile=meanwhile, taken=taken)

    def _write(self, caller: Caller, form: EditorForm, deed: str) -> Done:
        state = UNSET if self.is_placed else _state_for(deed, self.requirement)
        if self.requirement is None:
            given = form.written(set(form.fields) - {"title"})
            title = form.cleaned_data["title"]
            saved = save_requirement(caller, self.project, title, **given, state=state, expected_version=0)
        else:
            given = form.written(set(form.fields) - (set(RELATIONS) - set(form.changed_data)))
            expected = _number(self.request.POST.get("over_version", "")) if deed == "over" else self.began_from
            saved = edit_requirement(caller, self.requirement, **given, state=state, expected_version=expected)
        discard_draft(caller, self.requirement)
        return Done(_said(saved, deed), subject_of(saved), result=saved)

    def _meanwhile(self, outcome: Outcome) -> Meanwhile | None:
        """What was saved meanwhile, when that is why it was refused."""
        if (
            self.requirement is None
            or not isinstance(outcome.refusal, Conflict)
            or "version" not in outcome.refusal.extra
        ):
            return None
        self.requirement.refresh_from_db()
        newest = self.requirement.versions.get(number=self.requirement.version)
        comparison = compare_requirement_versions(self.caller, self.requirement, self.began_from, newest.number)
        return Meanwhile(newest, self.began_from, comparison)

    def _taken(self, form: EditorForm, outcome: Outcome) -> Requirement | None:
        """The requirement that has the title already, when that is why it was refused."""
        if not isinstance(outcome.refusal, Conflict):
            return None
        title = " ".join(form.cleaned_data["title"].split())
        namesakes = Requirement.objects.visible_to(self.caller).within([self.project.pk]).titled(title)
        if self.requirement is not None:
            namesakes = namesakes.exclude(pk=self.requirement.pk)
        return namesakes.first()


def _state_for(deed: str, found: Requirement | None) -> RequirementState:
    """Draft or submitted: as the button says, else as it is."""
    if deed == "submit":
        return RequirementState.SUBMITTED
    if deed == "draft" or found is None:
        return RequirementState.DRAFT
    return RequirementState(found.state)


def _said(saved: Requirement, deed: str) -> str:
    if deed == "submit":
        return "Submitted: an owner can promote it now."
    return "Saved as a draft." if saved.state == RequirementState.DRAFT else f"Saved as version {saved.version}."


def _typed(sent: Mapping[str, str]) -> dict[str, str]:
    """What the form holds, by the names that are kept."""
    names = (*EditorForm.base_fields, *KEPT_BESIDE)
    return {name: sent[name].replace("\r\n", "\n") for name in names if name in sent}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


@dataclass(frozen=True)
class Pick:
    """Something chosen: the word that is sent, and what people read."""

    value: str
    words: str
    kind: str = ""


def _picked(caller: Caller, project: Project, form: EditorForm) -> dict[str, list[Pick]]:
    """What the lists of links hold now, in words."""
    titles = [line.strip() for line in str(form["depends_on"].value() or "").splitlines() if line.strip()]
    ids = {known for line in str(form["memories"].value() or "").splitlines() if (known := _identifier(line))}
    linked = Memory.objects.visible_to(caller).select_related("memory_type").filter(pk__in=ids).order_by("title")
    return {
        "depends_on": [Pick(title, title) for title in dict.fromkeys(titles)],
        "memories": [
            Pick(str(memory.pk), memory.title, memory.memory_type.label)
            for memory in linked.defer("content_md", "resolution")
        ],
    }


def _identifier(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        return None


# --- the pages -------------------------------------------------------------------------------------------------------


def writer_of(request: HttpRequest) -> Caller:
    """The reader, who may write requirements. Raises PermissionDenied for guests."""
    caller = caller_of(request)
    if not caller.may(Role.COLLABORATOR):
        raise PermissionDenied("Writing requirements needs the role collaborator.")
    return caller


@login_required
def new(request: HttpRequest) -> HttpResponse:
    """Write a new requirement of `?project=`, from `?template=` if one is named; without a project, choose one."""
    caller = writer_of(request)
    _keep_what_was_typed_before(request, caller, None)
    project = project_asked(request, caller)
    if project is None:
        return render(request, "requirements/choose_project.html", {"draft": draft_of(caller, None)})
    editor = Editor(request, caller, project, template=_template_asked(request))
    return editor.sent() if request.method == "POST" else editor.fresh()


@login_required
def edit(request: HttpRequest, requirement_id: uuid.UUID) -> HttpResponse:
    """Rewrite a requirement in sight."""
    caller = caller_of(request)
    found = requirement_in_sight(caller, requirement_id)
    writer_of(request)
    _keep_what_was_typed_before(request, caller, found)
    editor = Editor(request, caller, found.project, found)
    return editor.sent() if request.method == "POST" else editor.fresh()


def _keep_what_was_typed_before(request: HttpRequest, caller: Caller, found: Requirement | None) -> None:
    """What was sent after the session had ended is kept like all that was typed and not saved."""
    typed = typed_before(request)
    if typed is not None:
        with suppress(Refusal):
            keep_draft(caller, found, _typed(typed))


def project_asked(request: HttpRequest, caller: Caller) -> Project | None:
    """The project that the form or the address names; the only one in sight; that of what was not saved; else None.

    Raises Http404 for one that is out of sight.
    """
    projects = {project.name: project for project in frame_of(request).projects}
    named = request.POST.get("project") or request.GET.get("project", "")
    if named:
        if named not in projects:
            raise Http404
        return projects[named]
    if len(projects) == 1:
        return next(iter(projects.values()))
    draft = draft_of(caller, None) if not request.GET.get("template") else None
    return projects.get(draft.fields.get("project", "")) if draft is not None else None


def _template_asked(request: HttpRequest) -> RequirementTemplate | None:
    number = _number(request.GET.get("template", ""))
    return RequirementTemplate.objects.filter(pk=number).first() if number else None


@deed_view
def keep(request: HttpRequest, requirement_id: uuid.UUID | None = None) -> HttpResponse:
    """Keep what is typed, without saving it; answers when, or why not, in words."""
    caller = writer_of(request)
    found = requirement_in_sight(caller, requirement_id) if requirement_id is not None else None
    try:
        context: dict[str, Any] = {"kept": keep_draft(caller, found, _typed(request.POST))}
    except Refusal as refusal:
        context = {"problem": refusal_in_words(refusal)}
    return render(request, "requirements/kept.html", context)


@deed_view
def discard(request: HttpRequest, requirement_id: uuid.UUID | None = None) -> HttpResponse:
    """Throw away what was typed and not saved, and begin with what is saved."""
    caller = writer_of(request)
    found = requirement_in_sight(caller, requirement_id) if requirement_id is not None else None
    discard_draft(caller, found)
    if found is not None:
        return redirect("requirement-edit", found.pk)
    name = request.POST.get("project", "")
    words = f"?{urlencode({'project': name})}" if name else ""
    return HttpResponseRedirect(f"{reverse('requirement-new')}{words}")


@login_required
def newer(request: HttpRequest, requirement_id: uuid.UUID) -> HttpResponse:
    """Whether somebody else saved since `?version=`, for an open editor."""
    caller = caller_of(request)
    found = requirement_in_sight(caller, requirement_id)
    read = _number(request.GET.get("version", ""))
    newest = found.versions.filter(number=found.version).first() if found.version > read else None
    context = {"requirement": found, "newest": newest, "read": read}
    return render(request, "requirements/newer.html", context)


@deed_view
def preview(request: HttpRequest) -> HttpResponse:
    """What the typed text will look like."""
    caller = writer_of(request)
    project = project_asked(request, caller)
    if project is None:
        raise Http404
    return render(request, "requirements/preview.html", {"preview": preview_of(caller, project, request.POST)})


def preview_of(caller: Caller, project: Project, typed: Mapping[str, str]) -> dict[str, Any]:
    """Title, text and criteria as the requirement's page will show them."""
    text = typed.get("content_md", "")
    return {
        "title": typed.get("title", ""),
        "content": rendered(text, link_resolver(caller, project.pk, text)),
        "criteria": [line.strip() for line in typed.get("acceptance", "").splitlines() if line.strip()],
    }


@login_required
def picks(request: HttpRequest, kind: str) -> HttpResponse:
    """What `?q=` finds to link to: memories, or requirements to wait for (but for the one that is `?besides=`)."""
    caller = writer_of(request)
    project = project_asked(request, caller)
    if project is None:
        raise Http404
    words = request.GET.get("q", "")
    if kind == "memories":
        found = [
            Pick(str(row.pk), row.title, row.memory_type.label) for row in memory_candidates(caller, project, words)
        ]
    else:
        besides = _identifier(request.GET.get("besides", ""))
        rows = requirement_candidates(caller, project, words)
        found = [Pick(row.title, row.title, row.get_state_display()) for row in rows if row.pk != besides]
    return render(request, "requirements/picks.html", {"picks": found, "asked": words.replace("\x00", "").strip()})
