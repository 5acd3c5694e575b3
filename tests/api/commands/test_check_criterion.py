"""The command `check_criterion`."""

from tests.api.conftest import needs, refusal
from tests.conftest import make_person


def test_a_criterion_is_met_and_not_after_all(tell, collaborator):
    made = tell(collaborator, "save_requirement", title="CSV", acceptance=["Opens", "Closes"])
    answer = tell(collaborator, "meet_criterion", id=made["id"], number=2)
    assert (answer["met"], answer["of"]) == (1, 2)
    assert [(row["text"], row["met"], row["met_by"]) for row in answer["criteria"]] == [
        ("Opens", False, None),
        ("Closes", True, "carl"),
    ]
    assert tell(collaborator, "check_criterion", id=made["id"], number=2, met=False)["met"] == 0


def test_refusals_in_words(ask, tell, collaborator, stranger, app):
    made = tell(collaborator, "save_requirement", title="CSV", acceptance=["Opens"])
    assert refusal(ask(stranger, "check_criterion", id=made["id"], number=1)) == (404, "Requirement not found")
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "check_criterion", id=made["id"], number=1)) == (
        403,
        "insufficient permissions",
        "collaborator",
    )
    for sent, words in (
        ({}, "number is required"),
        ({"number": 0}, "number must be at least 1"),
        ({"number": 2}, "'CSV' has no criterion '2'; it has 1, numbered from 1."),
        ({"number": 1, "met": "yes"}, "met must be true or false, not a string"),
    ):
        assert refusal(ask(collaborator, "check_criterion", id=made["id"], **sent)) == (400, words)
    assert [row["met"] for row in tell(collaborator, "get_requirement", id=made["id"])["criteria"]] == [False]
