"""Django app configurations of the portal's frame."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate


class PortalConfig(AppConfig):
    """The frame: commands that start the portal, health, home."""

    name = "zikra_portal"
    label = "portal"
    verbose_name = "Portal"

    def ready(self) -> None:
        """Once the scheduler's tables exist, its jobs do too; and logins tell what an ended session left undone."""
        from zikra_portal.schedule import make_missing_jobs
        from zikra_portal.session_ended import tell_after_logins

        tell_after_logins()
        post_migrate.connect(make_missing_jobs, dispatch_uid="zikra_portal.schedule")


class PortalAdminConfig(AdminConfig):
    """Django's admin on the portal's own site."""

    default_site = "zikra_portal.admin_site.PortalAdminSite"
