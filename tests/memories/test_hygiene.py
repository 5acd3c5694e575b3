"""Hygiene: orphans that nobody uses, duplicate titles, dead links; all within sight."""

from datetime import timedelta

import pytest
from django.utils import timezone

from memories.hygiene import hygiene_report
from memories.models import Memory
from memories.reading import note_access


@pytest.fixture
def old_memories(owner, app, secret_project, save):
    """Four that were saved 50 days ago in `app`, one in the other project."""
    made = [save(owner, app, title, memory_type="conversation") for title in ["Orphan", "Read", "Linked"]]
    made.append(save(owner, app, "Linking", "[[Linked]] [[Nowhere]]"))
    made.append(save(owner, secret_project, "Theirs", "[[Void]]"))
    moment = timezone.now() - timedelta(days=50)
    Memory.objects.update(confirmed_at=moment, updated_at=moment, created_at=moment)
    note_access(made[1])
    return made


def test_the_report_names_what_nobody_uses_or_links_to(collaborator, old_memories):
    report = hygiene_report(collaborator.caller, None)
    rows = [(row.memory.title, row.days_idle, row.backlink_count, row.verdict) for row in report.memories]
    assert sorted(rows) == [("Linking", 50, 0, "review"), ("Orphan", 50, 0, "archive")]
    assert report.orphan_count == 2
    assert [(link.source.title, link.target_title) for link in report.dead_links] == [("Linking", "Nowhere")]


def test_a_longer_patience_finds_less(collaborator, old_memories):
    assert hygiene_report(collaborator.caller, None, stale_days=51).memories == []


def test_a_stranger_sees_their_own_only(stranger, old_memories):
    report = hygiene_report(stranger.caller, None)
    assert [row.memory.title for row in report.memories] == ["Theirs"]
    assert [link.target_title for link in report.dead_links] == ["Void"]


def test_titles_that_differ_in_case_or_type_are_duplicates(collaborator, app, save):
    save(collaborator, app, "Retry policy")
    save(collaborator, app, "retry policy")
    save(collaborator, app, "Retry policy", memory_type="decision")
    save(collaborator, app, "Other")
    (duplicate,) = hygiene_report(collaborator.caller, None).duplicates
    assert (duplicate.project, sorted(memory.title for memory in duplicate.memories)) == (
        "app",
        ["Retry policy", "Retry policy", "retry policy"],
    )
