"""What happens to runs and costs in the background."""

from celery import shared_task

from runs import budgets, rollups


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
