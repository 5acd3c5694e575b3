"""`token`: make, list, rotate and revoke role tokens from the command line."""

from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from access.audit import AuditSubject
from access.errors import Invalid
from access.members import find_member
from access.models import RoleToken
from access.operating import OperatorCommand, as_id, names_in
from access.roles import Role, role_named
from access.tokens import MAX_EXPIRY_DAYS, NewToken, find_token, make_token, revoke_token, rotate_token


class Command(OperatorCommand):
    """Tokens open the portal to agents; a token's text is shown once, when it is made."""

    help = "Make, list, rotate and revoke the tokens that agents use."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare `create`, `list`, `rotate` and `revoke`."""
        deeds = parser.add_subparsers(dest="deed", required=True, metavar="create|list|rotate|revoke")
        create = deeds.add_parser("create", help="make a token and show it once")
        create.add_argument("--label", required=True, help="who or what uses it, such as 'ana, laptop'")
        create.add_argument(
            "--role", default=Role.COLLABORATOR.value, help="guest, collaborator (default), admin or owner"
        )
        create.add_argument(
            "--project", action="append", metavar="NAME", help="a project it reaches; repeat for more; none: all"
        )
        create.add_argument(
            "--expires-in-days", type=int, metavar="N", help=f"1 to {MAX_EXPIRY_DAYS}; without it never"
        )
        create.add_argument(
            "--rate", type=int, metavar="N", help="commands a minute, 0 for no limit; without it the portal's"
        )
        create.add_argument("--member", metavar="USERNAME", help="the person it acts for")
        listing = deeds.add_parser("list", help="show the tokens")
        listing.add_argument("--all", action="store_true", help="also expired, replaced and revoked ones")
        rotate = deeds.add_parser("rotate", help="replace a token by a new one of the same role and scope")
        rotate.add_argument("token", metavar="ID|LABEL")
        rotate.add_argument(
            "--grace-hours", type=float, default=0.0, metavar="N", help="how long the old one still works"
        )
        revoke = deeds.add_parser("revoke", help="close the door for a token at once")
        revoke.add_argument("token", metavar="ID|LABEL")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the one deed."""
        {"create": self.create, "list": self.list, "rotate": self.rotate, "revoke": self.revoke}[options["deed"]](
            options
        )

    def create(self, options: dict[str, Any]) -> None:
        """Make a token."""
        with transaction.atomic():
            new = make_token(
                self.operator,
                options["label"],
                _role(options["role"]),
                project_names=names_in(options["project"]) or None,
                expires_at=_expiry(options["expires_in_days"]),
                member=find_member(self.operator, options["member"]) if options["member"] else None,
                rate_per_minute=options["rate"],
            )
            self.audit("create_token", _subject(new.row))
        self.show(new, "Made")

    def list(self, options: dict[str, Any]) -> None:
        """Show the tokens, newest first."""
        tokens = RoleToken.objects.prefetch_related("projects").order_by("-created_at")
        shown = [token for token in tokens if options["all"] or token.state == "active"]
        head = ("ID", "LABEL", "ROLE", "PROJECTS", "STATE", "EXPIRES", "LAST USED", "HITS")
        self.table(head, [_row(token) for token in shown])

    def rotate(self, options: dict[str, Any]) -> None:
        """Replace a token's secret."""
        if not 0 <= options["grace_hours"] <= 24 * MAX_EXPIRY_DAYS:
            raise Invalid(
                f"Hours of grace lie between 0 and {24 * MAX_EXPIRY_DAYS}, not at {options['grace_hours']:g}."
            )
        old = self.found(options["token"])
        with transaction.atomic():
            new = rotate_token(self.operator, old, grace=timedelta(hours=options["grace_hours"]))
            self.audit("rotate_token", _subject(new.row))
        self.show(new, "Rotated")
        ends = (
            f"works for {options['grace_hours']:g} more hours" if options["grace_hours"] else "does not work any more"
        )
        self.stdout.write(f"The old one ({old.prefix}…) {ends}.")

    def revoke(self, options: dict[str, Any]) -> None:
        """Close the door for a token."""
        token = self.found(options["token"])
        with transaction.atomic():
            revoke_token(self.operator, token)
            self.audit("revoke_token", _subject(token))
        self.stdout.write(f"Revoked: {token.label} ({token.prefix}…, {token.role}, {_scope(token)}).")

    def found(self, text: str) -> RoleToken:
        """The token of this id or label."""
        token_id = as_id(text)
        return find_token(self.operator, token_id=token_id, label="" if token_id else text)

    def show(self, new: NewToken, done: str) -> None:
        """Tell what was made, and its text for the only time."""
        expiry = _day(new.row.expires_at, "")
        ends = f"until {expiry}" if expiry else "without end"
        self.stdout.write(f"{done}: {new.row.label} ({new.row.role}, {_scope(new.row)}, {ends}).")
        self.stdout.write("This is its text. Keep it now, it is not shown again:")
        self.stdout.write(new.secret)


def _role(word: str) -> Role:
    try:
        return role_named(word)
    except ValueError as error:
        raise Invalid(f"{error} Choose one of {', '.join(Role.values)}.") from error


def _expiry(days: int | None) -> datetime | None:
    if days is None:
        return None
    if not 1 <= days <= MAX_EXPIRY_DAYS:
        raise Invalid(f"A token expires in 1 to {MAX_EXPIRY_DAYS} days, not in {days}.")
    return timezone.now() + timedelta(days=days)


def _scope(token: RoleToken) -> str:
    return (
        "all projects"
        if token.all_projects
        else ", ".join(project.name for project in token.projects.all()) or "no project"
    )


def _row(token: RoleToken) -> tuple[str, ...]:
    expires, used = _day(token.expires_at, "never"), _moment(token.last_used_at)
    return str(token.pk), token.label, token.role, _scope(token), token.state, expires, used, str(token.hits)


def _day(moment: datetime | None, otherwise: str) -> str:
    return f"{moment:%Y-%m-%d}" if moment else otherwise


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "never"


def _subject(token: RoleToken) -> AuditSubject:
    return AuditSubject("token", str(token.pk), token.label)
