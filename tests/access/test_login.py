"""What a login leaves behind: its time, no row of history, and a session that goes when it is over."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from access.tasks import forget_sessions

pytestmark = pytest.mark.django_db


def test_a_login_notes_its_time_and_makes_no_row_of_history(client, collaborator):
    member = collaborator.member
    member.first_name = "Carla"
    member.save(update_fields=["first_name"])
    assert member.history.count() == 1
    before = timezone.now()
    client.force_login(member)
    member.refresh_from_db()
    assert (member.last_login >= before, member.history.count()) == (True, 1)
    # The same object makes history again.
    member.last_name = "Olsen"
    member.save(update_fields=["last_name", "last_login"])
    assert member.history.count() == 2


def test_sessions_that_are_over_go_and_the_others_stay(client, owner, collaborator):
    over = Client()
    over.force_login(collaborator.member)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    client.force_login(owner.member)
    assert (forget_sessions(), forget_sessions()) == (1, 0)
    assert [browser.get("/").status_code for browser in (client, over)] == [200, 302]
