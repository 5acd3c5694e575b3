"""Every address of the portal."""

from django.contrib import admin
from django.urls import include, path

from zikra_portal import health

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("health", health.health, name="health"),
    path("ready", health.ready, name="ready"),
    path("", include("api.urls")),
]
