"""How far the cost that an agent reckons lies from the one computed with the table of prices."""

from dataclasses import dataclass
from decimal import Decimal

from runs.models import Run


@dataclass(frozen=True)
class Drift:
    """Reported less computed: in US dollars, and per cent of the computed cost (None where that is 0)."""

    usd: Decimal
    percent: Decimal | None

    @property
    def less(self) -> Decimal:
        """By how much the report is lower than the computed cost."""
        return -self.usd


def drift_of(run: Run) -> Drift | None:
    """The difference of a run's two costs; None unless both are known."""
    if run.reported_cost_usd is None or run.computed_cost_usd is None:
        return None
    usd = run.reported_cost_usd - run.computed_cost_usd
    return Drift(usd, 100 * usd / run.computed_cost_usd if run.computed_cost_usd else None)
