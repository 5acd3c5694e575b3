"""Django app configuration."""

from django.apps import AppConfig


class RunsConfig(AppConfig):
    """Sessions and runs of agents."""

    name = "runs"
    verbose_name = "Runs"
