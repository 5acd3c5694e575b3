"""What the reader was told: notices of projects that they see, newest first, and whether mails follow."""

from datetime import UTC, datetime, timedelta

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from access.callers import Caller
from access.models import Notification
from access.notifications import mail_is_set, mark_read, mark_unread, set_mail_notifications
from access.pages import caller_of
from zikra_portal.deeds import Done, answer, attempt, deed_view
from zikra_portal.tables import page_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@login_required
def notifications(request: HttpRequest) -> HttpResponse:
    """The reader's notices, 50 a page; `?show=unread` leaves out what was read."""
    told = Notification.objects.of(caller_of(request)).select_related("project").order_by("-pk")
    only_unread = request.GET.get("show") == "unread"
    context = {
        "page": page_of(request, told.unread() if only_unread else told),
        "only_unread": only_unread,
        "mail_is_set": mail_is_set(),
    }
    return render(request, "notifications/notifications.html", context)


@deed_view
def open_notification(request: HttpRequest, notification_id: int) -> HttpResponse:
    """Mark one as read and go to what it tells about."""
    caller = caller_of(request)
    notice = Notification.objects.of(caller).filter(pk=notification_id).first()
    if notice is None:
        raise Http404
    mark_read(caller, [notice.pk])
    return HttpResponseRedirect(notice.link or reverse("notifications"))


@deed_view
def read_all(request: HttpRequest) -> HttpResponse:
    """Mark everything as read; one press takes it back."""
    now = timezone.now()

    def act(caller: Caller) -> Done:
        count = mark_read(caller, at=now)
        undo = reverse("notifications-unread", args=[(now - EPOCH) // timedelta(microseconds=1)])
        words = (
            f"Marked {count} notice{'' if count == 1 else 's'} as read." if count else "Everything was read already."
        )
        return Done(words, undo=undo if count else "")

    return answer(request, attempt(request, "read_notifications", act), reverse("notifications"))


@deed_view
def unread(request: HttpRequest, microseconds: int) -> HttpResponse:
    """Take back what `read_all` did at that moment, told in microseconds since 1970."""

    def act(caller: Caller) -> Done:
        count = mark_unread(caller, _moment(microseconds))
        return Done(f"{count} notice{' is' if count == 1 else 's are'} unread again.")

    return answer(request, attempt(request, "unread_notifications", act), reverse("notifications"))


def _moment(microseconds: int) -> datetime:
    try:
        return EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        raise Http404 from None


@deed_view
def switch_mails(request: HttpRequest) -> HttpResponse:
    """Send the reader mails about notices from now on (`wanted=yes`), or none."""
    wanted = request.POST.get("wanted") == "yes"

    def act(caller: Caller) -> Done:
        set_mail_notifications(caller, wanted)
        return Done("Mails about notices are on." if wanted else "Mails about notices are off.")

    return answer(request, attempt(request, "switch_mails", act, kind="member"), reverse("notifications"))
