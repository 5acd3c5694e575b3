"""Django app configuration."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The doors that agents use."""

    name = "api"
    verbose_name = "API"
