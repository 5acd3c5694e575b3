"""`first_owner`: see to it that a fresh portal can be entered; `./zikra up` calls it at each start."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from access.first_owner import FirstOwner
from access.operating import Error, OperatorCommand


class Command(OperatorCommand):
    """Make the first owner and their token, if they are missing."""

    help = "Make the first owner if there is none, and write their token and password into the data directory."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare where the files lie."""
        parser.add_argument("--data-dir", type=Path, required=True, help="directory for owner.token and owner.password")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what is missing and tell it, one line each."""
        try:
            FirstOwner(Path(options["data_dir"]), self.stdout.write).ensure()
        except OSError as error:
            where = error.filename or options["data_dir"]
            raise Error(f"The first owner's files cannot be written: {error.strerror or error} ({where}).") from error
