"""The admin: one site, in the portal's look, for everybody who may log in."""

from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.sites import UnfoldAdminSite

from access.pages import caller_of

# Groups of the navigation: title, then model, words and icon of each entry.
NAVIGATION = (
    (
        "Memory",
        (
            ("memories.memory", "Memories", "neurology"),
            ("memories.memorytype", "Types", "category"),
            ("requirements_pipeline.requirement", "Requirements", "checklist"),
            ("requirements_pipeline.requirementtemplate", "Templates", "draft"),
            ("runs.run", "Runs", "play_circle"),
            ("runs.modelprice", "Prices", "payments"),
            ("runs.budget", "Budgets", "savings"),
        ),
    ),
    (
        "Team",
        (
            ("access.project", "Projects", "folder"),
            ("access.member", "Members", "group"),
            ("access.roletoken", "Tokens", "key"),
            ("access.connectedclient", "Clients", "extension"),
            ("access.auditentry", "Audit trail", "history"),
        ),
    ),
    (
        "Machinery",
        (
            ("memories.embeddingspace", "Embedding spaces", "hub"),
            ("memories.pendingembedding", "Waiting for vectors", "pending"),
            ("django_celery_beat.periodictask", "Jobs", "schedule"),
            ("django_celery_beat.intervalschedule", "Intervals", "timer"),
            ("django_celery_beat.crontabschedule", "Crontabs", "event_repeat"),
        ),
    ),
)


class PortalAdminSite(UnfoldAdminSite):
    """Open to every active member; what each may see and do follows from the role."""

    index_template = "admin/dashboard.html"
    index_title = "Overview"

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the person is an active member."""
        return bool(request.user.is_active)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The portal has one login page."""
        index = reverse("admin:index")
        if self.has_permission(request):
            return HttpResponseRedirect(index)
        return redirect_to_login(request.GET.get("next") or index, resolve_url(settings.LOGIN_URL))

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """As for every page."""
        return HttpResponseRedirect(reverse("account_change_password"))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Ask, or do it and return to the login page."""
        if request.method != "POST":
            return HttpResponseRedirect(reverse("account_logout"))
        from django.contrib.auth import logout

        logout(request)
        return HttpResponseRedirect(resolve_url(settings.LOGIN_URL))

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The theme's search over model names is not offered: the memories' list has the search that matters."""
        raise Http404

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The dashboard."""
        from zikra_portal.dashboard import dashboard

        return super().index(request, {**(extra_context or {}), **dashboard(caller_of(request, "admin"))})


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The side navigation: pages that the reader's role opens."""
    from django.contrib import admin

    by_label = {model._meta.label_lower: registered for model, registered in admin.site._registry.items()}
    groups = []
    for title, entries in NAVIGATION:
        items = [
            {"title": words, "icon": icon, "link": reverse(f"admin:{label.replace('.', '_')}_changelist")}
            for label, words, icon in entries
            if label in by_label and by_label[label].has_view_permission(request)
        ]
        if items:
            groups.append({"title": title, "items": items})
    return [{"items": [{"title": "Overview", "icon": "dashboard", "link": reverse("admin:index")}]}, *groups]
