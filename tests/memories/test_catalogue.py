"""Memories in the order of a catalogue, page by page, whatever their moments and pins."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memories.catalogue import catalogue, place_of
from memories.models import Memory
from memories.saving import save_memory

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.django_db
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    facts=st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), max_size=9),
    size=st.integers(1, 4),
)
def test_pages_hold_each_live_memory_once_in_order(collaborator, app, facts, size):
    Memory.objects.all().delete()
    for number, (day, pinned, archived) in enumerate(facts):
        memory = save_memory(collaborator.caller, app, "note", f"Note {number}", content_md="x").memory
        moment = BEGIN + timedelta(days=day)
        Memory.objects.filter(pk=memory.pk).update(
            updated_at=moment, pinned_at=moment if pinned else None, archived_at=moment if archived else None
        )

    seen, place = [], None
    while page := catalogue(collaborator.caller, after=place, size=size):
        assert len(page) <= size
        seen, place = seen + page, place_of(page[-1])

    live = Memory.objects.filter(archived_at=None)
    assert seen == sorted(live, key=lambda row: (row.pinned_at is None, -row.updated_at.timestamp(), row.pk))


def test_nobody_else_s(collaborator, stranger, app):
    save_memory(collaborator.caller, app, "note", "Ours", content_md="x")

    assert [row.title for row in catalogue(collaborator.caller, after=None, size=5)] == ["Ours"]
    assert catalogue(stranger.caller, after=None, size=5) == []
