"""Telling members what concerns them: in the portal at once, by mail after the transaction."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis import RedisError

from access.callers import Caller
from access.errors import Invalid
from access.models import Member, Notification, Project

log = structlog.get_logger(__name__)

WORDS_LENGTH = 500
SUBJECT_LENGTH = 120
# What could not be mailed for a day is no news any more; it still stands in the portal.
MAIL_WITHIN = timedelta(days=1)
# Enough for a minute's sweep, and short enough to end before the next.
MAILS_A_SWEEP = 200


def notify(member_ids: Iterable[int], project: Project, *, kind: str, words: str, link: str = "") -> list[Notification]:
    """Tell members about something in a project: those of them who may log in and see it.

    Part of the caller's transaction; mails follow its commit. kind: one word. words: one line, cut to 500 characters.
    link: path within the portal.
    """
    told = Member.objects.seeing(project).filter(pk__in=set(member_ids)).order_by("pk")
    line = _cut(" ".join(words.split()), WORDS_LENGTH)
    written = Notification.objects.bulk_create(
        [
            Notification(member=member, project=project, kind=kind, words=line, link=link, mail_due=_wants_mail(member))
            for member in told
        ]
    )
    for notification in written:
        if notification.mail_due:
            transaction.on_commit(partial(_have_mailed, notification.pk), robust=True)
    return written


def mark_read(caller: Caller, ids: Iterable[int] | None = None, *, at: datetime | None = None) -> int:
    """Mark notifications of the caller's member as read, all of them with None; answers how many were unread.

    at: the moment that is kept, now when left out; `mark_unread` takes back what has it.
    """
    unread = Notification.objects.of(caller).unread()
    chosen = unread if ids is None else unread.filter(pk__in=list(ids))
    return chosen.update(read_at=at or timezone.now())


def mark_unread(caller: Caller, read_at: datetime) -> int:
    """Take back a `mark_read`: what the caller's member read at that very moment is unread again; answers how many."""
    return Notification.objects.of(caller).filter(read_at=read_at).update(read_at=None)


def mail_is_set() -> bool:
    """Whether this portal sends mails at all."""
    return bool(settings.EMAIL_IS_SET)


def set_mail_notifications(caller: Caller, wanted: bool) -> Member:
    """Switch mails on or off for the caller's own member. Raises Invalid for a caller who acts for no member."""
    member = Member.objects.filter(pk=caller.member_id or 0).first()
    if member is None:
        raise Invalid("Only a member has mails to switch; this caller acts for none.")
    member.mail_notifications = wanted
    member.save(update_fields=["mail_notifications"])
    return member


def mail_notification(notification_id: int) -> bool:
    """Send the mail about a notification, once; answers whether it was sent.

    Nothing is sent to who has read it meanwhile, switched mails off, or sees the project no more. A mail that fails is
    tried again by the sweep.
    """
    with transaction.atomic():
        due = Notification.objects.select_for_update(skip_locked=True, of=("self",)).select_related("member", "project")
        notification = due.filter(pk=notification_id, mail_due=True).first()
        if notification is None:
            return False
        is_wanted = notification.read_at is None and _wants_mail(notification.member) and _still_sees(notification)
        if is_wanted:
            send_mail(
                _cut(notification.words, SUBJECT_LENGTH),
                _mail_text(notification),
                settings.DEFAULT_FROM_EMAIL,
                [notification.member.email],
            )
        notification.mail_due = False
        notification.save(update_fields=["mail_due"])
    return is_wanted


def mail_what_was_missed() -> int:
    """Send mails that no message announced, or that failed; answers how many. Those older than a day are dropped."""
    now = timezone.now()
    due = Notification.objects.filter(mail_due=True)
    due.filter(at__lt=now - MAIL_WITHIN).update(mail_due=False)
    sent = 0
    for notification_id in list(due.order_by("pk").values_list("pk", flat=True)[:MAILS_A_SWEEP]):
        try:
            sent += mail_notification(notification_id)
        except OSError as error:
            # Every failure of SMTP is one; an address that is refused must not hold up the others.
            log.warning("notification_not_mailed", notification_id=notification_id, error=str(error))
    return sent


def _have_mailed(notification_id: int) -> None:
    from access.tasks import mail_notification

    try:
        mail_notification.delay(notification_id)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("notification_mail_not_queued", notification_id=notification_id, error=str(error))


def _wants_mail(member: Member) -> bool:
    return bool(mail_is_set() and member.mail_notifications and member.email)


def _still_sees(notification: Notification) -> bool:
    if notification.project is None:
        return notification.member.is_active
    return Member.objects.seeing(notification.project).filter(pk=notification.member_id).exists()


def _mail_text(notification: Notification) -> str:
    link = f"{settings.PORTAL_URL}{notification.link}\n" if notification.link else ""
    return f"{notification.words}\n\n{link}\nYou can switch these mails off in the portal.\n"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"
