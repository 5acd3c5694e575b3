"""Budgets: what a project may cost in a calendar month, who is told when it nears that, and the stop at its end."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial

import structlog
from django.conf import settings
from django.core.cache import cache
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis import RedisError

from access.callers import Caller
from access.errors import BudgetSpent, Invalid, OutOfScope
from access.models import Member, Project
from access.roles import Role
from runs.costs import spent_by_project
from runs.days import day_of, month_of, today
from runs.models import Budget, BudgetAlert
from runs.money import shown
from runs.visibility import may_see_costs

log = structlog.get_logger(__name__)

DEFAULT_THRESHOLDS = (50, 80, 100)
MOST_THRESHOLDS = 10
HIGHEST_THRESHOLD = 1000
HIGHEST_BUDGET = Decimal(10) ** 9
CENT = Decimal("0.01")
WHOLE = 100
# A start that is told later than this was not asked for: the run has long begun, and its cost must not be lost.
ASKED_WITHIN = timedelta(minutes=5)
# While the mark stands a check has been sent that has not begun yet and will see what is spent meanwhile: a hundred
# agents send one message every other second. It ends by itself should that message be lost.
SIGNAL_SECONDS = 30
CHECK_DELAY_SECONDS = 2


@dataclass(frozen=True)
class BudgetState:
    """A budget, and what its project has spent in a month."""

    budget: Budget
    month: date
    spent_usd: Decimal

    @property
    def share(self) -> Decimal:
        """What is spent, as a share of the budget: 1 is all of it."""
        return self.spent_usd / self.budget.monthly_usd

    @property
    def percent(self) -> int:
        """The share in whole per cent, never rounded up to a threshold that is not reached."""
        return int(self.share * WHOLE)

    @property
    def crossed(self) -> list[int]:
        """The thresholds that are reached, in per cent, lowest first."""
        return [percent for percent in sorted(self.budget.thresholds) if self.share * WHOLE >= percent]

    @property
    def is_spent(self) -> bool:
        """Whether nothing of it is left."""
        return self.spent_usd >= self.budget.monthly_usd

    @property
    def stops_runs(self) -> bool:
        """Whether no new run may start."""
        return self.is_spent and self.budget.hard_stop


# --- changing them ---------------------------------------------------------------------------------------------------


def save_budget(
    caller: Caller, project: Project, monthly_usd: Decimal, thresholds: Iterable[int] = (), *, hard_stop: bool = False
) -> Budget:
    """Give a project a budget, or change the one it has.

    monthly_usd: US dollars for a calendar month. thresholds: per cent at which its leads are told; 50, 80 and 100 when
    empty. hard_stop: whether no run starts in a month that has used it up. Alerts of this month that no longer hold are
    withdrawn, so that crossing the threshold again tells again. Raises Forbidden below admin, OutOfScope, Invalid.
    """
    _require_right(caller, project)
    percents = _thresholds(thresholds)
    amount = _amount(monthly_usd)
    with transaction.atomic():
        budget, _made = Budget.objects.update_or_create(
            project=project, defaults={"monthly_usd": amount, "thresholds": percents, "hard_stop": hard_stop}
        )
        state = _state_of(budget, month_of(today()))
        BudgetAlert.objects.filter(budget=budget, month=state.month).exclude(threshold__in=state.crossed).delete()
        spending_changed(project.pk)
    return budget


def remove_budget(caller: Caller, budget: Budget) -> None:
    """Take a project's budget away, with its alerts. Raises Forbidden below admin, OutOfScope."""
    _require_right(caller, budget.project)
    budget.delete()


def _require_right(caller: Caller, project: Project) -> None:
    caller.require(Role.ADMIN)
    if not caller.sees_project(project.pk):
        raise OutOfScope(list(caller.project_names), project.name)


