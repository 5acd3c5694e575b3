"""Template filters for what sessions leave."""

from django import template
from django.utils.safestring import SafeString

from memories.rendering import rendered

register = template.Library()


@register.filter
def handed_over(text: str) -> SafeString:
    """An agent's Markdown as safe HTML; what it names as a link to a memory stays words."""
    return rendered(text)
