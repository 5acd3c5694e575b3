"""`up`: the whole portal in the foreground."""

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from zikra_portal.embedded.errors import StartError
from zikra_portal.starting import Choices, read_env_file, run_portal
from zikra_portal.supervision import PartFailedError

DEFAULT_DATA_DIR = "~/.zikra-portal"
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7723
LAST_PORT = 65535


class Command(BaseCommand):
    """Start PostgreSQL, Valkey, migrations, web, worker and beat; stop them all on Ctrl-C.

    DATABASE_URL and REDIS_URL, from the environment or `.env`, name servers to use instead of the embedded
    ones. Ends with code 0 when asked to stop and with 1 and one line when it cannot start or go on.
    """

    help = "Start the portal: database, queue, migrations, web, worker and beat. Ctrl-C stops it."
    # It starts what the checks would ask.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the data directory and the address."""
        parser.add_argument(
            "--data-dir",
            type=Path,
            default=None,
            help=f"where everything is kept (ZIKRA_DATA_DIR, else {DEFAULT_DATA_DIR})",
        )
        parser.add_argument("--host", default=None, help=f"address to listen on (ZIKRA_HOST, else {DEFAULT_HOST})")
        parser.add_argument(
            "--port",
            type=_port,
            default=None,
            help=f"port to listen on, 0 for any free one (ZIKRA_PORT, else {DEFAULT_PORT})",
        )

    def run_from_argv(self, argv: list[str]) -> None:
        """Run without Django's frame, which reads the settings that this command is about to make."""
        self.handle(**vars(self.create_parser(argv[0], argv[1]).parse_args(argv[2:])))

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until asked to stop."""
        read_env_file()
        data_dir = options["data_dir"] or Path(os.environ.get("ZIKRA_DATA_DIR") or DEFAULT_DATA_DIR)
        port = options["port"]
        if port is None:
            port = _port(os.environ.get("ZIKRA_PORT") or str(DEFAULT_PORT))
        host = options["host"] or os.environ.get("ZIKRA_HOST") or DEFAULT_HOST
        try:
            run_portal(Choices(data_dir.expanduser().absolute(), host, port), self._say)
        except StartError as error:
            for line in error.details if isinstance(error, PartFailedError) else ():
                self.stderr.write(f"  | {line}")
            self.stderr.write(str(error))
            sys.exit(1)

    def _say(self, line: str) -> None:
        try:
            self.stdout.write(line)
            self.stdout.flush()
        except BrokenPipeError:
            # Whoever read the lines has gone; that is no reason to stop. What is left must not fail at the exit again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > LAST_PORT:
        raise ArgumentTypeError(f"a port is a number from 0 to {LAST_PORT}, not {text!r}")
    return int(text)