def _amount(monthly_usd: Decimal) -> Decimal:
    amount = Decimal(monthly_usd)
    if not (amount.is_finite() and CENT <= amount <= HIGHEST_BUDGET):
        problem = f"A budget lies between 0.01 and {HIGHEST_BUDGET:,} US dollars a month, not at {monthly_usd}."
        raise Invalid(problem, fields={"monthly_usd": [problem]})
    return amount.quantize(CENT)


def _thresholds(percents: Iterable[int]) -> list[int]:
    found = sorted(set(percents)) or list(DEFAULT_THRESHOLDS)
    if found[0] < 1 or found[-1] > HIGHEST_THRESHOLD or len(found) > MOST_THRESHOLDS:
        problem = (
            f"Give up to {MOST_THRESHOLDS} thresholds between 1 and {HIGHEST_THRESHOLD} per cent, "
            f"not {', '.join(map(str, found[:MOST_THRESHOLDS]))}."
        )
        raise Invalid(problem, fields={"thresholds": [problem]})
    return found


# --- how they stand --------------------------------------------------------------------------------------------------


def budget_states(caller: Caller, project_ids: Iterable[int] | None = None) -> list[BudgetState]:
    """The budgets in sight with this month's spending, the fullest first; none for a guest, who sees no costs."""
    if not may_see_costs(caller):
        return []
    budgets = Budget.objects.select_related("project")
    for bound in (caller.project_ids, project_ids):
        if bound is not None:
            budgets = budgets.filter(project_id__in=bound)
    return sorted(_states(list(budgets)), key=lambda state: (-state.share, state.budget.project.name))


def budget_warnings(caller: Caller, project_ids: Iterable[int] | None = None) -> list[BudgetState]:
    """Those of the budgets in sight that have reached a threshold this month, the fullest first."""
    return [state for state in budget_states(caller, project_ids) if state.crossed]


def _states(budgets: list[Budget]) -> list[BudgetState]:
    if not budgets:
        return []
    now = today()
    month = month_of(now)
    spent = spent_by_project([budget.project_id for budget in budgets], month, now)
    return [BudgetState(budget, month, spent.get(budget.project_id, Decimal(0))) for budget in budgets]


def _state_of(budget: Budget, month: date) -> BudgetState:
    spent = spent_by_project([budget.project_id], month, today())
    return BudgetState(budget, month, spent.get(budget.project_id, Decimal(0)))


# --- the stop --------------------------------------------------------------------------------------------------------


def require_budget(project: Project, at: datetime) -> None:
    """Raise BudgetSpent when a new run of the project would start in a month whose budget is spent and stops runs.

    A start that is told long after it happened is let through: it is history, and its costs count.
    """
    if timezone.now() - at > ASKED_WITHIN:
        return
    budget = Budget.objects.filter(project=project, hard_stop=True).first()
    if budget is None:
        return
    state = _state_of(budget, month_of(day_of(at)))
    if state.is_spent:
        raise BudgetSpent(
            f"The project '{project.name}' has spent {shown(state.spent_usd)} in {state.month:%B %Y}; "
            f"its budget is {shown(budget.monthly_usd)} a month, and no new run starts when it is spent.",
            hint="Ask an admin of the project to raise the budget or to lift its stop, or wait for the next month.",
            project=project.name,
            month=f"{state.month:%Y-%m}",
            spent_usd=float(state.spent_usd),
            budget_usd=float(budget.monthly_usd),
        )


# --- telling ---------------------------------------------------------------------------------------------------------


def spending_changed(project_id: int) -> None:
    """Have the project's budget looked at once this transaction is committed. The beat sweep finds what is missed."""
    if Budget.objects.filter(project_id=project_id).exists():
        transaction.on_commit(lambda: _send_signal(project_id), robust=True)


def _send_signal(project_id: int) -> None:
    from runs.tasks import check_budget

    try:
        if cache.add(_signal_key(project_id), 1, SIGNAL_SECONDS):
            check_budget.apply_async((project_id,), countdown=CHECK_DELAY_SECONDS)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("budget_signal_not_sent", project_id=project_id, error=str(error))


