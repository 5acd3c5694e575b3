"""Django app configuration."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class MemoriesConfig(AppConfig):
    """What was learnt."""

    name = "memories"
    verbose_name = "Memories"

    def ready(self) -> None:
        """After each migration the rows exist that saving needs: types and an embedding space."""
        post_migrate.connect(_make_first_rows, sender=self)


def _make_first_rows(**_: Any) -> None:
    from memories.embedding.spaces import ensure_wanted_space
    from memories.types import make_default_types

    make_default_types()
    ensure_wanted_space()
