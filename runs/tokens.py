"""Counts of tokens by kind: disjoint, and unknown where nobody told them."""

from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True)
class TokenCounts:
    """Tokens of one model: each kind's count, or None where it is unknown. The kinds do not overlap."""

    tokens_input: int | None = None
    tokens_output: int | None = None
    tokens_cache_read: int | None = None
    tokens_cache_write_5m: int | None = None
    tokens_cache_write_1h: int | None = None

    @classmethod
    def of(cls, row: object) -> Self:
        """The counts of anything that has these attributes."""
        return cls(*(getattr(row, field.name) for field in fields(cls)))

    @property
    def is_known(self) -> bool:
        """Whether any kind was told."""
        return any(count is not None for count in self.known())

    @property
    def total(self) -> int:
        """The sum of what is known."""
        return sum(count or 0 for count in self.known())

    def known(self) -> tuple[int | None, ...]:
        """The counts in the order of the fields."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def updated(self, told: "TokenCounts") -> "TokenCounts":
        """What was told in the place of what stood here; what it leaves out stays."""
        return TokenCounts(*(old if new is None else new for old, new in zip(self.known(), told.known(), strict=True)))

    def highest(self, other: "TokenCounts") -> "TokenCounts":
        """Each kind's larger count: of two readings of a counter that only grows, the later one."""
        return TokenCounts(
            *(
                new if old is None else old if new is None else max(old, new)
                for old, new in zip(self.known(), other.known(), strict=True)
            )
        )

    def __add__(self, other: "TokenCounts") -> "TokenCounts":
        return TokenCounts(
            *(
                None if old is None and new is None else (old or 0) + (new or 0)
                for old, new in zip(self.known(), other.known(), strict=True)
            )
        )
