"""How memories look in lists, on every page alike."""

from django.utils.html import format_html
from django.utils.safestring import SafeString

from memories.embedding.spaces import SpaceProgress
from memories.models import MemoryType

STATE_LOOKS = {"live": "good", "archived": "", "deleted": "bad"}


def kind_mark(kind: MemoryType) -> SafeString:
    """The type's colour as a dot, and its word. The colour is data, so it stands in the picture and not in a style."""
    return format_html(
        '<span class="kind"><svg viewBox="0 0 10 10" aria-hidden="true" focusable="false">'
        '<circle cx="5" cy="5" r="5" fill="{}"/></svg>{}</span>',
        kind.colour,
        kind.label,
    )


def confidence_in_words(share: float) -> SafeString:
    """A confidence 0…1 as a whole percentage, exact on hover."""
    return format_html('<span class="figures" title="{}">{}&nbsp;%</span>', f"{share:.6f}", round(share * 100))


def progress_bar(measured: SpaceProgress) -> SafeString:
    """A bar with the same in words; words alone where there is nothing to embed."""
    if not measured.total:
        return format_html('<span class="quiet">{}</span>', "No memory to embed yet")
    return format_html(
        '<progress class="progress" max="{}" value="{}"></progress><span class="figures">{} of {} ({} %)</span>',
        measured.total,
        measured.embedded,
        measured.embedded,
        measured.total,
        # A bar that is not full must not read 100 %.
        int(measured.share * 100),
    )


def lag_in_words(measured: SpaceProgress) -> str:
    """Age of the oldest memory that waits."""
    seconds = int(measured.lag.total_seconds())
    if not measured.waiting:
        return "nothing waits"
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
