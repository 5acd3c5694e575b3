"""Versions of a memory side by side."""

from dataclasses import dataclass

from django.db.models import QuerySet, Window
from django.db.models.functions import Lag

from memories.diffs import DiffLine, diff_lines
from memories.models import Memory, MemoryVersion

PLAIN_FIELDS = {"module": "Module", "tags": "Tags", "source_file": "Source", "stated_confidence": "Stated confidence"}
TEXT_FIELDS = {"content_md": "Content", "resolution": "Resolution"}


@dataclass(frozen=True)
class TextChange:
    """How a long text changed; `lines` is None when it is too long to compare line by line."""

    label: str
    lines: list[DiffLine] | None


@dataclass(frozen=True)
class FieldChange:
    """How a short field changed."""

    label: str
    old: str
    new: str


@dataclass(frozen=True)
class Comparison:
    """What lies between two versions of a memory."""

    old: MemoryVersion
    new: MemoryVersion
    texts: list[TextChange]
    fields: list[FieldChange]


def compare_versions(memory: Memory, old_number: int, new_number: int) -> Comparison | None:
    """What changed from one version to another; None unless both exist and differ in number."""
    found = {
        version.number: version
        for version in memory.versions.select_related("memory_type").filter(number__in=[old_number, new_number])
    }
    if len(found) < 2:
        return None
    old, new = found[old_number], found[new_number]
    texts = [
        TextChange(label, diff_lines(getattr(old, name), getattr(new, name)))
        for name, label in TEXT_FIELDS.items()
        if getattr(old, name) != getattr(new, name)
    ]
    fields = [
        FieldChange(label, _in_words(getattr(old, name)), _in_words(getattr(new, name)))
        for name, label in PLAIN_FIELDS.items()
        if getattr(old, name) != getattr(new, name)
    ]
    fields = [*_address_changes(old, new), *fields]
    return Comparison(old, new, texts, fields)


def _address_changes(old: MemoryVersion, new: MemoryVersion) -> list[FieldChange]:
    """A rename and a change of type, where both versions know theirs."""
    changes = []
    if old.title and new.title and old.title != new.title:
        changes.append(FieldChange("Title", old.title, new.title))
    if old.memory_type and new.memory_type and old.memory_type != new.memory_type:
        changes.append(FieldChange("Type", old.memory_type.label, new.memory_type.label))
    return changes


def with_addresses_before(rows: QuerySet[MemoryVersion]) -> QuerySet[MemoryVersion]:
    """Versions of one memory with `title_before` and `type_before`, those of the version before; empty or None where
    nobody knows them."""
    title = Window(Lag("title"), partition_by="memory", order_by="number")
    kind = Window(Lag("memory_type"), partition_by="memory", order_by="number")
    return rows.annotate(title_before=title, type_before=kind)


def _in_words(value: object) -> str:
    return (", ".join(map(str, value)) if isinstance(value, list) else str(value)) or "nothing"
