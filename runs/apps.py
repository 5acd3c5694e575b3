"""Django app configuration."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RunsConfig(AppConfig):
    """Sessions and runs of agents, and what they cost."""

    name = "runs"
    verbose_name = "Runs"

    def ready(self) -> None:
        """Register the checks, and fill the table of prices after its migration."""
        from runs import checks  # noqa: F401
        from runs.prices import seed_prices

        post_migrate.connect(seed_prices, dispatch_uid="runs.prices")
