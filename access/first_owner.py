"""The first owner: a login and a token, so that a fresh portal can be entered. Safe to repeat and to run twice at once."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.db import connection, transaction

from access.audit import AuditSubject, record_done
from access.callers import Caller, system_caller
from access.members import make_member, new_password
from access.models import Member, RoleToken
from access.roles import Role
from access.tokens import TOKEN_START, make_token, revoke_token, token_for_secret

USERNAME = "owner"
LABEL = "first owner"
TOKEN_FILE = "owner.token"  # noqa: S105 - a file's name
PASSWORD_FILE = "owner.password"  # noqa: S105 - a file's name
# Any number that no other lock of the portal uses: "owner" on a telephone's keys.
LOCK = 69637


@dataclass(frozen=True)
class FirstOwner:
    """The files of the first owner in a data directory, and where to tell what is done."""

    directory: Path
    tell: Callable[[str], object]

    @property
    def caller(self) -> Caller:
        """The portal itself."""
        return system_caller("first start", "console")

    def ensure(self) -> None:
        """See to it that an owner can log in and that the token's file opens the portal.

        Raises OSError when the files cannot be written; then nothing was made.
        """
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not Member.objects.active_owners().exists():
                self._make_member()
            self._ensure_token()

    def _make_member(self) -> None:
        username, number = USERNAME, 2
        while Member.objects.filter(username__iexact=username).exists():
            username, number = f"{USERNAME}{number}", number + 1
        password = new_password()
        member = make_member(self.caller, username, Role.OWNER, password=password, project_names=None)
        record_done(self.caller, "create_member", subject=AuditSubject("member", str(member.pk), username))
        _write_private(self.directory / PASSWORD_FILE, f"{username}\n{password}\n")
        self.tell(f"Made the first owner, username {username}; the password is in {self.directory / PASSWORD_FILE}")

    def _ensure_token(self) -> None:
        file = self.directory / TOKEN_FILE
        reason = self._why_a_token_is_needed(file)
        if not reason:
            return
        for former in RoleToken.objects.usable().filter(label=LABEL, role=Role.OWNER, created_by=self.caller.name):
            revoke_token(self.caller, former)
            record_done(self.caller, "revoke_token", subject=AuditSubject("token", str(former.pk), former.label))
            self.tell(f"Revoked the former token of the first owner ({former.prefix}…)")
        owner = Member.objects.active_owners().order_by("pk").first()
        new = make_token(self.caller, LABEL, Role.OWNER, member=owner)
        record_done(self.caller, "create_token", subject=AuditSubject("token", str(new.row.pk), LABEL))
        _write_private(file, f"{new.secret}\n")
        self.tell(f"Made the first owner's token, {reason}; its text is in {file}")

    def _why_a_token_is_needed(self, file: Path) -> str:
        """Empty when the file's token is this portal's, also when an owner has revoked it since."""
        try:
            text = file.read_text(errors="replace").strip()
        except FileNotFoundError:
            return f"because there was no {file.name}"
        prefix = text.removeprefix(f"{TOKEN_START}_").partition("_")[0].replace("\x00", "")
        known = RoleToken.objects.filter(prefix=prefix).first()
        if known is None:
            return f"because {file.name} held none of this portal's"
        if (
            known.state == "active"
            and token_for_secret(text) is None
            and (known.member is None or known.member.is_active)
        ):
            return f"because the one in {file.name} no longer fits SECRET_KEY"
        return ""


def _write_private(file: Path, text: str) -> None:
    """Put a file in place whole, readable by its owner only. Raises OSError."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(name, file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
