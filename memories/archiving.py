"""The nightly archiving of what has faded."""

from django.utils import timezone

from memories import decay
from memories.models import Memory


def archive_faded() -> int:
    """Archive live memories whose confidence lies below the threshold; answers how many. Pinned ones never fade.

    Archived memories stay readable and restorable, and no text changes: running it twice does nothing more.
    """
    faded = Memory.objects.live().with_confidence().filter(confidence_now__lt=decay.archive_threshold(), pinned_at=None)
    return Memory.objects.filter(pk__in=faded.values("pk"), archived_at=None).update(archived_at=timezone.now())
