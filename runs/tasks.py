"""What happens to runs and costs in the background."""

from datetime import date

from celery import shared_task

from access.callers import caller_for_member
from access.models import Member
from runs import budgets, handoffs, repricing, rollups
from runs.capture import working


@shared_task(name="runs.roll_up_finished_days")
def roll_up_finished_days() -> int:
    """The nightly job: sum up every day that is over and has no sums yet."""
    return rollups.roll_up_finished_days()


@shared_task(name="runs.roll_up_changed_days")
def roll_up_changed_days() -> int:
    """Sum up again the days that late reports changed."""
    return rollups.roll_up_changed_days()


@shared_task(name="runs.check_budget")
def check_budget(project_id: int) -> int:
    """Look at a project's budget after its costs have changed."""
    return len(budgets.check_budget(project_id))


@shared_task(name="runs.check_budgets")
def check_budgets() -> int:
    """Look at every budget: finds what no message announced."""
    return len(budgets.check_budgets())


@shared_task(name="runs.tell_leads_of_alert")
def tell_leads_of_alert(alert_id: int) -> int:
    """Write to the leads of a project that has crossed a threshold."""
    return budgets.tell_leads(alert_id)


@shared_task(name="runs.reprice_runs")
def reprice_runs(member_id: int, first: str, last: str, project_ids: list[int] | None) -> int:
    """Price the runs of a range again, as the member who asked for it may; answers how many changed."""
    caller = caller_for_member(Member.objects.get(pk=member_id, is_active=True))
    return repricing.reprice(caller, date.fromisoformat(first), date.fromisoformat(last), project_ids).changed


@shared_task(name="runs.work_captured_events")
def work_captured_events() -> int:
    """Work what hooks told into runs; also finds what no message announced."""
    return working.work_waiting()


@shared_task(name="runs.forget_captured_events")
def forget_captured_events() -> int:
    """The nightly job: forget what hooks told once it is past its time."""
    return working.forget_old()


@shared_task(name="runs.look_after_handoffs")
def look_after_handoffs() -> int:
    """Give back what sessions claimed and never used, and expire what nobody took for long."""
    return handoffs.give_back_unused() + handoffs.expire_old()
