"""`./zikra embedding_progress`: how far the embedding of memories is."""

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from memories.embedding.spaces import SpaceProgress, progress
from memories.models import PassageVector


class Command(BaseCommand):
    """Print one line for each embedding space in use; with --json one JSON object for the answering one."""

    help = "How far the embedding of memories is: embedded, waiting, failed, and the age of the oldest that waits."

    def add_arguments(self, parser: CommandParser) -> None:
        """The form of the output, and whether to go on."""
        parser.add_argument("--json", action="store_true", help="one JSON object for programs")
        parser.add_argument(
            "--every", type=float, metavar="SECONDS", help="tell it again so often, until nothing waits any more"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Read and print, once or until nothing waits."""
        pause = options["every"]
        if pause is not None and pause <= 0:
            raise CommandError(f"--every takes seconds above 0, not {pause:g}.")
        while True:
            rows = progress()
            self._tell(rows, as_json=options["json"])
            if pause is None or not any(row.waiting for row in rows):
                return
            time.sleep(pause)

    def _tell(self, rows: list[SpaceProgress], *, as_json: bool) -> None:
        if as_json:
            answering = next((row for row in rows if row.space.state == "active"), None)
            self.stdout.write(json.dumps(_figures(answering) if answering else {}))
            self.stdout.flush()
            return
        for row in rows:
            self.stdout.write(
                f"{row.space} ({row.space.state}): {row.embedded} of {row.total} embedded ({row.share:.0%}), "
                f"{row.waiting} waiting, {row.failed} failed, oldest waits {row.lag.total_seconds():.0f} s"
            )
        if not rows:
            self.stdout.write("No embedding space: EMBEDDING_PROVIDER is 'none', search works by keywords.")


def _figures(row: SpaceProgress) -> dict[str, float]:
    return {
        "embedded": row.embedded,
        "waiting": row.waiting,
        "failed": row.failed,
        "lag": round(row.lag.total_seconds(), 1),
        "vectors": PassageVector.objects.filter(space=row.space).count(),
    }
