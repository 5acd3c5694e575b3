"""The command `get_memory`."""

import pytest

from memories.models import Memory
from tests.api.conftest import NOT_FOUND, refusal, without

TITLE = "PostgreSQL is the only store"


def test_a_memory_is_answered_whole(tell, collaborator, saved):
    answer = tell(collaborator, "get_memory", id=saved["id"])
    volatile = ("created_at", "updated_at", "confirmed_at", "last_accessed_at", "confidence_score")
    assert without(answer, *volatile) == {
        "id": saved["id"],
        "title": TITLE,
        "memory_type": "decision",
        "project": "app",
        "content_md": "Rows, vectors and queues share one transaction.",
        "module": "",
        "resolution": "",
        "tags": ["database"],
        "source_file": "",
        "created_by": "carl",
        "version": 1,
        "state": "live",
        "confidence": 1.0,
        "confirmed_by": "carl",
        "pinned": False,
        "pin_reason": "",
        "access_count": 1,
        "run_id": None,
        "links_out": [],
        "links_in": [],
        "_use_command": "get_memory",
    }
    assert answer["created_at"].endswith("Z")


def test_reading_counts(tell, collaborator, owner, saved):
    counts = [tell(person, "get_memory", title=TITLE)["access_count"] for person in (collaborator, owner, collaborator)]
    assert counts == [1, 2, 3]


def test_links_show_both_ways(tell, collaborator, saved):
    other = tell(collaborator, "save_memory", title="Queue design", content_md=f"See [[{TITLE}]].", memory_type="note")
    back = {"id": other["id"], "title": "Queue design", "memory_type": "note"}
    out = {"id": saved["id"], "title": TITLE, "memory_type": "decision"}
    assert tell(collaborator, "get_memory", id=saved["id"])["links_in"] == [back]
    assert tell(collaborator, "get_memory", memory_id=other["id"])["links_out"] == [out]


def test_several_of_one_title_answer_the_newest_and_name_the_others(tell, collaborator, saved):
    newest = tell(collaborator, "save_memory", title=TITLE, memory_type="note")
    answer = tell(collaborator, "get_memory", title=TITLE)
    assert answer["id"] == newest["id"]
    assert answer["other_matches"] == [{"id": saved["id"], "title": TITLE, "memory_type": "decision", "project": "app"}]
    assert tell(collaborator, "get_memory", title=TITLE, memory_type="decision")["id"] == saved["id"]


def test_a_stranger_finds_nothing_by_id_or_title(ask, stranger, saved):
    assert refusal(ask(stranger, "get_memory", id=saved["id"])) == NOT_FOUND
    assert refusal(ask(stranger, "get_memory", title=TITLE)) == NOT_FOUND
    assert Memory.objects.get(pk=saved["id"]).access_count == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, (400, "id or title is required")),
        ({"id": "no-uuid"}, (400, "id must be an id (a UUID), as other commands answer it")),
        ({"id": 5}, (400, "id must be an id (a UUID), as other commands answer it")),
        ({"id": "00000000-0000-4000-8000-000000000000"}, NOT_FOUND),
        ({"title": "No such title"}, NOT_FOUND),
        ({"title": "x", "memory_type": "no such type"}, NOT_FOUND),
        ({"title": "x", "project": "nowhere"}, NOT_FOUND),
    ],
)
def test_what_is_not_there_or_no_id_is_told(ask, owner, arguments, expected):
    assert refusal(ask(owner, "get_memory", **arguments)) == expected
