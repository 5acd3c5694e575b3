"""Template filters that draw rows as the admin's lists do."""

from django import template
from django.utils.safestring import SafeString

from access.appearance import OUTCOME_LOOKS, link_to_subject, state_label
from access.models import AuditEntry
from memories.appearance import confidence_in_words, kind_mark, lag_in_words, progress_bar
from memories.embedding.spaces import SpaceProgress
from memories.models import MemoryType

register = template.Library()


@register.filter
def kind(memory_type: MemoryType) -> SafeString:
    """The type's colour and word."""
    return kind_mark(memory_type)


@register.filter
def confidence(share: float) -> SafeString:
    """A confidence 0…1 as a percentage."""
    return confidence_in_words(share)


@register.filter
def bar(measured: SpaceProgress) -> SafeString:
    """The progress bar of an embedding space."""
    return progress_bar(measured)


@register.filter
def lag(measured: SpaceProgress) -> str:
    """The lag of an embedding space, in words."""
    return lag_in_words(measured)


@register.filter
def subject(entry: AuditEntry) -> str | SafeString:
    """The object of an audit row, linked where it has a page."""
    return link_to_subject(entry)


@register.filter
def outcome(entry: AuditEntry) -> SafeString:
    """The outcome of an audit row, as a word and a shape."""
    return state_label(entry.outcome, OUTCOME_LOOKS.get(entry.outcome, ""))
