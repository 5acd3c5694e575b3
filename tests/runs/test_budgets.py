"""Budgets: who may set them, when their leads are told, and what stops."""

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import connections
from django.utils import timezone

from access.errors import BudgetSpent, Forbidden, Invalid, OutOfScope
from access.models import Project
from access.roles import Role
from runs.budgets import (
    BudgetState,
    budget_states,
    budget_warnings,
    check_budget,
    check_budgets,
    lead_addresses,
    remove_budget,
    save_budget,
    tell_leads,
)
from runs.models import Budget, BudgetAlert, Run
from runs.recording import heartbeat_run, log_run, start_run
from runs.tasks import check_budget as check_task
from runs.tasks import check_budgets as sweep_task
from runs.tasks import tell_leads_of_alert as tell_task
from tests.conftest import make_person
from tests.runs.plain_sums import make_run

MONTH = date(2026, 11, 1)


@pytest.fixture(autouse=True)
def _in_november(time_machine):
    cache.clear()
    time_machine.move_to("2026-11-21T12:00:00Z", tick=True)


@pytest.fixture
def lead(app):
    return make_person("lena", Role.ADMIN, app)


@pytest.fixture
def budget(lead, app):
    return save_budget(lead.caller, app, Decimal(100))


def spend(project, dollars, day=date(2026, 11, 20)):
    return make_run(project, day, [("m", (1, 0, 0, 0, 0), Decimal(dollars), None)])


def thresholds():
    return list(BudgetAlert.objects.order_by("threshold").values_list("month", "threshold", "spent_usd"))


# --- changing them ---------------------------------------------------------------------------------------------------


def test_a_budget_is_made_and_changed(lead, app):
    made = save_budget(lead.caller, app, Decimal("99.999"))
    assert (made.monthly_usd, made.thresholds, made.hard_stop) == (Decimal("100.00"), [50, 80, 100], False)
    save_budget(lead.caller, app, Decimal(5), [90, 10, 90], hard_stop=True)
    assert list(Budget.objects.values_list("pk", "project", "monthly_usd", "thresholds", "hard_stop")) == [
        (made.pk, app.pk, Decimal(5), [10, 90], True)
    ]
    remove_budget(lead.caller, made)
    assert not Budget.objects.exists()


def test_only_admins_of_the_project_change_its_budget(lead, collaborator, stranger, owner, app, budget):
    for person, refusal in ((collaborator, Forbidden), (stranger, OutOfScope)):
        with pytest.raises(refusal):
            save_budget(person.caller, app, Decimal(5))
        with pytest.raises(refusal):
            remove_budget(person.caller, budget)
    assert Budget.objects.get().monthly_usd == 100
    assert save_budget(owner.caller, app, Decimal(5)).pk == budget.pk


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "1000000000.01", "NaN", "Infinity"])
def test_an_impossible_amount_is_refused(lead, app, amount):
    with pytest.raises(Invalid, match=r"A budget lies between 0.01 and 1,000,000,000 US dollars a month, not at"):
        save_budget(lead.caller, app, Decimal(amount))
    assert not Budget.objects.exists()


@pytest.mark.parametrize("percents", [[0], [1001], range(1, 12)])
def test_impossible_thresholds_are_refused(lead, app, percents):
    with pytest.raises(Invalid, match="Give up to 10 thresholds between 1 and 1000 per cent"):
        save_budget(lead.caller, app, Decimal(1), percents)


# --- how they stand --------------------------------------------------------------------------------------------------


def test_a_state_counts_this_month_only(owner, app, budget):
    spend(app, "79.99")
    spend(app, 1000, date(2026, 10, 31))
    (state,) = budget_states(owner.caller)
    assert state == BudgetState(budget, MONTH, Decimal("79.99"))
    assert (state.percent, state.crossed, state.is_spent, state.stops_runs) == (79, [50], False, False)


def test_who_sees_which_budgets(owner, collaborator, stranger, lead, app, secret_project, budget):
    save_budget(owner.caller, secret_project, Decimal(10))
    spend(secret_project, 9)
    guest = make_person("gus", Role.GUEST, app)

    def seen(person, find=budget_states):
        return [state.budget.project.name for state in find(person.caller)]

    assert [seen(person) for person in (owner, collaborator, lead, stranger, guest)] == [
        ["skunkworks", "app"],
        ["app"],
        ["app"],
        ["skunkworks"],
        [],
    ]
    assert [seen(person, budget_warnings) for person in (owner, collaborator, stranger, guest)] == [
        ["skunkworks"],
        [],
        ["skunkworks"],
        [],
    ]
    assert [state.budget.project_id for state in budget_states(owner.caller, [app.pk])] == [app.pk]


