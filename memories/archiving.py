"""The nightly archiving of what has faded."""

from django.utils import timezone

from memories import decay
from memories.models import Memory


def archive_faded() -> int:
    """Archive live memories whose confidence lies below the threshold; answers how many. Pinned ones never fade.

    Archived memories stay readable and restorable, and no text changes: running it twice does nothing more.
    """
    faded = Memory.objects.live().filter(pinned_at=None).less_confident_than(decay.archive_threshold())
    return Memory.objects.filter(pk__in=faded.values("pk"), archived_at=None).update(archived_at=timezone.now())
