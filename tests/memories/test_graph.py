"""The graph of links: what is in sight, the most linked first, never more than is drawn."""

import pytest

from access.models import Project
from memories import graph
from memories.deleting import delete_memory
from memories.graph import graph_around, graph_of


def titles(found):
    return [node.title for node in found.nodes]


def lines(found):
    names = {node.pk: node.title for node in found.nodes}
    return sorted((names[source], names[target]) for source, target in found.edges)


@pytest.fixture
def linked(owner, app, save):
    """Hub is linked from three leaves; Leaf 2 links to Far, Far to Farther; Alone to nothing that exists."""
    return {
        title: save(owner, app, title, text)
        for title, text in (
            ("Farther", ""), ("Far", "[[Farther]]"), ("Hub", ""), ("Leaf 0", "[[Hub]]"), ("Leaf 1", "[[hub]] [[Leaf 0]]"),
            ("Leaf 2", "[[Hub]] [[Far]]"), ("Alone", "[[Nowhere]]"),
        )
    }  # fmt: skip


def test_all_links_in_sight_the_most_linked_first(linked, owner, collaborator, stranger):
    for person in (owner, collaborator):
        found = graph_of(person.caller)
        assert titles(found)[0] == "Hub"
        assert set(titles(found)) == {"Hub", "Leaf 0", "Leaf 1", "Leaf 2", "Far", "Farther"}
        assert lines(found) == [
            ("Far", "Farther"), ("Leaf 0", "Hub"), ("Leaf 1", "Hub"), ("Leaf 1", "Leaf 0"), ("Leaf 2", "Far"),
            ("Leaf 2", "Hub"),
        ]  # fmt: skip
        assert [found.degrees[node.pk] for node in found.nodes] == [3, 2, 2, 2, 2, 1]
        assert (found.left_out, found.edges_left_out) == (0, 0)
    assert (titles(graph_of(stranger.caller)), lines(graph_of(stranger.caller))) == ([], [])


def test_around_one_memory_are_those_two_links_away(linked, owner):
    found = graph_around(owner.caller, linked["Hub"])
    assert titles(found) == ["Hub", "Leaf 0", "Leaf 1", "Leaf 2", "Far"] or set(titles(found)[1:4]) == {
        "Leaf 0", "Leaf 1", "Leaf 2",
    }  # fmt: skip
    assert (titles(found)[0], titles(found)[-1], len(found.nodes)) == ("Hub", "Far", 5)
    assert ("Far", "Farther") not in lines(found)
    alone = graph_around(owner.caller, linked["Alone"])
    assert (titles(alone), alone.edges) == (["Alone"], [])


def test_a_deleted_memory_and_other_projects_are_left_out(linked, owner, app, save):
    delete_memory(owner.caller, linked["Hub"])
    assert lines(graph_of(owner.caller)) == [("Far", "Farther"), ("Leaf 1", "Leaf 0"), ("Leaf 2", "Far")]
    other = Project.objects.create(name="second")
    save(owner, other, "One", "[[Two]]")
    save(owner, other, "Two")
    assert lines(graph_of(owner.caller, [other.pk])) == [("One", "Two")]
    assert len(graph_of(owner.caller).edges) == 4


def test_of_many_the_most_linked_are_kept_and_the_others_counted(linked, owner, monkeypatch):
    monkeypatch.setattr(graph, "NODES_AT_MOST", 3)
    found = graph_of(owner.caller)
    assert (titles(found)[0], len(found.nodes), found.left_out) == ("Hub", 3, 3)
    around = graph_around(owner.caller, linked["Hub"])
    assert (titles(around)[0], len(around.nodes), around.left_out) == ("Hub", 3, 2)
    monkeypatch.setattr(graph, "NODES_AT_MOST", 200)
    monkeypatch.setattr(graph, "EDGES_AT_MOST", 4)
    assert (len(graph_of(owner.caller).edges), graph_of(owner.caller).edges_left_out) == (4, 2)


def test_the_statements_do_not_grow_with_the_graph(linked, owner, app, save, django_assert_max_num_queries):
    for number in range(40):
        save(owner, app, f"More {number}", f"[[Hub]] [[More {number - 1}]]")
    with django_assert_max_num_queries(4):
        assert len(graph_of(owner.caller).nodes) == 46
    with django_assert_max_num_queries(5):
        assert len(graph_around(owner.caller, linked["Hub"]).nodes) == 45
