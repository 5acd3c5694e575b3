"""The command `comment_requirement`."""

from access.models import Notification
from tests.api.conftest import needs, refusal
from tests.conftest import make_person


def test_an_agent_says_something_and_people_are_told(tell, owner, collaborator, app):
    cora = make_person("cora", "collaborator", app)
    made = tell(collaborator, "save_requirement", title="CSV")
    answer = tell(owner, "comment", title="CSV", project="app", text="Ready, @cora: key AKIA" + "ABCDEFGHIJKLMNOP")
    assert (answer["requirement_id"], answer["title"], answer["status"], answer["by"]) == (
        made["id"],
        "CSV",
        "saved",
        "olga",
    )
    said = tell(collaborator, "get_requirement", id=made["id"])["comments"]
    assert [(row["by"], row["body_md"], row["at"]) for row in said] == [
        ("olga", "Ready, @cora: key [masked: aws key]", answer["at"])
    ]
    told = Notification.objects.order_by("member__username").values_list("member__username", "kind")
    assert list(told) == [("carl", "commented"), (cora.member.username, "mentioned")]


def test_refusals_in_words(ask, tell, collaborator, stranger, app):
    made = tell(collaborator, "save_requirement", title="CSV")
    assert refusal(ask(stranger, "comment_requirement", id=made["id"], comment="x")) == (404, "Requirement not found")
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "comment_requirement", id=made["id"], comment="x")) == (
        403,
        "insufficient permissions",
        "collaborator",
    )
    for sent, words in (
        ({}, "comment is required"),
        ({"comment": " "}, "A comment needs words."),
        ({"comment": "x" * 20_001}, "comment has more than 20000 characters"),
    ):
        assert refusal(ask(collaborator, "comment_requirement", id=made["id"], **sent)) == (400, words)
    assert tell(collaborator, "get_requirement", id=made["id"])["comments"] == []
