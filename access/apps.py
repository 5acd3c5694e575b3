"""Django app configuration."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Projects, members, role tokens, callers and the audit trail."""

    name = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        """Register the checks of the settings."""
        from access import checks  # noqa: F401
