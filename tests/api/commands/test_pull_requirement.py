"""The command `pull_requirement`."""

from tests.api.conftest import needs, refusal, without
from tests.conftest import make_person


def test_what_was_promoted_is_pulled_once(tell, owner, collaborator):
    made = tell(collaborator, "save_requirement", title="CSV", content_md="All rows.", acceptance=["Opens"])
    assert tell(collaborator, "pull_requirement")["requirement"] is None
    tell(owner, "promote_requirement", id=made["id"])
    pulled = tell(collaborator, "next_requirement", runner="codex")["requirement"]
    assert (pulled["id"], pulled["content_md"], pulled["acceptance"], pulled["state"], pulled["claimed_by"]) == (
        made["id"],
        "All rows.",
        ["Opens"],
        "in_progress",
        "codex",
    )
    again = tell(collaborator, "claim_requirement")
    assert without(again, "_was_alias", "_raw_command") == {"requirement": None, "_use_command": "pull_requirement"}


def test_the_same_key_pulls_the_same_one(tell, owner, collaborator):
    for title in ("One", "Two"):
        tell(owner, "promote_requirement", id=tell(collaborator, "save_requirement", title=title)["id"])
    pulled = [tell(collaborator, "pull_requirement", idempotency_key="k")["requirement"]["title"] for _ in range(2)]
    assert pulled == ["One", "One"]


def test_nobody_pulls_from_where_they_may_not(tell, ask, owner, collaborator, stranger, app):
    tell(owner, "promote_requirement", id=tell(collaborator, "save_requirement", title="CSV")["id"])
    assert tell(stranger, "pull_requirement")["requirement"] is None
    assert refusal(ask(stranger, "pull_requirement", project="app")) == (403, "token_scope_mismatch")
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "pull_requirement")) == (403, "insufficient permissions", "collaborator")
    assert tell(collaborator, "pull_requirement")["requirement"]["title"] == "CSV"
