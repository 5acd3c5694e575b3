"""The command `hygiene_report`."""

from datetime import timedelta

import pytest
from django.utils import timezone

from memories.models import Memory
from tests.api.conftest import refusal

TITLE = "PostgreSQL is the only store"


def grow_old(days):
    moment = timezone.now() - timedelta(days=days)
    Memory.objects.update(confirmed_at=moment, updated_at=moment)


def test_an_idle_memory_without_links_is_reported(tell, collaborator, saved):
    grow_old(days=100)
    assert tell(collaborator, "orphan_report") == {
        "project": "app",
        "stale_days": 30,
        "orphan_count": 1,
        "memories": [
            {
                "id": saved["id"],
                "title": TITLE,
                "memory_type": "decision",
                "project": "app",
                "days_idle": 100,
                "access_count": 0,
                "backlink_count": 0,
                "verdict": "archive",
            }
        ],
        "duplicates": [],
        "dead_links": [],
        "_use_command": "hygiene_report",
        "_was_alias": True,
        "_raw_command": "orphan_report",
    }


def test_repeated_titles_and_dead_links_are_reported(tell, collaborator, saved):
    note = tell(collaborator, "save_memory", title=TITLE.upper(), memory_type="note", content_md="See [[Nowhere]].")
    answer = tell(collaborator, "hygiene_report")
    assert [[row["id"] for row in found["memories"]] for found in answer["duplicates"]] == [[note["id"], saved["id"]]]
    assert [(row["id"], row["target_title"]) for row in answer["dead_links"]] == [(note["id"], "Nowhere")]
    assert (answer["orphan_count"], answer["memories"]) == (0, [])


def test_a_stranger_sees_nothing_of_it(ask, tell, stranger, saved):
    grow_old(days=100)
    answer = tell(stranger, "hygiene_report", stale_days=0)
    assert (answer["orphan_count"], answer["memories"], answer["duplicates"], answer["dead_links"]) == (0, [], [], [])
    assert refusal(ask(stranger, "hygiene_report", project="app")) == (403, "token_scope_mismatch")


@pytest.mark.parametrize(
    ("stale_days", "error"),
    [
        (-1, "stale_days must be at least 0"),
        (10**12, "stale_days must be at most 3650"),
        ("30", "stale_days must be a whole number, not a string"),
        (None, "stale_days must not be null"),
    ],
)
def test_days_out_of_range_are_refused(ask, collaborator, stale_days, error):
    assert refusal(ask(collaborator, "hygiene_report", stale_days=stale_days)) == (400, error)
