"""Facets: what each choice leaves, and that the counts say exactly that."""

from datetime import timedelta

import pytest
from django.utils import timezone

from access.models import Project
from access.roles import Role
from memories.browsing import AGES, STATES, MemoryChoices, browse, facets, titled_like
from memories.curating import archive_memory, pin_memory
from memories.deleting import delete_memory
from memories.models import Memory
from tests.conftest import make_person


@pytest.fixture
def full(owner, collaborator, app, secret_project, save):
    """Memories of every state, age, type, person and project."""
    other = Project.objects.create(name="second")
    now = timezone.now()
    for number in range(24):
        memory = save(
            [owner, collaborator][number % 2] if number % 3 else owner,
            app if number % 3 else other,
            f"Memory {number}",
            memory_type=["decision", "note", "error"][number % 3],
            tags=[["db"], ["db", "auth"], []][number % 3],
            module=["billing", ""][number % 2],
        )
        Memory.objects.filter(pk=memory.pk).update(updated_at=now - timedelta(days=number * 5, hours=1))
        if number % 8 == 1:
            pin_memory(owner.caller, memory, "kept")
        if number % 8 == 3:
            archive_memory(owner.caller, memory)
        if number % 8 == 5:
            delete_memory(owner.caller, memory)
    save(owner, secret_project, "Skunks", tags=["db"], module="billing")


def each_choice(found, caller, choices):
    """What every offered click leaves, by facet and word."""
    fields = {
        "type": "memory_type",
        "tag": "tag",
        "module": "module",
        "person": "person",
        "age": "age",
        "state": "state",
    }
    changed = {
        (facet, choice.word): MemoryChoices(**{**vars(choices), fields[facet]: choice.word})
        for facet, offered in found.choices.items()
        if facet != "project"
        for choice in offered
    }
    for choice in found.choices["project"]:
        project = Project.objects.get(name=choice.word)
        changed["project", choice.word] = MemoryChoices(**{**vars(choices), "project_ids": [project.pk]})
    return {clicked: browse(caller, bounds).count() for clicked, bounds in changed.items()}


@pytest.mark.parametrize(
    "chosen",
    [
        {}, {"memory_type": "note"}, {"tag": "auth"}, {"module": "billing"}, {"person": "carl"}, {"age": "month"},
        {"age": "older"}, {"state": "pinned"}, {"state": "archived"}, {"state": "kept"}, {"state": "deleted"},
        {"memory_type": "note", "tag": "db", "age": "quarter", "person": "carl"}, {"tag": "never heard of"},
        {"person": "' OR 1=1 --", "module": "%s"},
    ],
)  # fmt: skip
def test_a_count_is_what_the_click_leaves(full, owner, collaborator, stranger, app, chosen):
    for person in (owner, collaborator, stranger):
        choices = MemoryChoices(**chosen)
        found = facets(person.caller, choices)
        counted = {(facet, choice.word): choice.count for facet, row in found.choices.items() for choice in row}
        assert counted == each_choice(found, person.caller, choices)
        assert found.total == browse(person.caller, choices).count()


def test_only_what_is_in_sight_is_counted_and_offered(full, owner, collaborator, stranger):
    names = {
        person.member.username: [choice.word for choice in facets(person.caller, MemoryChoices()).choices["project"]]
        for person in (owner, collaborator, stranger)
    }
    assert names == {"olga": ["app", "second", "skunkworks"], "carl": ["app"], "sven": ["skunkworks"]}


def test_deleted_ones_are_offered_to_those_only_who_may_restore_them(full, owner, collaborator, app):
    admin = make_person("ada", Role.ADMIN, app)

    def offered(person):
        return [choice.word for choice in facets(person.caller, MemoryChoices()).choices["state"]]

    assert (offered(owner), offered(admin)) == (list(STATES), list(STATES))
    assert offered(collaborator) == [word for word in STATES if word != "deleted"]
    deleted = MemoryChoices(state="deleted")
    assert [browse(person.caller, deleted).count() for person in (owner, admin, collaborator)] == [3, 2, 0]
    assert [row.title for row in titled_like(browse(owner.caller, deleted), "memory 13")] == ["Memory 13"]


def test_the_chosen_one_is_offered_however_rare_and_what_is_left_out_is_told(owner, app, save):
    for number in range(30):
        save(owner, app, f"Memory {number}", tags=["common", f"rare {number:02}"])
    found = facets(owner.caller, MemoryChoices(tag="rare 29"))
    assert [(choice.word, choice.count) for choice in found.choices["tag"]][:2] == [("common", 30), ("rare 00", 1)]
    assert [choice.word for choice in found.choices["tag"]][-1] == "rare 29"
    assert len(found.choices["tag"]) == 12
    assert found.cut == {"tag"}


@pytest.mark.parametrize("age", AGES)
def test_ages_have_open_ends(owner, app, save, age):
    memory = save(owner, app, "Memory")
    ages = {"day": 0.9, "week": 6.9, "month": 29.9, "quarter": 89.9, "older": 5_000}
    Memory.objects.filter(pk=memory.pk).update(updated_at=timezone.now() - timedelta(days=ages[age]))
    words = list(AGES)
    expected = words[words.index(age) : -1] if age != "older" else ["older"]
    found = facets(owner.caller, MemoryChoices()).choices["age"]
    assert [choice.word for choice in found if choice.count] == expected


def test_facets_take_three_statements_whatever_is_chosen(full, owner, django_assert_num_queries):
    for chosen in ({}, {"memory_type": "note", "tag": "db", "age": "older"}):
        with django_assert_num_queries(3):
            facets(owner.caller, MemoryChoices(**chosen))
