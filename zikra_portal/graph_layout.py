"""Where the nodes of a graph stand in a plot: springs along the links, repulsion between all, the same for the same graph.

After Fruchterman and Reingold, "Graph Drawing by Force-directed Placement" (Software: Practice and Experience 21, 1991):
linked nodes attract each other with d²/k and any two repel each other with k²/d, where k is the distance that nodes
would have if they filled the plot evenly; a temperature that falls to nothing bounds each step. Two additions: a pull to
the middle, so that parts without a link between them stay in sight, and a start on a spiral instead of at random, so
that a graph always looks the same.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import pi, sqrt
from typing import TypeVar

import numpy as np

Node = TypeVar("Node", bound=Hashable)

# 200 nodes settle within these many steps; more changes nothing that one sees, fewer leaves knots.
STEPS = 120
# Of the plot's smaller side: how far a node may go in the first step.
FIRST_STEP = 0.12
# Against k: stronger, and everything sits in the middle; weaker, and lonely parts fly to the edges.
GRAVITY = 0.9
# Successive points of the spiral stand at this angle, which never repeats a direction (pi·(3 − √5), the golden angle).
GOLDEN_ANGLE = pi * (3 - sqrt(5))
LEAST_DISTANCE = 1e-6
# Few nodes must not be flung to the edges of the plot.
MOST_GROWN = 1.6


@dataclass(frozen=True)
class Plot:
    """The plot in its own units. margin: room at each edge that no node's centre enters."""

    width: float = 1000.0
    height: float = 640.0
    margin: float = 40.0


Point = tuple[float, float]


def laid_out(nodes: Sequence[Node], edges: Sequence[tuple[Node, Node]], plot: Plot = Plot()) -> dict[Node, Point]:
    """A place inside the plot's margins for each node, the same for the same nodes and edges in the same order.

    nodes: distinct. edges: pairs of nodes; their direction, repeats and loops count nothing. The time grows with the
    square of the number of nodes: callers bound it.
    """
    if not nodes:
        return {}
    places = _settled(len(nodes), _pairs(nodes, edges), plot)
    return {node: (float(x), float(y)) for node, (x, y) in zip(nodes, _fitted(places, plot), strict=True)}


def _pairs(nodes: Sequence[Node], edges: Sequence[tuple[Node, Node]]) -> np.ndarray:
    """Each link once, as numbers of nodes."""
    number = {node: place for place, node in enumerate(nodes)}
    pairs = {
        (min(number[a], number[b]), max(number[a], number[b]))
        for a, b in edges
        if a in number and b in number and a != b
    }
    return np.array(sorted(pairs), dtype=int).reshape(-1, 2)


def _settled(count: int, pairs: np.ndarray, plot: Plot) -> np.ndarray:
    """Places around the origin after the last step."""
    inner = np.array([plot.width - 2 * plot.margin, plot.height - 2 * plot.margin])
    ideal = sqrt(float(inner.prod()) / count)
    places = _spiral(count) * inner / 2
    # The plot is wider than high: the pull is stronger where there is less room.
    pull = GRAVITY * ideal / (inner / 2)
    for step in range(STEPS):
        repulsion = ideal**2 / _squared_distances(places)
        np.fill_diagonal(repulsion, 0.0)
        # The sum over all others of (place − other) · repulsion, without a table of differences.
        force = places * repulsion.sum(axis=1)[:, None] - repulsion @ places
        if len(pairs):
            along = places[pairs[:, 0]] - places[pairs[:, 1]]
            tension = along * (np.sqrt((along**2).sum(axis=1)) / ideal)[:, None]
            np.subtract.at(force, pairs[:, 0], tension)
            np.add.at(force, pairs[:, 1], tension)
        force -= places * pull
        length = np.maximum(np.sqrt((force**2).sum(axis=1)), LEAST_DISTANCE)
        longest = FIRST_STEP * float(inner.min()) * (1 - step / STEPS)
        places = places + force * (np.minimum(length, longest) / length)[:, None]
    return places


def _squared_distances(places: np.ndarray) -> np.ndarray:
    lengths = (places**2).sum(axis=1)
    return np.maximum(lengths[:, None] + lengths[None, :] - 2 * (places @ places.T), LEAST_DISTANCE)


def _spiral(count: int) -> np.ndarray:
    """Points that fill the unit circle evenly, the first in the middle."""
    turns = np.arange(count)
    radius = np.sqrt(turns / max(count, 1))
    return np.stack([radius * np.cos(turns * GOLDEN_ANGLE), radius * np.sin(turns * GOLDEN_ANGLE)], axis=1)


def _fitted(places: np.ndarray, plot: Plot) -> np.ndarray:
    """The places moved into the middle of the plot, and spread or shrunk by one factor to fill it."""
    low, high = places.min(axis=0), places.max(axis=0)
    inner = np.array([plot.width - 2 * plot.margin, plot.height - 2 * plot.margin])
    size = high - low
    grown = float(np.min(inner / np.maximum(size, LEAST_DISTANCE)))
    factor = min(grown, MOST_GROWN) if len(places) > 1 else 1.0
    middle = np.array([plot.width / 2, plot.height / 2])
    fitted = middle + (places - (low + high) / 2) * factor
    edge = np.array([plot.margin, plot.margin])
    return np.clip(fitted, edge, np.array([plot.width, plot.height]) - edge)


@dataclass(frozen=True)
class Box:
    """A rectangle by its left upper corner."""

    x: float
    y: float
    width: float
    height: float

    def meets(self, other: "Box") -> bool:
        """Whether the two overlap."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


def without_overlap(boxes: Sequence[Box], taken: Sequence[Box] = (), plot: Plot = Plot()) -> list[bool]:
    """Which boxes can be drawn, first come first: those inside the plot that meet no earlier one and none that is taken."""
    kept: list[Box] = []
    drawn = []
    for box in boxes:
        inside = box.x >= 0 and box.y >= 0 and box.x + box.width <= plot.width and box.y + box.height <= plot.height
        fits = inside and not any(box.meets(other) for other in (*taken, *kept))
        drawn.append(fits)
        if fits:
            kept.append(box)
    return drawn
