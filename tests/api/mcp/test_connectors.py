"""`search` and `fetch` in the shapes that ChatGPT's connectors document, with links that open the memory's page."""

import json
from urllib.parse import urlsplit

import jsonschema
import pytest

pytestmark = pytest.mark.django_db


@pytest.fixture
def decision(use, collaborator):
    return use(
        collaborator, "zikra_save_memory", title="PostgreSQL is the only store", content_md="One transaction for all.",
        memory_type="decision", tags=["database", "queues"], module="storage", created_by="ana",
    )  # fmt: skip


def test_search_answers_id_title_and_url(request_of, collaborator, decision):
    result = request_of(collaborator, "tools/call", name="search", arguments={"query": "which store"})

    row = {
        "id": decision["id"],
        "title": "PostgreSQL is the only store",
        "url": f"http://testserver/memories/{decision['id']}/",
    }
    assert result["structuredContent"] == {"results": [row]}
    assert [block["type"] for block in result["content"]] == ["text"]
    assert json.loads(result["content"][0]["text"]) == {"results": [row]}


def test_fetch_answers_the_whole_text_with_its_facts(use, collaborator, decision):
    found = use(collaborator, "fetch", id=decision["id"])

    assert found.pop("metadata").pop("updated_at").endswith("Z")
    assert found == {
        "id": decision["id"],
        "title": "PostgreSQL is the only store",
        "text": "One transaction for all.",
        "url": f"http://testserver/memories/{decision['id']}/",
    }
    metadata = use(collaborator, "fetch", id=decision["id"])["metadata"]
    assert {name: metadata[name] for name in metadata if name != "updated_at"} == {
        "memory_type": "decision",
        "project": "app",
        "module": "storage",
        "tags": "database, queues",
        "created_by": "ana",
        "confidence": "1.00",
    }


def test_the_link_opens_the_memory_s_page_for_who_may_see_it(use, client, collaborator, stranger, decision):
    address = urlsplit(use(collaborator, "search", query="store")["results"][0]["url"]).path
    client.force_login(collaborator.member)
    shown = client.get(address)
    client.force_login(stranger.member)

    assert shown.status_code == 200
    assert "PostgreSQL is the only store" in shown.content.decode()
    assert client.get(address).status_code == 404


def test_answers_fit_the_schemas_that_are_told(request_of, use, collaborator, decision):
    schemas = {tool["name"]: tool.get("outputSchema") for tool in request_of(collaborator, "tools/list")["tools"]}

    jsonschema.validate(use(collaborator, "search", query="store"), schemas["search"])
    jsonschema.validate(use(collaborator, "fetch", id=decision["id"]), schemas["fetch"])
    assert use(collaborator, "search", query="*") == {"results": []}


def test_links_name_the_public_address(use, collaborator, decision, settings):
    settings.PORTAL_URL = "https://zikra.example.com"

    assert (
        use(collaborator, "fetch", id=decision["id"])["url"] == f"https://zikra.example.com/memories/{decision['id']}/"
    )


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("search", {}, "query is required"),
        ("search", {"query": ""}, "query is required and must not be blank"),
        ("search", {"query": 3}, "query must be a string, not a number"),
        ("fetch", {}, "id or title is required"),
        ("fetch", {"id": "x"}, "id must be an id (a UUID), as other commands answer it"),
        ("fetch", {"id": "018f2f4e-0000-7000-8000-000000000000"}, "Memory not found"),
    ],
)
def test_refusals_are_results_in_words(request_of, collaborator, tool, arguments, words):
    result = request_of(collaborator, "tools/call", name=tool, arguments=arguments)

    assert (result["isError"], result["content"][0]["text"].splitlines()[0]) == (True, words)


def test_another_argument_does_not_widen_them(use, tell, owner, stranger, decision):
    tell(owner, "save_memory", title="Hidden store", content_md="Elsewhere.", memory_type="note", project="app")

    assert use(stranger, "search", query="store", project="app", include_archived=True) == {"results": []}
