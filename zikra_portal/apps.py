"""Django app configurations of the portal's frame."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class PortalConfig(AppConfig):
    """The frame: commands that start the portal, health, home."""

    name = "zikra_portal"
    label = "portal"
    verbose_name = "Portal"


class PortalAdminConfig(AdminConfig):
    """Django's admin on the portal's own site."""

    default_site = "zikra_portal.admin_site.PortalAdminSite"
