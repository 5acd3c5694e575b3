"""Django app configuration."""

from django.apps import AppConfig


class MemoriesConfig(AppConfig):
    """What was learnt."""

    name = "memories"
    verbose_name = "Memories"
