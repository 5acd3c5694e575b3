"""The page of links between memories: a picture whose nodes are links, and the same as a table."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from unicodedata import east_asian_width

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from access.callers import Caller
from access.pages import caller_of
from memories.graph import LinkGraph, graph_around, graph_of
from memories.models import Memory, MemoryType
from zikra_portal.graph_layout import Box, Plot, Point, laid_out, without_overlap
from zikra_portal.memory_pages import projects_asked

PLOT = Plot()
# A node grows with the root of its degree, so that its area does with the degree, between what is seen and what hides
# others.
LEAST_RADIUS, MOST_RADIUS = 6.0, 16.0
LABEL_CHARACTERS = 28
# As static/memories.css draws them: height of a line, and the width of a Latin letter of the system's fonts.
LABEL_HEIGHT, LETTER_WIDTH = 16.0, 7.2
# Shapes of the types beside their colours, each about as large as a circle of radius 1.
SHAPES = (
    "M-1 0A1 1 0 1 0 1 0A1 1 0 1 0 -1 0Z",
    "M-.9 -.9H.9V.9H-.9Z",
    "M0 -1.25L1.25 0L0 1.25L-1.25 0Z",
    "M0 -1.2L1.15 .85H-1.15Z",
    "M-.6 -1H.6L1.15 0L.6 1H-.6L-1.15 0Z",
    "M0 1.2L1.15 -.85H-1.15Z",
    "M-.4 -1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z",
    "M0 -1.2L1.14 -.37L.7 .97H-.7L-1.14 -.37Z",
)


@dataclass(frozen=True)
class Node:
    """A memory in the picture. shape: a path around 0, 0 of radius 1. shows_label: whether there is room for it."""

    memory: Memory
    x: float
    y: float
    radius: float
    shape: str
    others: int
    label: str
    shows_label: bool
    is_centre: bool

    @property
    def label_y(self) -> float:
        """The base line of the label, under the node."""
        return self.radius + LABEL_HEIGHT - 3


@dataclass(frozen=True)
class Line:
    """A link in the picture, and its ends for the table."""

    source: Node
    target: Node


@dataclass(frozen=True)
class Sign:
    """What a type looks like, for the legend."""

    kind: MemoryType
    shape: str


@dataclass(frozen=True)
class Picture:
    """All that the template draws."""

    nodes: list[Node]
    lines: list[Line]
    signs: list[Sign]
    plot: Plot = PLOT


@login_required
def graph(request: HttpRequest) -> HttpResponse:
    """Links between the memories in sight, of a project (`?project=`, a name) or around a memory (`?memory=`, an id)."""
    caller = caller_of(request)
    centre = _memory_asked(caller, request.GET.get("memory", ""))
    found = graph_around(caller, centre) if centre is not None else graph_of(caller, projects_asked(request))
    picture = picture_of(found, centre)
    return render(request, "memories/graph.html", {"graph": found, "picture": picture, "centre": centre})


def _memory_asked(caller: Caller, word: str) -> Memory | None:
    """The memory that the address names, None for none. One out of sight is not found."""
    if not word:
        return None
    try:
        wanted = uuid.UUID(word)
    except ValueError:
        raise Http404 from None
    found = Memory.objects.visible_to(caller).select_related("project", "memory_type").filter(pk=wanted).first()
    if found is None:
        raise Http404
    return found


def picture_of(found: LinkGraph, centre: Memory | None = None) -> Picture:
    """Where everything stands and what it looks like; the same for the same graph."""
    if not found.edges:
        return Picture([], [], [])
    places = laid_out([memory.pk for memory in found.nodes], found.edges, PLOT)
    signs = _signs(found.nodes)
    shapes = {sign.kind.pk: sign.shape for sign in signs}
    radii = _radii(found)
    labels = {memory.pk: _label(memory.title) for memory in found.nodes}
    shown = _labels_shown(found.nodes, places, radii, labels)
    nodes = {
        memory.pk: Node(
            memory=memory,
            x=round(places[memory.pk][0], 1),
            y=round(places[memory.pk][1], 1),
            radius=radii[memory.pk],
            shape=shapes[memory.memory_type_id],
            others=found.degrees.get(memory.pk, 0),
            label=labels[memory.pk],
            shows_label=shown[memory.pk],
            is_centre=centre is not None and memory.pk == centre.pk,
        )
        for memory in found.nodes
    }
    return Picture(list(nodes.values()), [Line(nodes[source], nodes[target]) for source, target in found.edges], signs)


def _signs(memories: Sequence[Memory]) -> list[Sign]:
    """The types of the picture by name, each with a shape of its own while there are enough."""
    kinds = sorted({memory.memory_type for memory in memories}, key=lambda kind: kind.pk)
    return [Sign(kind, SHAPES[place % len(SHAPES)]) for place, kind in enumerate(kinds)]


def _radii(found: LinkGraph) -> dict[uuid.UUID, float]:
    most = max(found.degrees.values(), default=1) or 1
    grown = {key: sqrt(others / most) for key, others in found.degrees.items()}
    return {key: round(LEAST_RADIUS + (MOST_RADIUS - LEAST_RADIUS) * share, 1) for key, share in grown.items()}


def _label(title: str) -> str:
    """A title cut to what there is room for: after a word, so that it can be said aloud, unless that is too long."""
    short = " ".join(title.split())
    if len(short) <= LABEL_CHARACTERS:
        return short
    cut = short[:LABEL_CHARACTERS]
    return f"{(cut.rpartition(' ')[0] or cut[:-1]).rstrip()}…"


def _width(label: str) -> float:
    """About how wide a label is drawn; full-width characters take about twice a Latin letter's room."""
    return sum(2 * LETTER_WIDTH if east_asian_width(letter) in "WF" else LETTER_WIDTH for letter in label)


def _labels_shown(
    memories: Sequence[Memory],
    places: dict[uuid.UUID, Point],
    radii: dict[uuid.UUID, float],
    labels: dict[uuid.UUID, str],
) -> dict[uuid.UUID, bool]:
    """Whose label is drawn: in the order of the graph, where it covers neither a node nor another label."""
    taken = [
        Box(places[key][0] - radius, places[key][1] - radius, 2 * radius, 2 * radius)
        for key, radius in ((memory.pk, radii[memory.pk]) for memory in memories)
    ]
    boxes = []
    for memory in memories:
        (x, y), width = places[memory.pk], _width(labels[memory.pk])
        boxes.append(Box(x - width / 2, y + radii[memory.pk], width, LABEL_HEIGHT))
    fits = without_overlap(boxes, taken, PLOT)
    return {memory.pk: fit for memory, fit in zip(memories, fits, strict=True)}
