"""What every admin page shares: sight by the caller's scope, rights by role, writes through verbs, refusals in words.

A `ModelAdmin` here never writes by itself. What an add or change form saves goes through `save_by_verb`, and what a
button does is a method marked with `@deed`: one function of a verb, with its role, its audit name and, where it should
ask first, its question or its form. Each write is audited in its own transaction, and so is each refused one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin import ShowFacets, helpers
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import DropdownFilter

from access.audit import AuditSubject, record, record_done
from access.callers import Caller
from access.errors import Forbidden, Refusal, refusal_in_words
from access.models import AuditOutcome, Project
from access.pages import caller_of
from access.roles import Role

DOOR = "admin"
# As every table of the portal.
ROWS_A_PAGE = 50
HISTORY_ROWS = 100
# A deed on many objects names so many of those that it could not be done to.
REFUSALS_NAMED = 5
# Each of many is done and audited by itself, a few milliseconds each: more would keep the reader waiting.
MANY_AT_MOST = 1000


@dataclass(frozen=True)
class Deed:
    """A button of an object's page. See `deed` for what the fields mean."""

    name: str
    label: str
    command: str
    role: Role
    applies: Callable[[Any], bool]
    asks: str
    form_class: type[forms.Form] | None
    look: str
    bulk: str
    on_page: bool