def _signal_key(project_id: int) -> str:
    return f"budget-signal-{project_id}"


def check_budget(project_id: int) -> list[BudgetAlert]:
    """Write an alert for each threshold that the project's month has newly reached, and have its leads told."""
    try:
        # What is spent from now on needs a message of its own.
        cache.delete(_signal_key(project_id))
    except (RedisError, OSError) as error:
        log.warning("budget_signal_not_cleared", project_id=project_id, error=str(error))
    budget = Budget.objects.select_related("project").filter(project_id=project_id).first()
    return [] if budget is None else _alert(_state_of(budget, month_of(today())))


def check_budgets() -> list[BudgetAlert]:
    """Look at every budget, and have told what was left untold; answers the new alerts."""
    untold = list(BudgetAlert.objects.filter(told_at=None).values_list("pk", flat=True))
    new = [alert for state in _states(list(Budget.objects.select_related("project"))) for alert in _alert(state)]
    for alert_id in untold:
        _have_told(alert_id)
    return new


def _alert(state: BudgetState) -> list[BudgetAlert]:
    """New alerts of a budget. Of two checks at once the table lets one write each."""
    now = timezone.now()
    written = []
    with transaction.atomic():
        for percent in state.crossed:
            alert, is_new = BudgetAlert.objects.get_or_create(
                budget=state.budget,
                month=state.month,
                threshold=percent,
                defaults={"spent_usd": state.spent_usd, "crossed_at": now},
            )
            if is_new:
                written.append(alert)
        for alert in written:
            transaction.on_commit(partial(_have_told, alert.pk), robust=True)
    return written


def _have_told(alert_id: int) -> None:
    from runs.tasks import tell_leads_of_alert

    tell_leads_of_alert.delay(alert_id)


def tell_leads(alert_id: int) -> int:
    """Send the mail about an alert to the project's admins and owners, once; answers how many were written to.

    Of an alert that is being told, or was, nothing is sent. A mail that fails is tried again by the sweep.
    """
    with transaction.atomic():
        alerts = BudgetAlert.objects.select_for_update(skip_locked=True, of=("self",)).select_related("budget__project")
        alert = alerts.filter(pk=alert_id, told_at=None).first()
        if alert is None:
            return 0
        # The highest threshold reached says it all; lower ones that were crossed at the same time stay silent.
        higher = BudgetAlert.objects.filter(
            budget=alert.budget, month=alert.month, threshold__gt=alert.threshold, crossed_at__lte=alert.crossed_at
        )
        addresses = [] if higher.exists() else lead_addresses(alert.budget.project)
        if addresses:
            send_mail(_subject(alert), _words(alert), settings.DEFAULT_FROM_EMAIL, addresses)
        alert.told_at = timezone.now()
        alert.save(update_fields=["told_at"])
    return len(addresses)


def lead_addresses(project: Project) -> list[str]:
    """Mail addresses of the active admins and owners who see the project, sorted."""
    leads = Member.objects.seeing(project).filter(role__in=[Role.ADMIN, Role.OWNER]).exclude(email="")
    return sorted(set(leads.values_list("email", flat=True)))


def _subject(alert: BudgetAlert) -> str:
    return f"{alert.budget.project.name} has used {alert.threshold} % of its budget for {alert.month:%B %Y}"


def _words(alert: BudgetAlert) -> str:
    budget = alert.budget
    stop = "No new run starts until the budget is raised or the month is over.\n"
    is_stopped = budget.hard_stop and alert.threshold >= WHOLE
    return (
        f"The project {budget.project.name} has spent {shown(alert.spent_usd)} in {alert.month:%B %Y}. "
        f"Its budget is {shown(budget.monthly_usd)} a month.\n"
        f"{stop if is_stopped else ''}\n"
        f"What it went to: {settings.PORTAL_URL}/costs/?range=this_month\n"
    )
