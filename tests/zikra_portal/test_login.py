"""Login: one page for everybody, closed to sign-ups, shut after too many tries."""

import pytest
from django.core.cache import cache
from django.urls import reverse

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _fresh_counts():
    cache.clear()


def log_in(client, login, password=PASSWORD, **more):
    return client.post(reverse("account_login"), {"login": login, "password": password, **more})


@pytest.mark.parametrize("login", ["carl", "carl@example.com"])
def test_name_or_address_and_password_open_the_portal(client, collaborator, login):
    answer = log_in(client, login)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.get("/").status_code == 200


def test_the_login_returns_to_the_page_that_was_asked_for(client, collaborator):
    assert log_in(client, "carl", next="/admin/memories/memory/")["Location"] == "/admin/memories/memory/"


def test_the_login_leads_nowhere_else(client, collaborator):
    assert log_in(client, "carl", next="https://evil.example/")["Location"] == "/"


def test_a_wrong_password_is_told_in_words_and_not_which_part_was_wrong(client, collaborator):
    wrong, unknown = log_in(client, "carl", "nope"), log_in(client, "nobody", "nope")
    assert (wrong.status_code, unknown.status_code) == (200, 200)
    assert wrong.context["form"].non_field_errors() == unknown.context["form"].non_field_errors()


def test_a_member_who_is_kept_out_does_not_come_in(client, collaborator):
    type(collaborator.member).objects.filter(pk=collaborator.member.pk).update(is_active=False)
    log_in(client, "carl")
    assert client.get("/").status_code == 302


def test_nobody_signs_up(client, db):
    answer = client.get(reverse("account_signup"))
    assert "Nobody signs up alone" in answer.content.decode()
    client.post(reverse("account_signup"), {"username": "eve", "password1": PASSWORD, "password2": PASSWORD})
    from access.models import Member

    assert Member.objects.count() == 0


def test_too_many_tries_shut_the_login_in_words(client, collaborator, settings):
    # The login's own pause comes first; here the lock behind it is asked.
    settings.ACCOUNT_RATE_LIMITS = False
    settings.AXES_FAILURE_LIMIT = 3
    answers = [log_in(client, "carl", "nope") for _ in range(3)]
    assert answers[-1].status_code == 429
    assert "“carl” from your address was wrong 3 times and is closed for 1 hour." in answers[-1].content.decode()
    assert log_in(client, "carl").status_code == 429
    assert client.get("/").status_code == 302


@pytest.mark.parametrize(
    "name", ["account_login", "account_reset_password", "account_reset_password_done", "account_signup"]
)
def test_pages_before_the_login_open(client, db, name):
    answer = client.get(reverse(name))
    assert answer.status_code == 200
    assert "Zikra portal" in answer.content.decode()


@pytest.mark.parametrize("name", ["account_change_password", "mfa_index", "account_logout"])
def test_pages_of_one_s_own_account_open(client, collaborator, name):
    log_in(client, "carl")
    assert client.get(reverse(name)).status_code == 200


def test_logging_out_of_the_admin_leads_to_the_login(client, collaborator):
    log_in(client, "carl")
    assert client.get(reverse("admin:logout")).status_code == 302
    assert client.get("/").status_code == 200
    assert client.post(reverse("admin:logout"))["Location"] == "/accounts/login/"
    assert client.get("/").status_code == 302


def test_the_admin_changes_passwords_on_the_portal_s_page(client, collaborator):
    log_in(client, "carl")
    assert client.get(reverse("admin:password_change"))["Location"] == "/accounts/password/change/"
