"""`demo`: fill an empty portal with a believable month of a small team, and take it out again."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from access.audit import AuditSubject
from access.operating import Error, OperatorCommand
from zikra_portal.demo.filling import fill_demo
from zikra_portal.demo.removing import has_demo, remove_demo


class Command(OperatorCommand):
    """Demo data to look around in: marked as such on every page, removable by one command."""

    help = "Fill an empty portal with demo data; --again renews it, --remove takes it out."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare --again, --remove and --yes."""
        deed = parser.add_mutually_exclusive_group()
        deed.add_argument("--again", action="store_true", help="put new demo data in the place of the old")
        deed.add_argument("--remove", action="store_true", help="remove all demo data and nothing else")
        parser.add_argument("--yes", action="store_true", help="remove without asking")

    def handle(self, *args: Any, **options: Any) -> None:
        """Fill, renew or remove."""
        if options["remove"]:
            self.remove(asks=not options["yes"])
        else:
            self.fill(again=options["again"])

    def fill(self, *, again: bool) -> None:
        """Fill the portal, and show the password for the only time."""
        filled = fill_demo(again=again)
        self.audit("fill_demo", AuditSubject("portal", "", "demo"))
        made = ", ".join(f"{count} {name}" for name, count in filled.counts.items())
        self.stdout.write(f"Filled the portal with demo data: {made}.")
        self.stdout.write(f"Log in at {settings.PORTAL_URL} as one of {', '.join(filled.usernames)}.")
        self.stdout.write("All of them have this password. Keep it now, it is not shown again:")
        self.stdout.write(filled.password)
        self.stdout.write("Remove it all with ./zikra demo --remove.")

    def remove(self, *, asks: bool) -> None:
        """Remove the demo once the operator has typed yes."""
        if not has_demo():
            self.stdout.write("There is no demo data here.")
            return
        if asks and not self.is_confirmed():
            raise Error("Nothing was removed; type yes, or give --yes.")
        gone = remove_demo()
        self.audit("remove_demo", AuditSubject("portal", "", "demo"))
        self.stdout.write(f"Removed the demo data: {', '.join(f'{count} {name}' for name, count in gone.items())}.")

    def is_confirmed(self) -> bool:
        """Whether the operator types yes. What is no terminal and sends nothing does not."""
        self.stdout.write(
            "This removes the demo's projects with all that they hold, also what was added to them since,"
        )
        self.stdout.write("and its members and tokens. Other projects stay as they are.")
        try:
            return input("Type yes to remove it: ").strip().lower() == "yes"
        except EOFError:
            return False
