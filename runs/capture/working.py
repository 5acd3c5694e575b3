"""Working captured events into runs."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from runs.models import CapturedEvent


def work_waiting() -> int:
    """Placeholder of the next step."""
    return 0


def forget_old() -> int:
    """Forget events that came longer ago than they are kept; answers how many."""
    before = timezone.now() - timedelta(days=settings.CAPTURE_DAYS)
    return CapturedEvent.objects.received_before(before).delete()[0]
