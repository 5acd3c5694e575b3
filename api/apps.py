"""Django app configuration."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The doors that agents use."""

    name = "api"
    verbose_name = "API"

    def ready(self) -> None:
        """Declare every command; a bad declaration stops the start."""
        from api.registry import load_commands

        load_commands()
