"""`manage.py write_commands_reference`: docs/commands.md from the commands' declarations."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from api.reference import commands_page


class Command(BaseCommand):
    """Write docs/commands.md."""

    help = "Write docs/commands.md from the commands' declarations."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the page and say where."""
        page = Path(settings.BASE_DIR) / "docs" / "commands.md"
        page.write_text(commands_page())
        self.stdout.write(f"Wrote {page}")
