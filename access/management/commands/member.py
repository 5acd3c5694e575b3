"""`member`: make members and change their role, projects, password and access from the command line."""

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.db import transaction

from access import members
from access.audit import AuditSubject
from access.errors import Invalid
from access.models import Member
from access.operating import Error, OperatorCommand, names_in
from access.roles import Role, role_named


class Command(OperatorCommand):
    """People who log in to the pages."""

    help = "Make members, and change their role, projects, password and access."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the deeds."""
        deeds = parser.add_subparsers(
            dest="deed", required=True, metavar="create|list|role|projects|password|deactivate|reactivate"
        )
        create = deeds.add_parser("create", help="make a member")
        create.add_argument("username")
        create.add_argument(
            "--role", default=Role.COLLABORATOR.value, help="guest, collaborator (default), admin or owner"
        )
        create.add_argument("--email", default="")
        _add_scope(create)
        _add_password(create)
        deeds.add_parser("list", help="show the members")
        role = deeds.add_parser("role", help="give a member another role")
        role.add_argument("username")
        role.add_argument("role")
        projects = deeds.add_parser("projects", help="let a member see exactly these projects")
        projects.add_argument("username")
        _add_scope(projects)
        password = deeds.add_parser("password", help="give a member a new password")
        password.add_argument("username")
        _add_password(password)
        for deed, told in (("deactivate", "keep a member out"), ("reactivate", "let a member in again")):
            deeds.add_parser(deed, help=told).add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the one deed; a write and its audit row stand or fall together."""
        with transaction.atomic():
            getattr(self, options["deed"])(options)

    def create(self, options: dict[str, Any]) -> None:
        """Make a member."""
        role = _role(options["role"])
        names = None if options["all_projects"] else names_in(options["project"])
        if not names and names is not None and role != Role.OWNER:
            raise Invalid("A member needs a project.", hint="Give --project NAME, or --all-projects.")
        password = self.chosen_password(options)
        member = members.make_member(
            self.operator, options["username"], role, password=password, email=options["email"], project_names=names
        )
        self.done("create_member", member, f"Made: {_described(member)}.")
        self.show_generated(options, password)

    def list(self, options: dict[str, Any]) -> None:
        """Show the members."""
        head = ("USERNAME", "NAME", "ROLE", "PROJECTS", "STATE", "LAST LOGIN")
        self.table(head, [_row(member) for member in Member.objects.prefetch_related("projects").order_by("username")])

    def role(self, options: dict[str, Any]) -> None:
        """Give a member another role."""
        member = members.change_role(self.operator, self.found(options), _role(options["role"]))
        self.done("change_role", member, f"Changed: {_described(member)}.")

    def projects(self, options: dict[str, Any]) -> None:
        """Let a member see exactly these projects."""
        names = None if options["all_projects"] else names_in(options["project"])
        member = members.set_projects(self.operator, self.found(options), names)
        self.done("set_projects", member, f"Changed: {_described(member)}.")

    def password(self, options: dict[str, Any]) -> None:
        """Give a member a new password."""
        member = self.found(options)
        password = self.chosen_password(options)
        members.set_password(self.operator, member, password)
        self.done("set_password", member, f"Changed: the password of {member.username}.")
        self.show_generated(options, password)

    def deactivate(self, options: dict[str, Any]) -> None:
        """Keep a member out."""
        member = members.deactivate_member(self.operator, self.found(options))
        self.done("deactivate_member", member, f"Deactivated: {member.username}; their tokens do not work any more.")

    def reactivate(self, options: dict[str, Any]) -> None:
        """Let a member in again."""
        member = members.reactivate_member(self.operator, self.found(options))
        self.done("reactivate_member", member, f"Active again: {member.username}.")

    def found(self, options: dict[str, Any]) -> Member:
        """The member named."""
        return members.find_member(self.operator, options["username"])

    def done(self, deed: str, member: Member, told: str) -> None:
        """Audit the deed and tell of it."""
        self.audit(deed, AuditSubject("member", str(member.pk), member.username))
        self.stdout.write(told)

    def chosen_password(self, options: dict[str, Any]) -> str:
        """A generated password, or one typed twice, or the first line of a pipe."""
        if options["generate"]:
            return members.new_password()
        if not sys.stdin.isatty():
            return sys.stdin.readline().rstrip("\n")
        first = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != first:
            raise Error("The two passwords differ.")
        return first

    def show_generated(self, options: dict[str, Any], password: str) -> None:
        """Show a generated password for the only time."""
        if options["generate"]:
            self.stdout.write("This is the password. Keep it now, it is not shown again:")
            self.stdout.write(password)


def _add_scope(parser: ArgumentParser) -> None:
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("--project", action="append", metavar="NAME", help="a project they see; repeat for more")
    scope.add_argument("--all-projects", action="store_true", help="every project, also those made later")


def _add_password(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--generate", action="store_true", help="make a random password and show it, instead of asking for one"
    )


def _role(word: str) -> Role:
    try:
        return role_named(word)
    except ValueError as error:
        raise Invalid(f"{error} Choose one of {', '.join(Role.values)}.") from error


def _scope(member: Member) -> str:
    if member.all_projects or member.role == Role.OWNER:
        return "all projects"
    return ", ".join(project.name for project in member.projects.all()) or "no project"


def _row(member: Member) -> tuple[str, ...]:
    state = "active" if member.is_active else "deactivated"
    login = f"{member.last_login:%Y-%m-%d %H:%M}" if member.last_login else "never"
    return member.username, member.get_full_name() or "–", member.role, _scope(member), state, login


def _described(member: Member) -> str:
    return f"{member.username} ({member.role}, {_scope(member)})"
