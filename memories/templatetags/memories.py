"""Template filters for memories."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from access.appearance import state_label
from memories.appearance import STATE_LOOKS
from memories.models import Memory

register = template.Library()


@register.filter
def memory_state(memory: Memory) -> SafeString:
    """Live, archived or deleted, as a word and a shape."""
    return state_label(memory.state, STATE_LOOKS[memory.state])


@register.filter
def share(value: float) -> str:
    """A share 0…1 as a whole percentage."""
    return f"{round(value * 100)} %"


@register.filter
def share_bar(value: float) -> SafeString:
    """A share 0…1 as a bar with the percentage beside it."""
    percent = round(value * 100)
    return format_html(
        '<progress class="progress share-bar" max="100" value="{0}" aria-hidden="true"></progress> '
        '<span class="figures">{0}&nbsp;%</span>',
        percent,
    )


@register.filter
def plain(number: float) -> str:
    """A number as SVG reads it, whatever the reader's language."""
    return f"{number:g}"
