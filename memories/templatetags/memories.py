"""Template filters for memories."""

from django import template
from django.utils.safestring import SafeString

from access.appearance import state_label
from memories.appearance import STATE_LOOKS
from memories.models import Memory

register = template.Library()


@register.filter
def memory_state(memory: Memory) -> SafeString:
    """Live, archived or deleted, as a word and a shape."""
    return state_label(memory.state, STATE_LOOKS[memory.state])
