"""How many searchable memories a project has: kept by PostgreSQL, equal to a count at every moment."""

from importlib import import_module

import pytest
from django.db import connection
from django.db.models import Count, Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access.models import Project
from access.projects import delete_project
from memories.curating import archive_memory, pin_memory, unarchive_memory
from memories.deleting import delete_memory, purge_memory, restore_memory
from memories.models import Memory, MemoryCount
from memories.search import search

TITLES = ("Queue", "Deploy", "Retry")
WORDS = ("", "one word", "many words about boats and trains that are late")


def kept() -> dict[int, tuple[int, int]]:
    """Memories and terms of each project that has any, by the sums of the parts."""
    sums = MemoryCount.objects.values_list("project").annotate(Sum("memories"), Sum("terms"))
    return {project: (memories, terms) for project, memories, terms in sums if memories or terms}


def counted() -> dict[int, tuple[int, int]]:
    """The same by counting."""
    sums = Memory.objects.live().order_by().values_list("project").annotate(Count("pk"), Sum("term_count"))
    return {project: (memories, terms) for project, memories, terms in sums}


def changes(owner, save, projects):
    """What can happen to a memory, by name."""

    def on_all(change, **state):
        for memory in Memory.objects.filter(**state):
            change(owner.caller, memory)

    return {
        "save": lambda title, words, project: save(owner, projects[project], title, words),
        "archive": lambda title, *_: on_all(archive_memory, title=title, deleted_at=None),
        "unarchive": lambda title, *_: on_all(unarchive_memory, title=title, deleted_at=None),
        "pin": lambda title, *_: on_all(lambda caller, memory: pin_memory(caller, memory, "why"), title=title, deleted_at=None),
        "delete": lambda title, *_: on_all(delete_memory, title=title, deleted_at=None),
        "restore": lambda title, *_: on_all(restore_memory, title=title, deleted_at__isnull=False),
        "purge": lambda title, *_: on_all(purge_memory, title=title),
        "move": lambda title, _, project: Memory.objects.filter(title=title, project=projects[1 - project]).exclude(
            title__in=Memory.objects.filter(project=projects[project]).values("title")
        ).update(project=projects[project]),
    }  # fmt: skip


@pytest.mark.hypothesis
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(("save", "save", "archive", "unarchive", "pin", "delete", "restore", "purge", "move")),
            st.sampled_from(TITLES),
            st.sampled_from(WORDS),
            st.integers(0, 1),
        ),
        max_size=12,
    )
)
def test_whatever_happens_to_memories_the_parts_add_up_to_them(owner, app, secret_project, save, steps):
    Memory.objects.all().delete()
    happen = changes(owner, save, (app, secret_project))
    for name, title, words, project in steps:
        # A restored one may find its title taken, which is refused and changes nothing.
        deleted_twins = name == "restore" and Memory.objects.filter(title=title).count() > 1
        if not deleted_twins:
            happen[name](title, words, project)
        assert kept() == counted()


def test_a_search_tells_the_sum_of_the_projects_in_sight(owner, collaborator, app, secret_project, save):
    for number in range(3):
        save(owner, app, f"A{number}", "walrus")
    save(owner, secret_project, "B", "walrus")
    assert (search(owner.caller, "*").total, search(collaborator.caller, "*").total) == (4, 3)


def test_a_project_that_is_deleted_takes_its_parts_with_it(owner, save):
    project = Project.objects.create(name="short-lived")
    purge_memory(owner.caller, save(owner, project, "A", "walrus"))
    assert MemoryCount.objects.filter(project=project).count() == 1
    delete_project(owner.caller, project)
    assert not MemoryCount.objects.filter(project_id=project.pk).exists()


def test_memories_from_before_the_count_are_counted_once(owner, app, save):
    """The migration's own statements, on a database that holds memories of every state."""
    save(owner, app, "A", "walrus")
    archive_memory(owner.caller, save(owner, app, "Archived", "walrus"))
    delete_memory(owner.caller, save(owner, app, "Deleted", "walrus"))
    count = import_module("memories.migrations.0010_count_memories")
    own_part = import_module("memories.migrations.0011_own_part_of_counts")
    with connection.cursor() as cursor:
        for statements in (own_part.PART_OF_THE_CONNECTION, count.UNCOUNT):
            cursor.execute(statements)
        cursor.execute("DELETE FROM memories_memorycount")
        for statements in (count.COUNT, own_part.OWN_PART):
            cursor.execute(statements)
    assert kept() == counted() == {app.pk: (1, Memory.objects.get(title="A").term_count)}


@pytest.mark.django_db(transaction=True)
def test_a_save_does_not_wait_for_a_transaction_that_has_taken_the_part_of_its_connection(collaborator, app, save):
    """Else two that change memories of two projects in opposite order could wait for each other for ever."""
    save(collaborator, app, "A", "walrus")
    [part] = MemoryCount.objects.values_list("part", flat=True)
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor, connection.cursor() as ours:
            ours.execute("SET lock_timeout = '3s'")
            cursor.execute("SELECT pg_try_advisory_xact_lock(772303, %s)", [part])
            assert cursor.fetchone() == (True,)
            cursor.execute("SELECT FROM memories_memorycount WHERE part = %s FOR UPDATE", [part])
            save(collaborator, app, "B", "walrus")
    finally:
        other.close()
        connection.cursor().execute("RESET lock_timeout")
    assert set(MemoryCount.objects.values_list("part", "memories")) == {(part, 1), ((part + 1) % 64, 1)}
    assert kept() == counted()
