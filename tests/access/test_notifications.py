"""Members are told in the portal at once, and by mail after the transaction; only those who see the project."""

from datetime import timedelta

import pytest
from django.utils import timezone

from access.callers import Caller
from access.errors import Invalid
from access.members import deactivate_member
from access.models import Notification
from access.notifications import (
    mail_notification,
    mail_what_was_missed,
    mark_read,
    notify,
    set_mail_notifications,
)
from access.roles import Role
from access.tasks import mail_notification as mail_task
from access.tasks import mail_what_was_missed as sweep_task


@pytest.fixture
def with_mail(settings):
    settings.EMAIL_IS_SET = True
    settings.PORTAL_URL = "https://portal.example.com"


@pytest.fixture
def everybody(owner, collaborator, stranger) -> list[int]:
    return [owner.member.pk, collaborator.member.pk, stranger.member.pk]


def told(project, members, **more):
    return notify(members, project, **{"kind": "moved", "words": "A moved  to\n done", "link": "/r/1/", **more})


def test_those_who_see_the_project_are_told(owner, collaborator, stranger, app, everybody):
    told(app, [*everybody, *everybody])
    rows = Notification.objects.order_by("member__username")
    assert [(row.member, row.project, row.kind, row.words, row.link, row.mail_due) for row in rows] == [
        (collaborator.member, app, "moved", "A moved to done", "/r/1/", False),
        (owner.member, app, "moved", "A moved to done", "/r/1/", False),
    ]
    assert Notification.objects.of(collaborator.caller).unread().get() == rows[0]
    assert not Notification.objects.of(stranger.caller).exists()
    assert not Notification.objects.of(Caller(name="bot", role=Role.OWNER, project_ids=None)).exists()


def test_who_left_the_project_reads_nothing_of_it_any_more(collaborator, app, everybody):
    told(app, everybody)
    collaborator.member.memberships.all().delete()
    left = Caller(name="carl", role=Role.COLLABORATOR, project_ids=frozenset(), member_id=collaborator.member.pk)
    assert not Notification.objects.of(left).exists()
    assert mark_read(left) == 0


def test_each_marks_their_own_as_read(owner, collaborator, stranger, app, everybody):
    told(app, everybody)
    told(app, everybody, words="second")
    first = Notification.objects.of(collaborator.caller).last()
    assert (mark_read(stranger.caller), mark_read(owner.caller, [first.pk])) == (0, 0)
    assert (mark_read(collaborator.caller, [first.pk]), mark_read(collaborator.caller, [first.pk])) == (1, 0)
    assert [row.words for row in Notification.objects.of(collaborator.caller).unread()] == ["second"]
    assert mark_read(collaborator.caller) == 1
    assert Notification.objects.of(owner.caller).unread().count() == 2


def test_one_mail_follows_the_commit(
    with_mail, owner, collaborator, app, everybody, mailoutbox, django_capture_on_commit_callbacks
):
    set_mail_notifications(owner.caller, False)
    with django_capture_on_commit_callbacks() as callbacks:
        told(app, everybody, words="w" * 600)
    assert (len(callbacks), mailoutbox) == (1, [])
    (due,) = Notification.objects.filter(mail_due=True)
    assert [mail_task(due.pk), mail_task(due.pk)] == [True, False]
    (mail,) = mailoutbox
    assert (mail.to, mail.subject) == (["carl@example.com"], "w" * 119 + "…")
    assert mail.body.startswith("w" * 499 + "…\n\nhttps://portal.example.com/r/1/\n")
    assert mail.alternatives == []


def test_no_mail_without_a_mail_server(app, everybody, mailoutbox, settings, django_capture_on_commit_callbacks):
    settings.EMAIL_IS_SET = False
    with django_capture_on_commit_callbacks() as callbacks:
        told(app, everybody)
    assert (callbacks, mail_what_was_missed(), mailoutbox) == ([], 0, [])
    assert Notification.objects.count() == 2


@pytest.mark.parametrize("change", ["read", "switched off", "left", "gone"])
def test_no_mail_to_who_needs_none_any_more(with_mail, owner, collaborator, app, mailoutbox, change):
    (row,) = told(app, [collaborator.member.pk])
    if change == "read":
        mark_read(collaborator.caller)
    elif change == "switched off":
        set_mail_notifications(collaborator.caller, False)
    elif change == "left":
        collaborator.member.memberships.all().delete()
    else:
        deactivate_member(owner.caller, collaborator.member)
    assert (mail_notification(row.pk), mailoutbox) == (False, [])
    row.refresh_from_db()
    assert row.mail_due is False


def test_the_sweep_sends_what_was_missed_and_drops_what_is_old(with_mail, owner, collaborator, app, mailoutbox):
    told(app, [owner.member.pk], words="old")
    Notification.objects.update(at=timezone.now() - timedelta(days=1, minutes=1))
    told(app, [collaborator.member.pk], words="new")
    assert [sweep_task(), sweep_task()] == [1, 0]
    assert [(mail.to, mail.subject) for mail in mailoutbox] == [(["carl@example.com"], "new")]
    assert not Notification.objects.filter(mail_due=True).exists()


def test_a_mail_that_fails_stays_due(with_mail, collaborator, app, settings):
    told(app, [collaborator.member.pk])
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = (
        "django.core.mail.backends.smtp.EmailBackend",
        "127.0.0.1",
        1,
    )
    assert mail_what_was_missed() == 0
    assert Notification.objects.get().mail_due is True


def test_who_is_no_member_has_no_mails(db):
    with pytest.raises(Invalid, match="Only a member"):
        set_mail_notifications(Caller(name="bot", role=Role.OWNER, project_ids=None), False)
