"""What a requirement hangs together with: an assignee, what it waits for, memories; and no waiting in circles."""

import uuid
from datetime import date

import pytest
from django.db import connections
from hypothesis import given
from hypothesis import strategies as st

from access.callers import Caller
from access.errors import Invalid
from access.models import Project
from access.roles import Role
from memories.deleting import delete_memory
from memories.saving import save_memory
from requirements_pipeline.models import Requirement
from requirements_pipeline.relations import circle_through
from requirements_pipeline.writing import save_requirement
from tests.conftest import make_person
from tests.runs.test_recording import at_once


def titles(requirement: Requirement) -> list[str]:
    return sorted(requirement.depends_on.values_list("title", flat=True))


def test_a_due_date_and_an_assignee_are_kept_and_cleared(collaborator, owner, app):
    made = save_requirement(owner.caller, app, "T", due_on=date(2026, 12, 24), assignee="@Carl")
    assert (made.due_on, made.assignee) == (date(2026, 12, 24), collaborator.member)
    save_requirement(owner.caller, app, "T", content_md="x")
    made.refresh_from_db()
    assert (made.due_on, made.assignee) == (date(2026, 12, 24), collaborator.member)
    cleared = save_requirement(owner.caller, app, "T", due_on=None, assignee="")
    cleared.refresh_from_db()
    assert (cleared.due_on, cleared.assignee) == (None, None)


def test_nobody_is_assigned_who_does_not_work_there(collaborator, owner, stranger, app):
    make_person("gwen", Role.GUEST, app)
    gone = make_person("gone", Role.COLLABORATOR, app).member
    gone.is_active = False
    gone.save()
    for name in ("sven", "gwen", "gone", "nobody", "a\x00b"):
        with pytest.raises(Invalid, match=r"^Nobody called '.*' works in app\.$") as refused:
            save_requirement(collaborator.caller, app, "T", assignee=name)
        assert list(refused.value.extra["fields"]) == ["assignee"]
    with pytest.raises(Invalid, match=r"^A due date lies between 2000 and 2200, not in 26\.$"):
        save_requirement(collaborator.caller, app, "T", due_on=date(26, 1, 1))
    assert Requirement.objects.count() == 0


def test_dependencies_are_named_by_id_or_title_within_the_project(collaborator, owner, app, secret_project):
    base = save_requirement(collaborator.caller, app, "Base")
    named = save_requirement(collaborator.caller, app, "Named, with a comma")
    elsewhere = save_requirement(owner.caller, secret_project, "Elsewhere")
    built = save_requirement(
        collaborator.caller, app, "Built", depends_on=[str(base.pk), " Named,  with a comma ", "Base"]
    )
    assert titles(built) == ["Base", "Named, with a comma"]
    for other in ("Elsewhere", str(elsewhere.pk), str(uuid.uuid4()), ""):
        with pytest.raises(Invalid, match="^app has no requirement '.*' to wait for"):
            save_requirement(owner.caller, app, "Built", content_md="new", depends_on=[other])
    built.refresh_from_db()
    assert (titles(built), built.content_md) == (["Base", "Named, with a comma"], "")
    unchanged = save_requirement(collaborator.caller, app, "Built", depends_on=["Base", named.title])
    assert unchanged.updated_at == built.updated_at
    assert titles(save_requirement(collaborator.caller, app, "Built", depends_on=[])) == []


def test_a_circle_is_refused_in_words_and_changes_nothing(collaborator, app):
    save_requirement(collaborator.caller, app, "A")
    save_requirement(collaborator.caller, app, "B", depends_on=["A"])
    save_requirement(collaborator.caller, app, "C", depends_on=["B"])
    with pytest.raises(Invalid) as refused:
        save_requirement(collaborator.caller, app, "A", content_md="new", depends_on=["C"])
    assert refused.value.message == "'A' would wait for itself: 'A' waits for 'C' waits for 'B' waits for 'A'."
    with pytest.raises(Invalid, match=r"^'A' would wait for itself: 'A' waits for 'A'\.$"):
        save_requirement(collaborator.caller, app, "A", depends_on=["A"])
    kept = Requirement.objects.get(title="A")
    assert (kept.content_md, titles(kept)) == ("", [])


@given(st.integers(2, 7), st.data())
def test_a_circle_is_found_exactly_where_there_is_one(count, data):
    nodes = [uuid.UUID(int=number) for number in range(count)]
    edges = data.draw(st.lists(st.tuples(st.sampled_from(nodes), st.sampled_from(nodes)), max_size=14))
    waits_for = {node: [there for here, there in edges if here == node] for node in nodes}
    start = nodes[0]
    reached = {there for here, there in edges if here == start}
    for _ in nodes:
        reached |= {there for here, there in edges if here in reached}
    way = circle_through(start, waits_for)
    assert bool(way) == (start in reached)
    if way:
        assert way[0] == way[-1] == start
        assert all(pair in edges for pair in zip(way, way[1:], strict=False))


@pytest.mark.django_db(transaction=True)
def test_two_saves_at_once_close_no_circle():
    app = Project.objects.create(name="app")
    caller = Caller(name="bot", role=Role.COLLABORATOR, project_ids=None)
    for title in "AB":
        save_requirement(caller, app, title)

    def wait(index):
        try:
            save_requirement(caller, app, "AB"[index], depends_on=["BA"[index]])
            return "saved"
        except Invalid:
            return "refused"
        finally:
            connections.close_all()

    assert sorted(at_once(2, wait)) == ["refused", "saved"]


def test_memories_in_sight_are_linked_and_others_stay(collaborator, owner, app, secret_project):
    seen = save_memory(owner.caller, app, "note", "Seen").memory
    hidden = save_memory(owner.caller, secret_project, "note", "Hidden").memory
    deleted = save_memory(owner.caller, app, "note", "Deleted").memory
    delete_memory(owner.caller, deleted)
    made = save_requirement(owner.caller, app, "T", memories=[seen.pk, str(hidden.pk)])
    assert set(made.memories.all()) == {seen, hidden}
    save_requirement(collaborator.caller, app, "T", memories=[])
    assert set(made.memories.all()) == {hidden}
    for unknown in (hidden.pk, deleted.pk, uuid.uuid4(), "x"):
        with pytest.raises(Invalid, match=f"^There is no memory '{unknown}' in sight"):
            save_requirement(collaborator.caller, app, "T", memories=[seen.pk, unknown])
    assert set(made.memories.all()) == {hidden}
