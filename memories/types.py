"""The memory types that a portal starts with, and finding one by name."""

from dataclasses import dataclass

from access.errors import Invalid
from memories.models import MemoryType


@dataclass(frozen=True)
class DefaultType:
    """A row of the starting table. half_life_days: None for a type that never fades."""

    name: str
    half_life_days: float | None
    colour: str


DEFAULT_TYPES = (
    DefaultType("decision", 90, "#2563eb"),
    DefaultType("error", 30, "#dc2626"),
    DefaultType("schema", 180, "#0891b2"),
    DefaultType("requirement", None, "#7c3aed"),
    DefaultType("prompt", None, "#c026d3"),
    DefaultType("conversation", 30, "#6b7280"),
    DefaultType("reference", 180, "#0d9488"),
    DefaultType("user", None, "#ca8a04"),
    DefaultType("feedback", None, "#ea580c"),
    DefaultType("project", 60, "#16a34a"),
    DefaultType("note", 90, "#64748b"),
    DefaultType("context", 90, "#4f46e5"),
    DefaultType("architecture", 90, "#0369a1"),
)


def make_default_types() -> None:
    """Fill an empty table of types. A table that an owner has edited is left as it is."""
    if MemoryType.objects.exists():
        return
    MemoryType.objects.bulk_create(
        [
            MemoryType(name=row.name, label=row.name.capitalize(), half_life_days=row.half_life_days, colour=row.colour)
            for row in DEFAULT_TYPES
        ],
        ignore_conflicts=True,
    )


def type_named(name: str) -> MemoryType:
    """The type of this name, case and outer blanks aside. Raises Invalid, naming the types that exist."""
    found = MemoryType.objects.named(name.strip().casefold())
    if found is None:
        known = ", ".join(MemoryType.objects.values_list("name", flat=True))
        problem = f"There is no memory type '{name[:40]}'."
        raise Invalid(problem, hint=f"Use one of: {known}. An owner can add types.", fields={"memory_type": [problem]})
    return found
