"""A memory's fading as a small curve: from its last confirmation, over today, to where it goes."""

from dataclasses import dataclass

from memories.decay import Fading, archive_threshold

# The plot in units of its own; the page scales it.
WIDTH, HEIGHT, EDGE = 240.0, 64.0, 4.0


@dataclass(frozen=True)
class Curve:
    """What the template draws. line: points of a polyline, empty for a memory that does not fade. now_x, now_y: today.
    threshold_y: the height at which the nightly job archives. days_shown: what the width stands for."""

    fading: Fading
    line: str = ""
    now_x: str = "0"
    now_y: str = "0"
    threshold_y: str = "0"
    days_shown: int = 0
    width: float = WIDTH
    height: float = HEIGHT

    @property
    def days_left(self) -> int | None:
        """Whole days until it is archived; None where it never is."""
        return None if self.fading.days_left is None else round(self.fading.days_left)


def curve_of(fading: Fading) -> Curve:
    """The curve in the plot's units, with confidence 1 at the top and 0 at the bottom."""
    if not fading.points:
        return Curve(fading)
    shown = fading.points[-1][0]

    def x(days: float) -> float:
        return EDGE + (WIDTH - 2 * EDGE) * (days / shown if shown else 0.0)

    def y(share: float) -> float:
        return EDGE + (HEIGHT - 2 * EDGE) * (1.0 - share)

    return Curve(
        fading,
        line=" ".join(f"{x(days):.1f},{y(share):.1f}" for days, share in fading.points),
        now_x=f"{x(min(fading.days_passed, shown)):.1f}",
        now_y=f"{y(_at(fading)):.1f}",
        threshold_y=f"{y(min(max(archive_threshold(), 0.0), 1.0)):.1f}",
        days_shown=round(shown),
    )


def _at(fading: Fading) -> float:
    """The confidence today, between the two points of the curve around it."""
    before = (0.0, fading.points[0][1])
    for days, share in fading.points:
        if days >= fading.days_passed:
            width = days - before[0]
            part = (fading.days_passed - before[0]) / width if width else 0.0
            return before[1] + (share - before[1]) * part
        before = (days, share)
    return before[1]
