"""What the page of hygiene does: one press repairs, another takes it back; choosing what to link to is a page."""

import uuid
from collections.abc import Callable, Iterable

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from access.audit import AuditSubject, record_done
from access.callers import Caller
from access.errors import Refusal
from access.pages import caller_of
from access.roles import Role
from memories import repairing
from memories.hygiene import dead_links
from memories.identifiers import ids_in
from memories.models import Memory, MemoryLink, MemoryType, Repair
from memories.search import search
from zikra_portal.deeds import Done, answer, attempt, deed_view
from zikra_portal.session_ended import typed_before

CANDIDATES_SHOWN = 10
SNIPPET_TOKENS = 20_000


def _repair(request: HttpRequest, command: str, verb: Callable[[Caller], Repair]) -> HttpResponse:
    """Do a repair, audited for each of its memories, and lead back with the offer to undo it."""

    def act(caller: Caller) -> Done:
        repair = verb(caller)
        subjects = _subjects(uuid.UUID(step["memory"]) for step in repair.steps)
        for subject in subjects[1:]:
            record_done(caller, command, subject=subject, detail=repair.words)
        can_undo = repairing.may_undo(caller, repair)
        back = reverse("repair-undo", args=[repair.pk]) if can_undo else ""
        return Done(repair.words, subjects[0], undo=back, detail=repair.words)

    return answer(request, attempt(request, command, act, kind="memory"), reverse("hygiene"))


def _subjects(memory_ids: Iterable[uuid.UUID]) -> list[AuditSubject]:
    memories = Memory.objects.filter(pk__in=set(memory_ids)).order_by("pk")
    return [AuditSubject("memory", str(memory.pk), memory.title, memory.project_id) for memory in memories]


@deed_view
def confirm(request: HttpRequest, memory_id: uuid.UUID) -> HttpResponse:
    """Say that a memory is still true."""
    return _repair(request, "confirm_memory", lambda caller: repairing.confirm(caller, memory_id))


@deed_view
def archive(request: HttpRequest) -> HttpResponse:
    """Archive the memories that the form names, each in a field `memory`."""
    ids = [found for named in request.POST.getlist("memory") for found in ids_in(named)]
    return _repair(request, "archive_memories", lambda caller: repairing.archive(caller, ids))


@deed_view
def merge(request: HttpRequest, memory_id: uuid.UUID) -> HttpResponse:
    """Keep this memory and archive the others of its title."""
    return _repair(request, "merge_memories", lambda caller: repairing.merge_into(caller, memory_id))


@deed_view
def undo(request: HttpRequest, repair_id: uuid.UUID) -> HttpResponse:
    """Take a repair back, as far as its memories are as it left them."""

    def act(caller: Caller) -> Done:
        undone = repairing.undo(caller, repair_id)
        subjects = _subjects(memory.pk for memory in undone.restored)
        for subject in subjects[1:]:
            record_done(caller, "undo_repair", subject=subject, detail=undone.repair.words)
        return Done(_undone_in_words(undone), subjects[0], detail=undone.repair.words)

    return answer(request, attempt(request, "undo_repair", act, kind="memory"), reverse("hygiene"))


def _undone_in_words(undone: repairing.Undone) -> str:
    kept = len(undone.changed_since)
    stays = (
        "" if not kept else f" {kept} {'was' if kept == 1 else 'were'} changed since and stay{'s' * (kept == 1)} so."
    )
    return f"Undone: {undone.repair.words}{stays}"


# --- choosing what to link to ----------------------------------------------------------------------------------------


class MissingMemoryForm(forms.Form):
    """The memory that a link waits for; its title is the link's."""

    memory_type = forms.ChoiceField(label="Type", initial="note")
    content_md = forms.CharField(label="What it says, in Markdown", widget=forms.Textarea({"rows": 6, "dir": "auto"}))

    def __init__(self, *given: object, **named: object) -> None:
        super().__init__(*given, **named)  # type: ignore[arg-type]
        types = MemoryType.objects.values_list("name", "label")
        self.fields["memory_type"].choices = list(types)  # type: ignore[attr-defined]


@login_required
def link(request: HttpRequest, memory_id: uuid.UUID) -> HttpResponse:
    """Choose a memory of the project for an orphan to link to; a POST with `target` links to it."""
    if request.method == "POST":
        target = _target(request)
        return _repair(request, "link_memory", lambda caller: repairing.link_to(caller, memory_id, target))
    caller = caller_of(request)
    memory = Memory.objects.visible_to(caller).live().select_related("project").filter(pk=memory_id).first()
    if memory is None:
        raise Http404
    context = {"memory": memory, "back": _back(request, "orphaned"), **_candidates(request, memory, memory.title)}
    return render(request, "hygiene/link.html", context)


@login_required
def mend(request: HttpRequest, link_id: int) -> HttpResponse:
    """Choose where a dead link shall lead; a POST with `target` leads it there."""
    if request.method == "POST":
        target = _target(request)
        return _repair(request, "repoint_link", lambda caller: repairing.repoint_link(caller, link_id, target))
    found = _dead_link(request, link_id)
    context = {
        "link": found,
        "memory": found.source,
        "form": MissingMemoryForm(typed_before(request, reverse("hygiene-make", args=[link_id]))),
        "back": _back(request, "dead"),
        **_candidates(request, found.source, found.target_title),
    }
    return render(request, "hygiene/mend.html", context)


@deed_view
def remove_brackets(request: HttpRequest, link_id: int) -> HttpResponse:
    """Make a dead link plain words."""
    return _repair(request, "remove_link", lambda caller: repairing.remove_brackets(caller, link_id))


@deed_view
def make_missing(request: HttpRequest, link_id: int) -> HttpResponse:
    """Save the memory that a dead link waits for."""
    kind, text = request.POST.get("memory_type", ""), request.POST.get("content_md", "")
    return _repair(request, "save_memory", lambda caller: repairing.make_missing(caller, link_id, kind, text))


def _target(request: HttpRequest) -> uuid.UUID:
    """The memory that the form names; one that is no id is out of sight."""
    ids = ids_in(request.POST.get("target", ""))
    if not ids:
        raise Http404
    return ids[0]


def _dead_link(request: HttpRequest, link_id: int) -> MemoryLink:
    found = dead_links(caller_of(request), None).filter(pk=link_id).first()
    if found is None:
        raise Http404
    return found


def _candidates(request: HttpRequest, memory: Memory, words: str) -> dict[str, object]:
    """Memories of the same project that `?q=`, else the words, find best, but for the memory itself."""
    caller = caller_of(request)
    query = request.GET.get("q", "").replace("\x00", " ").strip() or words
    context: dict[str, object] = {"query": query, "may_write": caller.may(Role.COLLABORATOR)}
    try:
        found = search(
            caller, query, project_ids=[memory.project_id], limit=CANDIDATES_SHOWN + 1, max_tokens=SNIPPET_TOKENS
        )
    except Refusal as refusal:
        return {**context, "problem": refusal.message, "results": []}
    others = [result for result in found.results if result.memory.pk != memory.pk]
    return {**context, "results": others[:CANDIDATES_SHOWN]}


def _back(request: HttpRequest, show: str) -> str:
    return f"{reverse('hygiene')}?show={show}"