def deed(
    label: str,
    *,
    command: str,
    role: Role,
    applies: Callable[[Any], bool] = lambda thing: True,
    asks: str = "",
    form_class: type[forms.Form] | None = None,
    look: str = "",
    bulk: str = "",
    on_page: bool = True,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a method `(self, request, caller, thing, answers) -> words | HttpResponse` as a button's deed.

    label: the verb on the button. command: its name in the audit trail. role: the weakest that may. applies: whether
    the button makes sense for an object now. asks: a question that names the object as {name}, put before it is done.
    form_class: a form to fill in first; its cleaned data are the `answers`. look: "main", "bad" or plain. bulk: its
    name among the list's actions; empty for none. on_page: False for a deed that another page of the object offers.
    """

    def mark(method: Callable[..., Any]) -> Callable[..., Any]:
        method.deed = Deed(  # type: ignore[attr-defined]
            method.__name__, label, command, role, applies, asks, form_class, look, bulk, on_page
        )
        return method

    return mark


class ChoiceFilter(DropdownFilter):
    """A filter with fixed choices, as a drop-down; a value that is none of them finds nothing."""

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        """Rows of the chosen value."""
        value = self.value()
        if not value:
            return self.unfiltered(queryset)
        if value not in {str(key) for key, _ in self.lookup_choices}:
            return queryset.none()
        return self.filtered(request, queryset, value)

    def unfiltered(self, queryset: models.QuerySet) -> models.QuerySet:
        """Rows when nothing is chosen."""
        return queryset

    def filtered(self, request: HttpRequest, queryset: models.QuerySet, value: str) -> models.QuerySet:
        """Rows of a value that is among the choices."""
        raise NotImplementedError


class ProjectFilter(ChoiceFilter):
    """By project; only those in the reader's scope are offered and found."""

    title = "project"
    parameter_name = "project"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Projects in scope, by name."""
        visible = Project.objects.visible_to(caller_of(request, DOOR))
        return [(str(pk), name) for pk, name in visible.values_list("pk", "name")]

    def filtered(self, request: HttpRequest, queryset: models.QuerySet, value: str) -> models.QuerySet:
        """Rows of the project."""
        return queryset.filter(project_id=int(value))


class RefusableForm(forms.ModelForm):
    """A form that shows a verb's refusal beside the field that is to blame, or on top."""

    refusal: ClassVar[Refusal | None] = None
    # Names of a verb's arguments that the form calls otherwise.
    field_names: ClassVar[dict[str, str]] = {}

    def clean(self) -> dict[str, Any]:
        """The cleaned data, with the refusal of the first attempt, if there was one, as errors."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.refusal is not None:
            self._show(self.refusal)
        return cleaned

    def _show(self, refusal: Refusal) -> None:
        shown = False
        for name, problems in (refusal.extra.get("fields") or {}).items():
            field = self.field_names.get(name, name)
            if field in self.fields:
                self.add_error(field, list(problems))
                shown = True
        if not shown:
            self.add_error(None, refusal_in_words(refusal))


class PortalModelAdmin(ModelAdmin):
    """The base of all admin pages."""

    list_per_page = ROWS_A_PAGE
    list_max_show_all = ROWS_A_PAGE
    show_full_result_count = False
    # A count beside each choice would cost a query each.
    show_facets = ShowFacets.NEVER
    list_filter_submit = True
    list_fullwidth = True
    actions_on_top = True
    compressed_fields = True
    form = RefusableForm
    change_form_outer_before_template = "admin/deeds.html"
    # Only for readers without bounds: their pages tell of the whole portal.
    whole_portal = False
    # Only these roles' rights from access/permissions.py count; these pages never add, change or delete by themselves.
    may_add = True
    may_change = True
    may_delete = False
    has_history = False
    # Most histories name members whom others may not know of.
    history_role = Role.OWNER
    subject_kind = ""
    deeds: tuple[str, ...] = ()

    # --- sight ----------------------------------------------------------------------------------------------------

    def visible(self, caller: Caller) -> models.QuerySet:
        """What the caller may see of this model."""
        manager = self.model._default_manager
        return manager.visible_to(caller) if hasattr(manager, "visible_to") else manager.all()

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        """Rows in the reader's sight, in the admin's order."""
        rows = self.visible(caller_of(request, DOOR))
        ordering = self.get_ordering(request)
        return rows.order_by(*ordering) if ordering else rows

    def get_field_queryset(
        self, db: str | None, db_field: models.Field, request: HttpRequest
    ) -> models.QuerySet | None:
        """Choices of a related field: only what is in the reader's sight."""
        manager = db_field.remote_field.model._default_manager  # type: ignore[union-attr]
        if hasattr(manager, "visible_to"):
            return manager.visible_to(caller_of(request, DOOR))
        return super().get_field_queryset(db, db_field, request)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """No lookup but the declared filters: others could ask for what is not shown, letter by letter."""
        return lookup in {getattr(declared, "parameter_name", "") for declared in self.list_filter}

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Objects are found by their key alone."""
        return to_field == self.opts.pk.name

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        raise Http404

    # --- rights ---------------------------------------------------------------------------------------------------

    def _allowed(self, request: HttpRequest, action: str) -> bool:
        if not request.user.is_active:
            return False
        if self.whole_portal and caller_of(request, DOOR).project_ids is not None:
            return False
        return request.user.has_perm(f"{self.opts.app_label}.{action}_{self.opts.model_name}")

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Whether the reader's role may look."""
        return self._allowed(request, "view") or self._allowed(request, "change")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whether the reader's role may add."""
        return self.may_add and self._allowed(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Whether the reader's role may change."""
        return self.may_change and self._allowed(request, "change")

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Django's own deleting is off unless a page opens it: deleting is a verb."""
        return self.may_delete and self._allowed(request, "delete")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the app's page lists this model."""
        return self.has_view_permission(request)

    # --- writes ---------------------------------------------------------------------------------------------------

    def save_by_verb(self, request: HttpRequest, caller: Caller, obj: Any, form: forms.ModelForm, change: bool) -> str:
        """Save what the form holds through the model's verb; answers the command's name for the audit trail."""
        raise NotImplementedError(f"{type(self).__name__} has no form that saves")

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        """Through the verb, and audited."""
        caller = caller_of(request, DOOR)
        command = self.save_by_verb(request, caller, obj, form, change)
        obj._state.adding = False
        record_done(caller, command, subject=self.subject(obj))

    def save_related(self, request: HttpRequest, form: forms.ModelForm, formsets: Iterable[Any], change: bool) -> None:
        """Nothing: the verb has saved what belongs to the object."""

    def subject(self, obj: Any) -> AuditSubject:
        """What the audit trail keeps about an object."""
        project_id = obj.pk if isinstance(obj, Project) else getattr(obj, "project_id", None)
        return AuditSubject(self.subject_kind or self.opts.model_name or "", str(obj.pk), str(obj), project_id)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        """The form's class for this request, carrying what a verb has refused in it."""
        form_class = super().get_form(request, obj, change, **kwargs)
        form_class.refusal = getattr(request, "refusal", None)
        return form_class

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: Any) -> forms.Field | None:
        """The field as Unfold draws it, without side doors to add or change the related object."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        for side_door in ("can_add_related", "can_change_related", "can_delete_related", "can_view_related"):
            if field is not None and hasattr(field.widget, side_door):
                setattr(field.widget, side_door, False)
        return field

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The add or change page. A refused save has changed nothing and comes back as the form with the reason."""
        context = {
            **(extra_context or {}),
            "show_history": self._shows_history(request),
            "show_save_and_continue": False,
        }
        try:
            return super().changeform_view(request, object_id, form_url, context)
        except Refusal as refusal:
            self._audit_refusal(request, "save", refusal, object_id)
            request.refusal = refusal  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, context)
        except PermissionDenied:
            if request.method == "POST":
                self._audit_refusal(request, "save", None, object_id)
            raise

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The page, with the buttons that make sense for the object and the reader."""
        obj = kwargs.get("obj")
        context["deeds"] = [] if obj is None else self.deeds_for(request, obj)
        context["show_save_and_add_another"] = False
        return super().render_change_form(request, context, *args, **kwargs)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Not in Django's log: the audit trail has it, with scope and door."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Not in Django's log: the audit trail has it, with scope and door."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Not in Django's log: the audit trail has it, with scope and door."""

    def _audit_refusal(
        self, request: HttpRequest, command: str, refusal: Refusal | None, object_id: str | None
    ) -> None:
        """A row for a call that was refused or invalid. Names no object: it may lie out of the caller's sight."""
        outcome = AuditOutcome(refusal.outcome) if refusal else AuditOutcome.REFUSED
        record(
            caller_of(request, DOOR),
            f"{command}_{self.opts.model_name}" if command == "save" else command,
            outcome,
            refusal.status if refusal else 403,
            subject=AuditSubject(self.subject_kind or self.opts.model_name or "", str(object_id or "")[:64]),
            detail=refusal_in_words(refusal) if refusal else "The role is too weak.",
        )

    # --- deeds ----------------------------------------------------------------------------------------------------

    def deeds_for(self, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
        """Buttons for an object: what they say and where they lead."""
        caller = caller_of(request, DOOR)
        known = [getattr(self, name).deed for name in self.deeds]
        return [
            {
                "label": known_deed.label,
                "look": known_deed.look,
                "asks": bool(known_deed.asks or known_deed.form_class),
                "url": reverse(self._url_name(known_deed.name), args=[obj.pk]),
            }
            for known_deed in known
            if known_deed.on_page and caller.may(known_deed.role) and known_deed.applies(obj)
        ]

    def get_urls(self) -> list[URLPattern]:
        """The admin's addresses and one for each deed."""
        deeds = [
            path(
                f"<path:object_id>/do/{name}/",
                self.admin_site.admin_view(self._deed_view(name)),
                name=self._url_name(name).partition(":")[2],
            )
            for name in self.deeds
        ]
        return deeds + super().get_urls()

    def _url_name(self, name: str) -> str:
        return f"admin:{self.opts.app_label}_{self.opts.model_name}_do_{name}"

    def _deed_view(self, name: str) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            return self.deed_view(request, name, object_id)

        return view

    def deed_view(self, request: HttpRequest, name: str, object_id: str) -> HttpResponse:
        """Ask (GET, where the deed asks) or do (POST), then return to the object."""
        known: Deed = getattr(self, name).deed
        obj = self.get_object(request, object_id) if self.has_view_permission(request) else None
        if obj is None:
            raise Http404
        if not caller_of(request, DOOR).may(known.role):
            self._audit_refusal(request, known.command, Forbidden(known.role), object_id)
            raise PermissionDenied
        form = known.form_class(request.POST if request.method == "POST" else None) if known.form_class else None
        if request.method != "POST" or (form is not None and not form.is_valid()):
            if not known.asks and form is None:
                return HttpResponseRedirect(self.page_of(obj))
            return self._ask(request, known, obj, form)
        return self._do(request, known, obj, form)

    def _ask(self, request: HttpRequest, known: Deed, obj: Any, form: forms.Form | None) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"{known.label}: {obj}",
            "opts": self.opts,
            "original": obj,
            "question": known.asks.format(name=obj),
            "form": form,
            "deed": known,
            "back": self.page_of(obj),
        }
        return TemplateResponse(request, "admin/deed_confirmation.html", context)

    def _do(self, request: HttpRequest, known: Deed, obj: Any, form: forms.Form | None) -> HttpResponse:
        subject = self.subject(obj)
        try:
            answer = self._done(request, known, obj, form.cleaned_data if form else {})
        except Refusal as refusal:
            self._audit_refusal(request, known.command, refusal, str(obj.pk))
            messages.error(request, refusal_in_words(refusal))
            return HttpResponseRedirect(self.page_of(obj))
        if isinstance(answer, HttpResponse):
            return answer
        messages.success(request, answer)
        still_there = self.get_queryset(request).filter(pk=subject.id).exists()
        return HttpResponseRedirect(self.page_of(obj) if still_there else self.list_page())

    def _done(self, request: HttpRequest, known: Deed, obj: Any, answers: dict[str, Any]) -> str | HttpResponse:
        caller = caller_of(request, DOOR)
        subject = self.subject(obj)
        with transaction.atomic():
            answer: str | HttpResponse = getattr(self, known.name)(request, caller, obj, answers)
            # A project that was just deleted can no longer be pointed at.
            gone = isinstance(obj, Project) and obj.pk is None
            record_done(caller, known.command, subject=replace(subject, project_id=None) if gone else subject)
        return answer

    def page_of(self, obj: Any) -> str:
        """Address of an object's page."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[obj.pk])

    def list_page(self) -> str:
        """Address of the model's list."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    # --- bulk -----------------------------------------------------------------------------------------------------

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Deeds that are offered for many objects at once, to those who may."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        caller = caller_of(request, DOOR)
        for name in self.deeds:
            known: Deed = getattr(self, name).deed
            if known.bulk and caller.may(known.role):
                actions[f"bulk_{name}"] = (self._bulk(known), f"bulk_{name}", known.bulk)
        return actions

    def _bulk(self, known: Deed) -> Callable[..., HttpResponse | None]:
        def action(
            model_admin: "PortalModelAdmin", request: HttpRequest, queryset: models.QuerySet
        ) -> HttpResponse | None:
            return model_admin.do_to_many(request, known, queryset)

        return action

    def do_to_many(self, request: HttpRequest, known: Deed, queryset: models.QuerySet) -> HttpResponse | None:
        """Do a deed to each object that it applies to; asks first, naming how many, where the deed asks."""
        chosen = list(queryset[: MANY_AT_MOST + 1])
        if len(chosen) > MANY_AT_MOST:
            messages.error(request, f"At most {MANY_AT_MOST} at once. Choose fewer, or filter the list.")
            return None
        if known.asks and "confirmed" not in request.POST:
            return self._ask_for_many(request, known, chosen)
        done = 0
        refused: list[str] = []
        for obj in chosen:
            if not known.applies(obj):
                continue
            try:
                self._done(request, known, obj, {})
                done += 1
            except Refusal as refusal:
                self._audit_refusal(request, known.command, refusal, str(obj.pk))
                refused.append(f"{obj}: {refusal_in_words(refusal)}")
        skipped = len(chosen) - done - len(refused)
        words = f"{known.bulk}: done to {done} of {len(chosen)}."
        messages.success(request, f"{words} {skipped} needed nothing." if skipped else words)
        for problem in refused[:REFUSALS_NAMED]:
            messages.error(request, problem)
        return None

    def _ask_for_many(self, request: HttpRequest, known: Deed, chosen: list[Any]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": known.bulk,
            "opts": self.opts,
            "chosen": chosen,
            "deed": known,
            "action": f"bulk_{known.name}",
            "checkbox_name": helpers.ACTION_CHECKBOX_NAME,
            # All that the filters find are meant: they are found again rather than listed in the form.
            "select_across": request.POST.get("select_across") == "1",
            "back": self.list_page(),
        }
        return TemplateResponse(request, "admin/deed_for_many.html", context)

    # --- history --------------------------------------------------------------------------------------------------

    def _shows_history(self, request: HttpRequest) -> bool:
        reads = self.has_view_permission(request)
        return self.has_history and reads and caller_of(request, DOOR).may(self.history_role)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Who changed what in an object, newest first; for objects in the reader's sight only."""
        obj = self.get_object(request, object_id) if self._shows_history(request) else None
        if obj is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "title": f"History: {obj}",
            "opts": self.opts,
            "original": obj,
            "entries": history_of(obj),
            "back": self.page_of(obj),
        }
        return TemplateResponse(request, "admin/history.html", context)


@dataclass(frozen=True)
class HistoryEntry:
    """One change: when, by whom, and each field's old and new value."""

    record: Any
    changes: list[tuple[str, Any, Any]]


def history_of(obj: Any) -> list[HistoryEntry]:
    """The newest HISTORY_ROWS changes of an object with history, newest first."""
    records = list(
        obj.history.select_related("history_user").order_by("-history_date", "-history_id")[: HISTORY_ROWS + 1]
    )
    entries = []
    for newer, older in zip(records, [*records, None][1:], strict=True):
        delta = newer.diff_against(older).changes if older is not None else []
        entries.append(HistoryEntry(newer, [(change.field, change.old, change.new) for change in delta]))
    return entries[:HISTORY_ROWS]
