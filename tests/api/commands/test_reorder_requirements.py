"""The command `reorder_requirements`."""

import pytest

from access.models import AuditEntry
from tests.api.conftest import needs, refusal, without


@pytest.fixture
def made(tell, collaborator) -> dict[str, str]:
    """Ids by title; listed newest first."""
    return {title: tell(collaborator, "save_requirement", title=title)["id"] for title in ("A", "B, or not", "C")}


def listed(tell, person) -> list[str]:
    return [row["title"] for row in tell(person, "list_requirements", project="app")["requirements"]]


def test_an_owner_places_them_by_ids_and_titles(tell, owner, collaborator, made):
    assert listed(tell, collaborator) == ["C", "B, or not", "A"]
    answer = tell(owner, "place_requirements", requirements=[made["A"], "C"], project="app")
    assert without(answer, "_was_alias", "_raw_command") == {
        "status": "saved",
        "count": 2,
        "requirements": [{"id": made["A"], "title": "A", "rank": 1}, {"id": made["C"], "title": "C", "rank": 2}],
        "_use_command": "reorder_requirements",
    }
    assert listed(tell, collaborator) == ["A", "C", "B, or not"]
    row = AuditEntry.objects.get(command="reorder_requirements")
    assert (row.object_title, row.project.name, row.outcome, row.detail) == ("A", "app", "done", "2 placed")
    # One string is one title, also with a comma.
    tell(owner, "reorder_requirements", ids="B, or not", project="app")
    assert listed(tell, collaborator) == ["B, or not", "C", "A"]


def test_refusals_in_words(ask, tell, owner, collaborator, stranger, made):
    for person in (collaborator, stranger):
        assert needs(ask(person, "reorder_requirements", requirements=["A"])) == (
            403,
            "insufficient permissions",
            "owner",
        )
    other = tell(owner, "save_requirement", title="Urgent", project="app", priority=1)["id"]
    for sent, answer in (
        ({}, (400, "requirements is required: ids or titles, the first one first.")),
        ({"requirements": []}, (400, "requirements is required: ids or titles, the first one first.")),
        ({"requirements": {"A": 1}}, (400, "requirements must be a list of strings, not an object")),
        ({"requirements": ["A", "nowhere"]}, (404, "Requirement not found")),
        (
            {"requirements": ["A", other]},
            (400, "Only requirements of one project and one priority stand in one order."),
        ),
        ({"requirements": ["A", made["A"]]}, (400, "Name each requirement once, and 500 at most; there are 2.")),
    ):
        assert refusal(ask(owner, "reorder_requirements", project="app", **sent)) == answer
    assert listed(tell, collaborator) == ["Urgent", "C", "B, or not", "A"]
