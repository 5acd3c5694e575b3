"""The pages of memories: what they show to whom, and what they refuse."""

import pytest
from django.urls import reverse

from memories.curating import archive_memory, pin_memory
from memories.deleting import delete_memory
from memories.embedding.working import embed_pending_of
from memories.models import EmbeddingSpace
from memories.saving import save_memory

pytestmark = pytest.mark.django_db

MEMORIES = "/memories/"


@pytest.fixture
def memory(owner, app):
    return save_memory(
        owner.caller, app, "decision", "Sessions live in PostgreSQL", content_md="One [[Later]]", tags=["db"]
    ).memory


def page_of(memory):
    return reverse("memory", args=[memory.pk])


def body(answer):
    return answer.content.decode()


def test_each_page_shows_what_is_in_sight_and_says_not_found_of_the_rest(client, owner, collaborator, stranger, memory):
    found = {}
    for person in (owner, collaborator, stranger):
        client.force_login(person.member)
        listed = [row.title for row in client.get(MEMORIES).context["page"]]
        codes = [client.get(address).status_code for address in (page_of(memory), f"{MEMORIES}?project=app")]
        found[person.member.username] = [listed, *codes]
    assert found == {
        "olga": [["Sessions live in PostgreSQL"], 200, 200],
        "carl": [["Sessions live in PostgreSQL"], 200, 200],
        "sven": [[], 404, 404],
    }


def test_pages_ask_for_a_login(client, memory):
    assert [client.get(address).status_code for address in (MEMORIES, page_of(memory))] == [302, 302]


def test_a_deleted_memory_is_there_for_those_only_who_may_restore_it(client, owner, collaborator, stranger, memory):
    delete_memory(owner.caller, memory)
    codes = {}
    for person in (owner, collaborator, stranger):
        client.force_login(person.member)
        codes[person.member.username] = client.get(page_of(memory)).status_code
    assert codes == {"olga": 200, "carl": 404, "sven": 404}


def test_links_lead_to_memories_in_sight_and_late_ones_are_marked(client, owner, collaborator, app, memory):
    client.force_login(collaborator.member)
    assert '<span class="link-waiting" title="No memory has this title yet">Later</span>' in body(
        client.get(page_of(memory))
    )
    later = save_memory(owner.caller, app, "note", "Later").memory
    assert f'class="wikilink" href="{page_of(later)}"' in body(client.get(page_of(memory)))
    assert f'href="{page_of(memory)}"' in body(client.get(page_of(later)))


# --- looking for memories --------------------------------------------------------------------------------------------


@pytest.fixture
def many(owner, collaborator, app, memory):
    for number in range(5):
        save_memory(
            collaborator.caller, app, "note", f"Webhook {number}", content_md="Payments are retried.",
            tags=["payments"], module="billing",
        )  # fmt: skip
    archived = save_memory(owner.caller, app, "note", "Old webhook", content_md="Payments were retried.").memory
    archive_memory(owner.caller, archived)
    delete_memory(owner.caller, save_memory(owner.caller, app, "note", "Gone webhook").memory)
    pin_memory(owner.caller, memory, "kept")


def shown(answer):
    """What a page lists: the words of its facets with their counts, and the titles."""
    rows = answer.context.get("page")
    titles = (
        [row.title for row in rows] if rows is not None else [h.result.memory.title for h in answer.context["hits"]]
    )
    return sorted(titles)


def chosen_address(answer, facet, word):
    (found,) = [shown for shown in answer.context["facets"] if shown.name == facet]
    (option,) = [option for option in found.options if option.choice.word == word]
    return option.address


def test_a_click_on_a_facet_leaves_as_many_as_its_count_says_and_a_second_click_lets_it_go(client, owner, many):
    client.force_login(owner.member)
    first = client.get(MEMORIES)
    clicks = 0
    for facet in first.context["facets"]:
        for option in facet.options:
            answer = client.get(f"{MEMORIES}{option.address.removeprefix(MEMORIES)}")
            assert answer.context["page"].paginator.count == answer.context["total"] == option.choice.count
            if option.choice.word != "live":
                back = chosen_address(answer, facet.name, option.choice.word)
                assert shown(client.get(f"{MEMORIES}{back.removeprefix(MEMORIES)}")) == shown(first)
                clicks += 1
    assert clicks > 8


