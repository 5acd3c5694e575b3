"""The command `anchor`."""

from runs.models import PinnedFact
from tests.api.conftest import needs, refusal, without
from tests.conftest import make_person


def test_a_fact_is_pinned_once_and_let_go(tell, ask, collaborator):
    first = tell(collaborator, "anchor", fact="Never touch prod.", reason="It is live.")
    assert without(first, "id") == {
        "fact": "Never touch prod.",
        "reason": "It is live.",
        "pinned": True,
        "_use_command": "anchor",
    }
    assert tell(collaborator, "pin_fact", fact="Never touch prod.")["id"] == first["id"]
    assert tell(collaborator, "anchor", fact="Never touch prod.", release=True)["pinned"] is False
    assert refusal(ask(collaborator, "anchor", fact="Never touch prod.", release=True)) == (
        404,
        "Pinned fact not found",
    )


def test_who_may_not_pins_nothing(ask, collaborator, stranger, app):
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "anchor", fact="x")) == (403, "insufficient permissions", "collaborator")
    assert refusal(ask(stranger, "anchor", fact="x", project="app")) == (403, "token_scope_mismatch")
    assert refusal(ask(collaborator, "anchor", fact="x" * 1001)) == (400, "fact has more than 1000 characters")
    assert PinnedFact.objects.count() == 0