def test_states_of_many_projects_take_two_queries(owner, django_assert_num_queries):
    for number in range(5):
        project = Project.objects.create(name=f"p{number}")
        save_budget(owner.caller, project, Decimal(10))
        spend(project, number)
    with django_assert_num_queries(2):
        assert [state.percent for state in budget_states(owner.caller)] == [40, 30, 20, 10, 0]


# --- telling ---------------------------------------------------------------------------------------------------------


def test_each_threshold_is_told_once(lead, owner, app, budget, mailoutbox, django_capture_on_commit_callbacks):
    def spend_and_check(dollars):
        spend(app, dollars)
        with django_capture_on_commit_callbacks() as callbacks:
            alerts = check_budget(app.pk)
        assert len(callbacks) == len(alerts)
        return [(alert.threshold, tell_task(alert.pk), tell_task(alert.pk)) for alert in alerts]

    assert spend_and_check("49.99") == []
    assert spend_and_check("0.01") == [(50, 2, 0)]
    assert spend_and_check(1) == []
    assert spend_and_check(60) == [(80, 0, 0), (100, 2, 0)]
    assert thresholds() == [(MONTH, 50, 50), (MONTH, 80, 111), (MONTH, 100, 111)]
    assert [(mail.subject, mail.to) for mail in mailoutbox] == [
        ("app has used 50 % of its budget for November 2026", ["lena@example.com", "olga@example.com"]),
        ("app has used 100 % of its budget for November 2026", ["lena@example.com", "olga@example.com"]),
    ]
    assert mailoutbox[1].body == (
        "The project app has spent $111.00 in November 2026. Its budget is $100.00 a month.\n\n"
        "What it went to: http://127.0.0.1:7723/costs/?range=this_month\n"
    )


def test_the_next_month_begins_anew(lead, app, budget, time_machine):
    spend(app, 60)
    assert [alert.threshold for alert in check_budget(app.pk)] == [50]
    time_machine.move_to("2026-12-01T00:00:01Z")
    assert check_budget(app.pk) == []
    spend(app, 55, date(2026, 12, 1))
    assert [(alert.month, alert.threshold) for alert in check_budget(app.pk)] == [(date(2026, 12, 1), 50)]


def test_a_higher_budget_is_told_anew_when_it_is_reached(lead, app, budget):
    spend(app, 60)
    check_budget(app.pk)
    save_budget(lead.caller, app, Decimal(200))
    assert thresholds() == []
    spend(app, 40)
    assert [alert.threshold for alert in check_budget(app.pk)] == [50]


def test_those_who_lead_a_project_are_its_admins_and_the_owners(owner, collaborator, stranger, lead, app):
    everywhere = make_person("ada", Role.ADMIN, all_projects=True)
    gone = make_person("gina", Role.OWNER, app)
    gone.member.is_active = False
    gone.member.save()
    silent = make_person("sam", Role.ADMIN, app)
    silent.member.email = ""
    silent.member.save()
    assert lead_addresses(app) == sorted(person.member.email for person in (everywhere, lead, owner))


def test_a_report_that_costs_sends_one_message(collaborator, app, budget, django_capture_on_commit_callbacks):
    def callbacks_of(**told):
        with django_capture_on_commit_callbacks(execute=True) as callbacks:
            log_run(collaborator.caller, app, session_id="s", **told)
        return len(callbacks)

    assert callbacks_of(tokens_input=5) == 0
    assert callbacks_of(cost_usd=Decimal(50)) == 1
    assert cache.get(f"budget-signal-{app.pk}") == 1
    assert callbacks_of(cost_usd=Decimal(50)) == 0
    assert check_task(app.pk) == 1
    assert cache.get(f"budget-signal-{app.pk}") is None
    assert sweep_task() == 0


