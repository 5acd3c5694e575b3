"""Template filters for costs."""

from decimal import ROUND_HALF_UP, Decimal

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from access.appearance import state_label
from runs.budgets import BudgetState
from runs.costs import CostSums, change
from zikra_portal.templatetags.figures import money

register = template.Library()

# A change of less is told as none.
WHOLE_PERCENT = Decimal(1)


@register.filter
def cost(sums: CostSums) -> SafeString:
    """The known cost; in words where nothing is known, and marked where a part has no price."""
    known = sums.known_cost_usd
    if known is not None:
        return money(known)
    if sums.unpriced_tokens:
        return format_html(
            '<span class="quiet nowrap" title="{}">{}</span>', "The table of prices has no such model", "no price"
        )
    return format_html('<span class="quiet nowrap" title="{}">{}</span>', "No tokens told", "–")


@register.simple_tag
def changed(now: CostSums, before: CostSums) -> SafeString:
    """How much more or less was spent than before, in per cent; "new" where nothing was spent before."""
    share = change(now, before)
    if share is None:
        word = "new" if now.cost_usd else "–"
        return format_html(
            '<span class="quiet nowrap" title="{}">{}</span>', "Nothing was spent in as many days before", word
        )
    percent = (share * 100).quantize(WHOLE_PERCENT, ROUND_HALF_UP)
    sign = "+" if percent > 0 else "−" if percent < 0 else "±"
    return format_html('<span class="figures nowrap">{}{} %</span>', sign, f"{abs(percent):,}")


@register.filter
def budget_state(state: BudgetState) -> SafeString:
    """How a budget stands, as a word and a shape."""
    if state.stops_runs:
        return state_label("spent, no new runs", "bad")
    if state.is_spent:
        return state_label("spent", "bad")
    if state.crossed:
        return state_label(f"over {state.crossed[-1]} %", "attention")
    return state_label("within", "good")
