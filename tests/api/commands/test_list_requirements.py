"""The command `list_requirements`."""

from tests.api.conftest import refusal, without


def test_requirements_are_listed_most_urgent_first(tell, collaborator):
    tell(collaborator, "save_requirement", title="Later", priority=4)
    tell(collaborator, "save_requirement", title="Now", content_md="At once.", priority=1, acceptance=["Done"])
    answer = tell(collaborator, "list_reqs")
    assert [row["title"] for row in answer["requirements"]] == ["Now", "Later"]
    assert without(answer["requirements"][0], "id", "created_at", "updated_at") == {
        "title": "Now",
        "snippet": "At once.",
        "project": "app",
        "state": "submitted",
        "priority": 1,
        "module": "",
        "tags": [],
        "acceptance": ["Done"],
        "created_by": "carl",
    }
    assert (answer["count"], answer["total"], answer["status"]) == (2, 2, "success")


def test_a_status_may_be_a_state_or_a_group_of_states(tell, owner, app):
    for title in ("A", "B"):
        tell(owner, "save_requirement", title=title, project="app")
    tell(owner, "promote_requirement", title="A", project="app")

    def titles(**arguments):
        return [row["title"] for row in tell(owner, "list_requirements", **arguments)["requirements"]]

    assert titles(status="pending") == ["B"]
    assert titles(status="promoted") == ["A"]
    assert titles(status="resolved") == []
    assert titles(limit=1) == ["B"]


def test_each_sees_their_own(ask, tell, owner, collaborator, stranger):
    tell(collaborator, "save_requirement", title="Ours")
    tell(stranger, "save_requirement", title="Theirs")
    seen = [
        sorted(row["title"] for row in tell(person, "list_requirements")["requirements"])
        for person in (owner, collaborator, stranger)
    ]
    assert seen == [["Ours", "Theirs"], ["Ours"], ["Theirs"]]
    assert tell(stranger, "list_requirements")["total"] == 1
    assert refusal(ask(stranger, "list_requirements", project="app")) == (403, "token_scope_mismatch")


def test_an_unknown_status_is_refused(ask, collaborator):
    assert refusal(ask(collaborator, "list_requirements", status="lost")) == (400, "There is no status 'lost'.")