def test_choices_are_kept_beside_each_other_and_in_the_search(client, owner, many):
    client.force_login(owner.member)
    answer = client.get(MEMORIES, {"type": "note", "q": "payments", "page": "3", "sort": "title"})
    assert shown(answer) == [f"Webhook {number}" for number in range(5)]
    assert chosen_address(answer, "tag", "payments") == "?type=note&q=payments&sort=title&tag=payments"
    assert chosen_address(answer, "type", "note") == "?q=payments&sort=title"
    page = body(answer)
    assert '<input type="hidden" name="type" value="note">' in page
    assert shown(client.get(MEMORIES, {"q": "payments", "person": "carl", "module": "billing", "age": "day"})) == [
        f"Webhook {number}" for number in range(5)
    ]
    assert shown(client.get(MEMORIES, {"q": "payments", "age": "older"})) == []


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("live", [f"Webhook {number}" for number in range(5)]),
        ("archived", ["Old webhook"]),
        ("kept", ["Old webhook", *(f"Webhook {number}" for number in range(5))]),
        ("pinned", []),
        ("deleted", ["Gone webhook"]),
    ],
)
def test_a_search_finds_within_the_state_chosen(client, owner, collaborator, many, state, found):
    EmbeddingSpace.objects.all().delete()
    client.force_login(owner.member)
    assert shown(client.get(MEMORIES, {"q": "webhook", "state": state})) == found
    client.force_login(collaborator.member)
    expected = [] if state == "deleted" else found
    assert shown(client.get(MEMORIES, {"q": "webhook", "state": state})) == expected


def test_each_result_says_why_with_the_words_marked(client, collaborator, many):
    client.force_login(collaborator.member)
    answer = client.get(MEMORIES, {"q": "why are payments retried <script>alert('skunk')</script>?"})
    page = body(answer)
    assert "<mark>Payments</mark> are <mark>retried</mark>." in page
    assert "Why this?" in page
    assert "It holds <mark>payments</mark>, <mark>retried</mark>; not " in page
    assert "<script>alert" not in page
    assert [hit.why.met for hit in answer.context["hits"]][:5] == [["payments", "retried"]] * 5


def test_a_degraded_answer_says_so(client, collaborator, many):
    EmbeddingSpace.objects.all().delete()
    client.force_login(collaborator.member)
    page = body(client.get(MEMORIES, {"q": "payments"}))
    assert "No embedder is set up: results come from keywords only." in page
    assert "Not compared: no embedder answered." in page


def test_what_waits_to_be_embedded_is_said_where_it_is_searched(client, collaborator, many):
    client.force_login(collaborator.member)
    said = "wait to be embedded: until then only their words are searched, not their meaning."
    for address in (MEMORIES, "/search/"):
        assert f"6 memories {said}" in body(client.get(address, {"q": "payments"}))
    embed_pending_of(EmbeddingSpace.objects.answering())
    for address in (MEMORIES, "/search/"):
        assert said not in body(client.get(address, {"q": "payments"}))


@pytest.mark.parametrize("words", ["<script>alert(1)</script>", "\x00", "%", "'; --", "🦨", "*", "x" * 20_000, "‮abc"])
def test_any_word_is_ordinary_input(client, owner, many, words):
    client.force_login(owner.member)
    for name in ("q", "type", "tag", "module", "person", "age", "state", "sort", "page"):
        for more in ({}, {"q": "webhook"}, {"q": "webhook", "state": "deleted"}):
            answer = client.get(MEMORIES, {**more, name: words})
            assert answer.status_code == 200
            assert "<script>alert" not in body(answer)
    assert client.get(MEMORIES, {"project": words}).status_code == (200 if not words.strip() else 404)


# The session and the member; unread notices, projects of the switch; facets (counts, projects, types); count and rows.
LIST = 9


@pytest.mark.parametrize("rows", [3, 60])
def test_the_table_takes_so_many_statements_whatever_it_holds(
    client, owner, collaborator, app, django_assert_num_queries, rows
):
    for number in range(rows):
        save_memory(collaborator.caller, app, "note", f"Memory {number}", tags=[f"tag {number}"], module=f"m{number}")
    for person, more in ((owner, 0), (collaborator, 1)):
        client.force_login(person.member)
        client.get(MEMORIES)
        for words in ({}, {"type": "note", "age": "day", "sort": "-confidence"}):
            with django_assert_num_queries(LIST + more):
                client.get(MEMORIES, words)


def test_an_empty_portal_says_how_the_first_memory_comes(client, owner, app, secret_project):
    client.force_login(owner.member)
    page = client.get("/memories/").content.decode()
    assert "Nothing is remembered yet" in page
    assert (reverse("connect") in page, reverse("memory-new") in page) == (True, True)
    assert ("answers this" in page, "Narrow down" in page) == (False, False)
    assert "There is nothing to search yet" in client.get("/memories/?q=queues").content.decode()
    save_memory(owner.caller, secret_project, "note", "Elsewhere")
    page = client.get("/memories/?project=app").content.decode()
    assert "Nothing is remembered in app yet" in page
    page = client.get("/memories/?type=decision").content.decode()
    assert ("No memory is like that" in page, "Narrow down" in page) == (True, True)
