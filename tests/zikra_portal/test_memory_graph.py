"""The page of links: who sees it, what it draws, and that titles stay words."""

import re

import pytest
from django.urls import reverse

from memories.deleting import delete_memory
from memories.graph import graph_of
from memories.saving import save_memory
from zikra_portal.memory_graph import LABEL_CHARACTERS, PLOT, picture_of

pytestmark = pytest.mark.django_db
GRAPH = "/memories/graph/"


@pytest.fixture
def linked(owner, app):
    hub = save_memory(owner.caller, app, "decision", "Hub").memory
    for number in range(4):
        save_memory(owner.caller, app, ["note", "error"][number % 2], f"Leaf {number}", content_md="[[Hub]]")
    return hub


def body(answer):
    return answer.content.decode()


def test_each_door_opens_to_whom_it_should(client, owner, collaborator, stranger, linked):
    codes = {}
    for person in (owner, collaborator, stranger):
        client.force_login(person.member)
        codes[person.member.username] = [
            client.get(GRAPH, words).status_code for words in ({}, {"project": "app"}, {"memory": str(linked.pk)})
        ]
    assert codes == {"olga": [200, 200, 200], "carl": [200, 200, 200], "sven": [200, 404, 404]}
    assert client.get(GRAPH).context["picture"].nodes == []


def test_nodes_are_links_with_a_shape_and_a_word_for_each_type(client, collaborator, linked):
    client.force_login(collaborator.member)
    answer = client.get(GRAPH)
    page = body(answer)
    assert page.count("graph-node") == 5
    assert f'href="{reverse("memory", args=[linked.pk])}"' in page
    assert 'aria-label="Hub, Decision, linked with 4"' in page
    signs = {sign.kind.label: sign.shape for sign in answer.context["picture"].signs}
    assert list(signs) == ["Decision", "Error", "Note"]
    assert len(set(signs.values())) == 3
    table = page.partition('id="links"')[2]
    assert table.count("<tr>") == 5
    assert "style=" not in page


def test_around_a_memory_it_stands_out(client, collaborator, linked):
    client.force_login(collaborator.member)
    page = body(client.get(GRAPH, {"memory": str(linked.pk)}))
    assert page.count("is-centre") == 1
    assert "Links around" in page


def test_without_links_it_says_how_to_make_one(client, owner, collaborator, app):
    alone = save_memory(owner.caller, app, "note", "Alone").memory
    client.force_login(collaborator.member)
    assert "No memory links to another yet" in body(client.get(GRAPH))
    assert "Nothing is linked with it" in body(client.get(GRAPH, {"memory": str(alone.pk)}))


@pytest.mark.parametrize("word", ["x", "\x00", "00000000-0000-0000-0000-000000000000", "<script>", "1" * 5_000])
def test_a_memory_that_is_none_is_not_found(client, owner, app, word):
    client.force_login(owner.member)
    assert client.get(GRAPH, {"memory": word}).status_code == 404


def test_a_deleted_one_is_not_found(client, owner, linked):
    delete_memory(owner.caller, linked)
    client.force_login(owner.member)
    assert client.get(GRAPH, {"memory": str(linked.pk)}).status_code == 404


def test_titles_of_any_kind_stay_words_and_labels_short(client, owner, app):
    titles = ["<script>alert(1)</script>", "x" * 500, "🦨" * 60, "‮" + "عنوان " * 20, "数" * 100, '"><img src=x>']
    for title in titles:
        save_memory(owner.caller, app, "note", title, content_md="[[Hub]]")
    save_memory(owner.caller, app, "note", "Hub")
    client.force_login(owner.member)
    page = body(client.get(GRAPH))
    assert "<script>alert" not in page
    assert "<img" not in page
    labels = re.findall(r"<text[^>]*>([^<]*)</text>", page)
    assert len(labels) == 7
    picture = picture_of(graph_of(owner.caller))
    assert max(len(node.label) for node in picture.nodes) == LABEL_CHARACTERS
    for node in picture.nodes:
        assert PLOT.margin <= node.x <= PLOT.width - PLOT.margin
        assert PLOT.margin <= node.y <= PLOT.height - PLOT.margin


def test_labels_that_are_drawn_cover_no_other(owner, app, linked):
    for number in range(60):
        save_memory(owner.caller, app, "note", f"A leaf with a rather long title {number}", content_md="[[Hub]]")
    picture = picture_of(graph_of(owner.caller))
    drawn = [node for node in picture.nodes if node.shows_label]
    assert picture.nodes[0].shows_label
    assert 0 < len(drawn) < len(picture.nodes)


# The session and the member; unread notices, projects of the switch; degrees, nodes, links.
STATEMENTS = 7


@pytest.mark.parametrize("rows", [3, 60])
def test_the_page_takes_so_many_statements_whatever_it_holds(client, owner, app, django_assert_num_queries, rows):
    save_memory(owner.caller, app, "note", "Hub")
    for number in range(rows):
        save_memory(owner.caller, app, "note", f"Memory {number}", content_md="[[Hub]]")
    client.force_login(owner.member)
    client.get(GRAPH)
    with django_assert_num_queries(STATEMENTS):
        client.get(GRAPH)
