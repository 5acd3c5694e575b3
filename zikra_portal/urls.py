"""Every address of the portal."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from zikra_portal import health, home

urlpatterns = [
    path("", home.home, name="home"),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("health", health.health, name="health"),
    path("ready", health.ready, name="ready"),
    path("", include("api.urls")),
]
