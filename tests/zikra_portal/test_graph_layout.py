"""Layout: every node inside the plot, the same place each time, and links that mean nearness."""

from math import dist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zikra_portal.graph_layout import Box, Plot, laid_out, without_overlap

PLOT = Plot()
plots = st.builds(Plot, width=st.floats(200, 3_000), height=st.floats(200, 3_000), margin=st.floats(0, 90))
sizes = st.integers(0, 40)


@st.composite
def graphs(draw):
    nodes = [f"n{number}" for number in range(draw(sizes))]
    ends = st.sampled_from(nodes) if nodes else st.nothing()
    return nodes, draw(st.lists(st.tuples(ends, ends), max_size=80)) if nodes else []


@settings(deadline=None)
@given(graphs(), plots)
def test_every_node_stands_inside_the_margins(graph, plot):
    places = laid_out(*graph, plot)
    assert list(places) == graph[0]
    for x, y in places.values():
        assert plot.margin - 1e-6 <= x <= plot.width - plot.margin + 1e-6
        assert plot.margin - 1e-6 <= y <= plot.height - plot.margin + 1e-6


@settings(deadline=None, max_examples=25)
@given(graphs())
def test_the_same_graph_is_laid_out_the_same(graph):
    nodes, edges = graph
    turned = [(target, source) for source, target in reversed(edges)]
    assert laid_out(nodes, edges) == laid_out(nodes, [*turned, *edges])


@settings(deadline=None, max_examples=25)
@given(graphs())
def test_no_two_nodes_cover_each_other(graph):
    places = list(laid_out(*graph).values())
    apart = [dist(a, b) for number, a in enumerate(places) for b in places[:number]]
    assert min(apart, default=1_000) > 4


def test_linked_nodes_stand_nearer_than_others():
    nodes = list(range(30))
    edges = [(0, other) for other in range(1, 10)] + [(10, other) for other in range(11, 20)]
    places = laid_out(nodes, edges)
    linked = [dist(places[a], places[b]) for a, b in edges]
    apart = [dist(places[a], places[b]) for a in range(10) for b in range(10, 20)]
    assert max(linked) < sum(apart) / len(apart)


def test_nothing_and_one_node():
    assert laid_out([], []) == {}
    assert laid_out(["only"], [("only", "only"), ("only", "gone")]) == {"only": (500.0, 320.0)}


boxes = st.builds(Box, st.floats(-50, 1_050), st.floats(-50, 700), st.floats(1, 200), st.floats(1, 40))


@given(st.lists(boxes, max_size=30), st.lists(boxes, max_size=10))
def test_what_is_drawn_covers_nothing_and_what_is_not_would(asked, taken):
    drawn = without_overlap(asked, taken, PLOT)
    kept = [box for box, is_drawn in zip(asked, drawn, strict=True) if is_drawn]
    for number, box in enumerate(kept):
        assert not any(box.meets(other) for other in (*taken, *kept[:number]))
        assert box.x >= 0
        assert box.x + box.width <= PLOT.width
    for box, is_drawn in zip(asked, drawn, strict=True):
        leaves = box.x < 0 or box.y < 0 or box.x + box.width > PLOT.width or box.y + box.height > PLOT.height
        assert is_drawn or leaves or any(box.meets(other) for other in (*taken, *kept))


@pytest.mark.parametrize(
    ("other", "meets"), [(Box(9, 9, 5, 5), True), (Box(10, 0, 5, 5), False), (Box(0, 10, 5, 5), False)]
)
def test_boxes_that_touch_do_not_meet(other, meets):
    assert Box(0, 0, 10, 10).meets(other) is meets
