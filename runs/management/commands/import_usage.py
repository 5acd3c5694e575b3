"""`./zikra import-usage`: past sessions of Claude Code and Codex, recorded from their transcripts."""

import os
import platform
import sys
import time
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from access.audit import record_done
from access.callers import Caller, caller_for_member
from access.members import find_member
from access.operating import DOOR, Error, OperatorCommand
from runs.importing import Result, Tally, import_sessions
from runs.models import TOKEN_KINDS
from runs.money import shown
from runs.transcripts.discovery import Homes, Library, find_transcripts, read_sessions

BAR_WIDTH = 30
# A terminal is drawn often enough to look alive; a log gets a line now and then.
BAR_SECONDS, LINE_SECONDS = 0.1, 10.0
# More files than this of one reason are counted and not named.
NAMED_FILES = 3
MODELS_SHOWN = 10


class Command(OperatorCommand):
    """Each session is recorded once, however often it is imported; one whose transcript has grown is updated."""

    help = "Record past sessions of Claude Code and Codex as runs, with their tokens and cost, from local transcripts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to look, what to take and whom it belongs to."""
        parser.add_argument("--home", type=Path, metavar="DIR", help="another home folder than yours")
        parser.add_argument(
            "--project", default="", metavar="NAME", help="where they go; else named after each directory"
        )
        parser.add_argument("--member", metavar="USERNAME", help="whose sessions they are; else the operator's")
        parser.add_argument(
            "--machine", metavar="NAME", help="where they ran; else this one's name, or none with --home"
        )
        parser.add_argument("--since", type=_day, metavar="YYYY-MM-DD", help="leave out sessions that ended before")
        parser.add_argument("--dry-run", action="store_true", help="tell what would be recorded, and record nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, record, tell."""
        homes = Homes.of(options["home"], os.environ)
        library = find_transcripts(homes)
        if not len(library) and not library.unread:
            looked = "\n".join(f"  {folder}" for folder in homes.folders)
            self.stdout.write(f"No transcripts found. Looked in\n{looked}")
            return
        caller = self.caller_for(options["member"])
        try:
            tally = self.recorded(caller, library, options)
        except KeyboardInterrupt as stop:
            raise Error("Stopped. What is recorded stays; import again to go on.") from stop
        if tally.results[Result.NEW] + tally.results[Result.UPDATED] and not options["dry_run"]:
            record_done(self.operator, "import_usage", detail=_in_numbers(tally))
        self.tell(tally, library, dry_run=options["dry_run"])

    def caller_for(self, username: str | None) -> Caller:
        """Whose sessions they are."""
        return caller_for_member(find_member(self.operator, username), DOOR) if username else self.operator

    def recorded(self, caller: Caller, library: Library, options: dict[str, Any]) -> Tally:
        """Import everything, with a bar or lines that tell how far it is."""
        tally, progress = Tally(), Progress(len(library), library.size)
        machine = options["machine"] or ("" if options["home"] else platform.node())
        with progress:
            for imported in import_sessions(
                caller,
                read_sessions(library, progress.read),
                project_name=options["project"],
                machine=machine,
                since=options["since"],
                dry_run=options["dry_run"],
            ):
                tally.add(imported)
                progress.next()
        return tally

    def tell(self, tally: Tally, library: Library, *, dry_run: bool) -> None:
        """The summary in words."""
        self.stdout.write(f"{'Would record' if dry_run else 'Sessions'}: {_in_numbers(tally)}.")
        for reason, count in sorted(tally.reasons.items()):
            self.stdout.write(f"  skipped {count:,}: {reason}")
        self.tell_unread(library)
        if tally.broken_lines:
            self.stdout.write(f"  {tally.broken_lines:,} of {tally.lines:,} lines could not be read and were left out")
        if tally.projects:
            self.stdout.write(
                "Projects: " + ", ".join(f"{name} {n:,}" for name, n in sorted(tally.projects.items())) + "."
            )
            kinds = (f"{getattr(tally.tokens, kind) or 0:,} {_kind(kind)}" for kind in TOKEN_KINDS)
            self.stdout.write(f"Tokens: {', '.join(kinds)}.")
            self.stdout.write(
                f"Cost: {shown(tally.cost_usd)}{' without the models below' if tally.without_price else ''}."
            )
        models = sorted(tally.without_price.items(), key=lambda entry: -entry[1])
        if models:
            self.stdout.write("No price (add one under Admin → Model prices, then re-price):")
        for model, tokens in models[:MODELS_SHOWN]:
            self.stdout.write(f"  {model or 'unnamed model'}: {tokens:,} tokens")
        if len(models) > MODELS_SHOWN:
            self.stdout.write(f"  and {len(models) - MODELS_SHOWN:,} more models")

    def tell_unread(self, library: Library) -> None:
        """The files that were passed over, by reason."""
        reasons: dict[str, list[str]] = {}
        for unread in library.unread:
            reasons.setdefault(unread.reason, []).append(unread.name)
        for reason, names in sorted(reasons.items()):
            named = ", ".join(names[:NAMED_FILES]) + (", …" if len(names) > NAMED_FILES else "")
            self.stdout.write(
                f"  passed over {len(names):,} {'file' if len(names) == 1 else 'files'}, {reason}: {named}"
            )


class Progress:
    """How far a reading of files is: a bar that is drawn again on a terminal, a line now and then elsewhere."""

    def __init__(self, sessions: int, size: int) -> None:
        self.sessions, self.size = sessions, max(size, 1)
        self.done = self.bytes = 0
        self.is_terminal = sys.stderr.isatty()
        self.drawn_at = time.monotonic()

    def __enter__(self) -> "Progress":
        if self.is_terminal:
            self.draw()
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def read(self, count: int) -> None:
        """So many bytes more were read."""
        self.bytes += count
        if time.monotonic() - self.drawn_at >= (BAR_SECONDS if self.is_terminal else LINE_SECONDS):
            self.draw()

    def next(self) -> None:
        """One session more is done."""
        self.done += 1

    def draw(self) -> None:
        """Show it now."""
        self.drawn_at = time.monotonic()
        share = min(self.bytes / self.size, 1.0)
        told = f"{share:4.0%}  {self.done:,} of {self.sessions:,} sessions, {self.bytes / 1e6:,.0f} of {self.size / 1e6:,.0f} MB"
        bar = "█" * round(share * BAR_WIDTH)
        sys.stderr.write(f"\r\x1b[K{bar:░<{BAR_WIDTH}} {told}" if self.is_terminal else f"{told.strip()}\n")
        sys.stderr.flush()


def _day(text: str) -> datetime:
    """The beginning of a day in the costs' time zone. The parser turns the ValueError into words."""
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=ZoneInfo(settings.COST_TIME_ZONE))


_day.__name__ = "day"


def _in_numbers(tally: Tally) -> str:
    counts = ", ".join(f"{count:,} {result.value}" for result, count in tally.results.items())
    return f"{tally.sessions:,} found, {counts}"


def _kind(name: str) -> str:
    return {
        "tokens_input": "input",
        "tokens_output": "output",
        "tokens_cache_read": "read from the cache",
        "tokens_cache_write_5m": "written to it for 5 minutes",
        "tokens_cache_write_1h": "for an hour",
    }[name]
