"""The order among requirements of one priority."""

import uuid

import pytest

from access.errors import Forbidden, Invalid, NotFound
from requirements_pipeline.models import UNRANKED, Requirement
from requirements_pipeline.moves import promote_requirement
from requirements_pipeline.ordering import reorder
from requirements_pipeline.pulling import pull_requirement
from requirements_pipeline.reading import list_requirements
from requirements_pipeline.writing import edit_requirement, save_requirement


@pytest.fixture
def three(owner, app) -> dict[str, Requirement]:
    made = {title: save_requirement(owner.caller, app, title, priority=2) for title in "ABC"}
    return {title: promote_requirement(owner.caller, row) for title, row in made.items()}


def ranks() -> dict[str, int]:
    return dict(Requirement.objects.values_list("title", "rank"))


def test_owners_place_them_and_pulling_follows(owner, collaborator, app, three):
    urgent = promote_requirement(owner.caller, save_requirement(owner.caller, app, "Urgent", priority=1))
    placed = reorder(owner.caller, [three["C"].pk, three["A"].pk])
    assert [(row.title, row.rank) for row in placed] == [("C", 1), ("A", 2)]
    assert ranks() == {"C": 1, "A": 2, "B": UNRANKED, "Urgent": UNRANKED}
    assert [row.title for row in list_requirements(collaborator.caller, None).requirements] == ["Urgent", "C", "A", "B"]
    assert [pull_requirement(collaborator.caller).title for _ in range(4)] == [urgent.title, "C", "A", "B"]


def test_a_new_order_replaces_the_old_and_a_new_priority_leaves_it(owner, three):
    reorder(owner.caller, [three["C"].pk, three["A"].pk])
    reorder(owner.caller, [three["B"].pk])
    assert ranks() == {"A": UNRANKED, "B": 1, "C": UNRANKED}
    edit_requirement(owner.caller, three["B"], content_md="x")
    assert ranks()["B"] == 1
    edit_requirement(owner.caller, three["B"], priority=1)
    assert ranks()["B"] == UNRANKED
    assert reorder(owner.caller, []) == []


def test_what_cannot_be_placed_is_refused_and_changes_nothing(
    owner, collaborator, stranger, app, secret_project, three
):
    other = save_requirement(owner.caller, app, "Other", priority=5)
    elsewhere = save_requirement(owner.caller, secret_project, "Elsewhere", priority=2)
    a = three["A"].pk
    for caller in (collaborator.caller, stranger.caller):
        with pytest.raises(Forbidden):
            reorder(caller, [a])
    for ids in ([a, other.pk], [a, elsewhere.pk]):
        with pytest.raises(Invalid, match="one project and one priority"):
            reorder(owner.caller, ids)
    with pytest.raises(Invalid, match="Name each requirement once"):
        reorder(owner.caller, [a, a])
    with pytest.raises(NotFound):
        reorder(owner.caller, [a, uuid.uuid4()])
    assert set(ranks().values()) == {UNRANKED}
