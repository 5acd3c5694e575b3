"""The pages of memories: what they show to whom, and what they refuse."""

import pytest
from django.urls import reverse

from memories.deleting import delete_memory
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
