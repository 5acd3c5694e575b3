"""Template filters for what buttons have done."""

from django import template
from django.contrib.messages.storage.base import Message

from zikra_portal.deeds import UNDO_MARK

register = template.Library()


@register.filter
def undo_path(message: Message) -> str:
    """The path that takes back what a message tells of; empty where nothing does."""
    tags = message.extra_tags or ""
    return tags.removeprefix(UNDO_MARK) if tags.startswith(UNDO_MARK) else ""
