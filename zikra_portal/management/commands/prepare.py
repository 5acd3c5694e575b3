"""`prepare`: what must be done before the portal serves, safe to repeat."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Check the settings, bring the database up to date and make the first owner if there is none."""

    help = "Check the settings, apply the migrations and make the first owner."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare where the first owner's token is written."""
        parser.add_argument("--data-dir", type=Path, required=True, help="directory for owner.token")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, in this order."""
        call_command("migrate", interactive=False, stdout=self.stdout, stderr=self.stderr)
        call_command("first_owner", data_dir=options["data_dir"], stdout=self.stdout, stderr=self.stderr)
