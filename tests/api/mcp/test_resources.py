"""Memories as resources: pinned first, then the newest, page by page; any of them by its id."""

import pytest

from api.mcp import resources
from tests.api.mcp.conftest import STATELESS, VERSIONS

pytestmark = pytest.mark.django_db


def titles(page):
    return [row["title"] for row in page["resources"]]


@pytest.fixture
def many(tell, owner, app):
    """Seven memories of `app`, the third pinned, the fifth archived by nobody, the sixth deleted."""
    saved = [
        tell(
            owner, "save_memory", title=f"Note {number}", content_md="x", memory_type="note", project="app", tags=["t"]
        )
        for number in range(1, 8)
    ]
    tell(owner, "pin_memory", id=saved[2]["id"], reason="Read first.")
    tell(owner, "delete_memory", id=saved[5]["id"])
    return saved


def test_a_resource_names_a_memory(request_of, collaborator, many):
    row = request_of(collaborator, "resources/list")["resources"][0]

    assert row.pop("annotations").keys() == {"lastModified", "priority"}
    assert row == {
        "uri": f"zikra://memory/{many[2]['id']}",
        "name": "Note 3",
        "title": "Note 3",
        "description": "note in app; t",
        "mimeType": "text/markdown",
    }


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7])
def test_pages_of_any_size_hold_each_once_in_order(request_of, collaborator, many, monkeypatch, size):
    monkeypatch.setattr(resources, "PAGE_SIZE", size)
    seen, cursor, pages = [], None, 0
    while cursor or not pages:
        page = request_of(collaborator, "resources/list", **({"cursor": cursor} if cursor else {}))
        seen, cursor, pages = seen + titles(page), page.get("nextCursor"), pages + 1

    assert seen == ["Note 3", "Note 7", "Note 5", "Note 4", "Note 2", "Note 1"]
    assert pages == -(-6 // size)


@pytest.mark.parametrize(
    "cursor", ["", "x", "é", "W10", "WzFd", "bnVsbA", "eyJhIjoxfQ", "WzEsMiwzXQ", "WzEsICIyMDI2LTAxLTAxIiwgImEiXQ"]
)
def test_a_cursor_that_nobody_gave_is_refused(request_of, collaborator, cursor):
    error = request_of(collaborator, "resources/list", cursor=cursor)

    assert (error["code"], error["message"]) == (
        -32602,
        "Invalid cursor: send the nextCursor of the page before, or none.",
    )


def test_a_template_names_the_others(request_of, collaborator, many):
    template = request_of(collaborator, "resources/templates/list")["resourceTemplates"][0]
    read = request_of(collaborator, "resources/read", uri=template["uriTemplate"].replace("{id}", many[0]["id"]))

    assert read["contents"] == [
        {"uri": f"zikra://memory/{many[0]['id']}", "mimeType": "text/markdown", "text": "# Note 1\n\nx"}
    ]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "uri",
    [
        "zikra://memory/018f2f4e-0000-7000-8000-000000000000",
        "zikra://memory/x",
        "zikra://token/1",
        "file:///etc/passwd",
    ],
)
def test_what_is_not_there_is_not_found(request_of, collaborator, version, uri):
    error = request_of(collaborator, "resources/read", version, uri=uri)

    code = -32602 if version == STATELESS else -32002
    assert error == {"code": code, "message": "Resource not found", "data": {"uri": uri}}


def test_reading_counts_as_reading(use, request_of, collaborator, many):
    request_of(collaborator, "resources/read", uri=f"zikra://memory/{many[0]['id']}")

    assert use(collaborator, "zikra_get_memory", id=many[0]["id"])["access_count"] == 2


def test_strangers_see_none_of_them(request_of, stranger, many):
    assert request_of(stranger, "resources/list") | {"_meta": None} == {
        "resultType": "complete", "resources": [], "ttlMs": 0, "cacheScope": "private", "_meta": None,
    }  # fmt: skip
    assert (
        request_of(stranger, "resources/read", uri=f"zikra://memory/{many[0]['id']}")["message"] == "Resource not found"
    )
