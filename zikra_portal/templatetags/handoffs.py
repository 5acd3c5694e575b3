"""Template filters for what sessions leave."""

from django import template
from django.utils.safestring import SafeString

from memories.rendering import rendered

register = template.Library()


@register.filter
def handed_over(text: str) -> SafeString:
    """An agent's Markdown as safe HTML; what it names as a link to a memory stays words."""
    return rendered(text)


@register.filter
def headline(summary: str) -> str:
    """The first line of a summary that says something; one that a session's end left begins with what was asked."""
    lines = [line.strip().lstrip("-*# ") for line in summary.splitlines()]
    return next((line for line in lines if line and line != "Asked:"), summary.strip())