def test_a_project_without_a_budget_costs_no_message(collaborator, app, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        log_run(collaborator.caller, app, cost_usd=Decimal(50))
    assert (callbacks, check_budget(app.pk)) == ([], [])


def test_the_sweep_finds_what_no_message_announced(lead, app, budget, mailoutbox, django_capture_on_commit_callbacks):
    spend(app, 100)
    with django_capture_on_commit_callbacks() as callbacks:
        assert [alert.threshold for alert in check_budgets()] == [50, 80, 100]
    assert len(callbacks) == 3
    # Their messages were lost: the next sweep sends new ones.
    with django_capture_on_commit_callbacks() as callbacks:
        assert check_budgets() == []
    for alert in BudgetAlert.objects.all():
        tell_leads(alert.pk)
    assert len(mailoutbox) == 1
    assert not BudgetAlert.objects.filter(told_at=None).exists()


def test_a_mail_that_fails_is_told_later(lead, app, budget, settings):
    spend(app, 50)
    (alert,) = check_budget(app.pk)
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = (
        "django.core.mail.backends.smtp.EmailBackend",
        "127.0.0.1",
        1,
    )
    with pytest.raises(OSError, match="refused"):
        tell_leads(alert.pk)
    alert.refresh_from_db()
    assert alert.told_at is None


@pytest.mark.django_db(transaction=True)
def test_many_checks_at_once_tell_once(transactional_db, mailoutbox):
    project = Project.objects.create(name="app")
    owner = make_person("olga", Role.OWNER, all_projects=True)
    save_budget(owner.caller, project, Decimal(100))
    spend(project, 85)
    new: list[BudgetAlert] = []
    together = threading.Barrier(6)

    def check():
        together.wait()
        new.extend(check_budget(project.pk))
        for alert in BudgetAlert.objects.all():
            tell_leads(alert.pk)
        connections.close_all()

    threads = [threading.Thread(target=check) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(alert.threshold for alert in new) == [50, 80]
    assert [mail.subject for mail in mailoutbox] == ["app has used 80 % of its budget for November 2026"]


# --- the stop --------------------------------------------------------------------------------------------------------


@pytest.fixture
def stop(lead, app):
    save_budget(lead.caller, app, Decimal(100), hard_stop=True)


def test_a_spent_budget_that_stops_refuses_new_runs_in_words(collaborator, app, stop):
    going_on = start_run(collaborator.caller, app, session_id="s")
    spend(app, "99.99")
    assert start_run(collaborator.caller, app, session_id="t").status == "running"
    spend(app, "0.01")
    with pytest.raises(BudgetSpent) as refused:
        start_run(collaborator.caller, app, session_id="new")
    assert (refused.value.status, refused.value.fields()) == (
        402,
        {
            "error": "The project 'app' has spent $100.00 in November 2026; its budget is $100.00 a month, "
            "and no new run starts when it is spent.",
            "hint": "Ask an admin of the project to raise the budget or to lift its stop, or wait for the next month.",
            "project": "app",
            "month": "2026-11",
            "spent_usd": 100.0,
            "budget_usd": 100.0,
        },
    )
    assert not Run.objects.filter(session_id="new").exists()
    # What is going on goes on, and what was spent is still reported.
    assert start_run(collaborator.caller, app, session_id="s").pk == going_on.pk
    assert heartbeat_run(collaborator.caller, app, session_id="s", cost_usd=Decimal(3)).cost_usd == 3
    assert log_run(collaborator.caller, app, session_id="s", cost_usd=Decimal(4)).status == "success"
    assert log_run(collaborator.caller, app, session_id="new", cost_usd=Decimal(4)).cost_usd == 4


def test_a_session_that_has_ended_does_not_come_back_then(collaborator, app, stop, time_machine):
    log_run(collaborator.caller, app, session_id="s", cost_usd=Decimal(100))
    time_machine.shift(60)
    with pytest.raises(BudgetSpent):
        start_run(collaborator.caller, app, session_id="s")
    assert Run.objects.get().status == "success"


def test_a_start_that_is_told_late_is_history(collaborator, app, stop):
    spend(app, 100)
    assert start_run(collaborator.caller, app, session_id="s", at=timezone.now() - timedelta(minutes=6)).pk
    with pytest.raises(BudgetSpent):
        start_run(collaborator.caller, app, session_id="t", at=timezone.now() - timedelta(minutes=4))


def test_without_the_stop_or_in_the_next_month_runs_start(collaborator, lead, app, stop, time_machine):
    spend(app, 100)
    time_machine.move_to(datetime(2026, 12, 1, tzinfo=UTC))
    assert start_run(collaborator.caller, app).pk
    time_machine.move_to(datetime(2026, 11, 21, tzinfo=UTC))
    save_budget(lead.caller, app, Decimal(100))
    assert start_run(collaborator.caller, app).pk
