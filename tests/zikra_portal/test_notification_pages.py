"""Notices: each reads their own, opens what they tell of, marks them read and takes that back, and switches mails."""

import pytest

from access.models import AuditEntry, Member, Notification
from access.notifications import notify

PAGE = "/notifications/"


@pytest.fixture
def told(owner, collaborator, stranger, app) -> dict[str, Notification]:
    """What everybody was asked to be told about `app`; the stranger does not see it."""
    members = [owner.member.pk, collaborator.member.pk, stranger.member.pk]
    rows = notify(members, app, kind="moved", words="olga moved “Export” to promoted.", link="/requirements/x/")
    return {row.member.username: row for row in rows}


def test_each_sees_their_own(client, owner, collaborator, stranger, told):
    shown = {}
    for person in (owner, collaborator, stranger):
        client.force_login(person.member)
        page = client.get(PAGE)
        shown[person.member.username] = [notice.pk for notice in page.context["page"]], page.context["frame"].unread
    assert shown == {"olga": ([told["olga"].pk], 1), "carl": ([told["carl"].pk], 1), "sven": ([], 0)}
    assert "Nobody has told you anything yet" in page.content.decode()


def test_opening_one_reads_it_and_leads_there(client, collaborator, told):
    client.force_login(collaborator.member)
    answer = client.post(f"{PAGE}{told['carl'].pk}/")
    assert (answer.status_code, answer["Location"]) == (302, "/requirements/x/")
    told["carl"].refresh_from_db()
    assert told["carl"].read_at is not None
    assert list(client.get(PAGE, {"show": "unread"}).context["page"]) == []


def test_nobody_opens_what_others_were_told(client, collaborator, stranger, told):
    for person, whose in ((stranger, "carl"), (collaborator, "olga")):
        client.force_login(person.member)
        assert client.post(f"{PAGE}{told[whose].pk}/").status_code == 404
    assert Notification.objects.unread().count() == 2


def test_reading_all_can_be_taken_back(client, collaborator, owner, told):
    client.force_login(collaborator.member)
    page = client.post(f"{PAGE}read/", follow=True)
    assert "Marked 1 notice as read." in page.content.decode()
    assert [row.member.username for row in Notification.objects.unread()] == ["olga"]
    (message,) = page.context["messages"]
    undo = message.extra_tags.removeprefix("undo:")
    assert f'action="{undo}"' in page.content.decode()
    page = client.post(undo, follow=True)
    assert "1 notice is unread again." in page.content.decode()
    assert Notification.objects.unread().count() == 2
    assert client.post(f"{PAGE}unread/{10**30}/").status_code == 404


def test_mails_are_switched_by_who_gets_them(client, collaborator, settings):
    client.force_login(collaborator.member)
    assert "This portal sends no mails" in client.get(PAGE).content.decode()
    settings.EMAIL_IS_SET = True
    assert "Switch mails off" in client.get(PAGE).content.decode()
    page = client.post(f"{PAGE}mails/", {"wanted": "no"}, follow=True).content.decode()
    assert "Mails about notices are off." in page
    assert "Switch mails on" in page
    assert Member.objects.get(username="carl").mail_notifications is False
    assert AuditEntry.objects.get(command="switch_mails").member_id == collaborator.member.pk


def test_strangers_to_the_portal_log_in_first(client, db):
    assert client.get(PAGE)["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("rows", [3, 60])
def test_queries_do_not_grow_with_the_notices(client, collaborator, app, rows, django_assert_num_queries):
    for number in range(rows):
        notify([collaborator.member.pk], app, kind="moved", words=f"Move {number}")
    client.force_login(collaborator.member)
    client.get(PAGE)
    with django_assert_num_queries(7):
        assert len(client.get(PAGE).context["page"].object_list) == min(rows, 50)
