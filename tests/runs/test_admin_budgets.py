"""Budgets in the admin: seen in scope, changed by admins, audited."""

from decimal import Decimal

import pytest
from django.urls import reverse

from access.models import AuditEntry
from access.roles import Role
from runs.budgets import save_budget
from runs.models import Budget
from tests.conftest import make_person

LIST, ADD = "admin:runs_budget_changelist", "admin:runs_budget_add"


@pytest.fixture
def lead(app):
    return make_person("lena", Role.ADMIN, app)


def page(client, person, name, *args):
    client.force_login(person.member)
    return client.get(reverse(name, args=args))


def filled(project, **changed):
    return {"project": project.pk, "monthly_usd": "100", "thresholds": "50,80,100", **changed}


def test_an_admin_gives_a_project_a_budget_and_changes_it(client, lead, app):
    client.force_login(lead.member)
    assert client.post(reverse(ADD), filled(app)).status_code == 302
    budget = Budget.objects.get()
    change = reverse("admin:runs_budget_change", args=[budget.pk])
    assert client.post(change, filled(app, thresholds="", monthly_usd="7.5", hard_stop="on")).status_code == 302
    budget.refresh_from_db()
    assert (budget.project, budget.monthly_usd, budget.thresholds, budget.hard_stop) == (
        app,
        Decimal("7.5"),
        [50, 80, 100],
        True,
    )
    assert (
        list(AuditEntry.objects.values_list("command", "project", "outcome")) == [("save_budget", app.pk, "done")] * 2
    )
    remove = reverse("admin:runs_budget_do_remove_budget", args=[budget.pk])
    assert "Remove the budget" in client.get(remove).content.decode()
    assert client.post(remove).status_code == 302
    assert not Budget.objects.exists()


def test_a_refused_budget_comes_back_with_the_reason(client, lead, app):
    client.force_login(lead.member)
    answer = client.post(reverse(ADD), filled(app, thresholds="0"))
    assert "Give up to 10 thresholds between 1 and 1000 per cent, not 0." in answer.content.decode()
    assert not Budget.objects.exists()


def test_who_sees_and_changes_what(client, owner, lead, collaborator, stranger, app, secret_project):
    save_budget(owner.caller, app, Decimal("123.45"))
    save_budget(owner.caller, secret_project, Decimal("678.90"))
    guest = make_person("gus", Role.GUEST, app)
    statuses = {}
    for person in (owner, lead, collaborator, stranger, guest):
        answer = page(client, person, LIST)
        shown = [amount for amount in ("123.45", "678.9") if amount in answer.content.decode()]
        statuses[person.member.username] = (answer.status_code, shown, page(client, person, ADD).status_code)
    assert statuses == {
        "olga": (200, ["123.45", "678.9"], 200),
        "lena": (200, ["123.45"], 200),
        "carl": (200, ["123.45"], 403),
        "sven": (200, ["678.9"], 200),
        "gus": (403, [], 403),
    }
    of_app = Budget.objects.get(project=app)
    assert page(client, stranger, "admin:runs_budget_change", of_app.pk).status_code == 404
    client.force_login(stranger.member)
    assert client.post(reverse(ADD), filled(app)).status_code == 200
    client.force_login(collaborator.member)
    assert client.post(reverse("admin:runs_budget_change", args=[of_app.pk]), filled(app)).status_code == 403
    assert client.post(reverse("admin:runs_budget_do_remove_budget", args=[of_app.pk])).status_code == 403
    assert sorted(Budget.objects.values_list("monthly_usd", flat=True)) == [Decimal("123.45"), Decimal("678.90")]
