"""Every address of the portal."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from zikra_portal import cost_pages, health, home, run_pages

urlpatterns = [
    path("", home.home, name="home"),
    path("runs/", run_pages.runs, name="runs"),
    path("runs/<uuid:run_id>/", run_pages.run, name="run"),
    path("costs/", cost_pages.costs, name="costs"),
    path("costs.csv", cost_pages.costs_csv, name="costs-csv"),
    path("costs/prices/reprice/", cost_pages.reprice, name="reprice"),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("health", health.health, name="health"),
    path("ready", health.ready, name="ready"),
    path("", include("api.urls")),
]
