"""The command `debug_protocol`."""

from django.conf import settings

from api.registry import registry
from tests.api.conftest import needs


def test_an_admin_learns_what_the_server_understood(tell, stranger):
    answer = tell(stranger, "dp", limit=5, tags=None, nested={"secret": "value"})
    assert answer["received"] == {
        "command": "a string",
        "limit": "a number",
        "tags": "null",
        "nested": "an object",
    }
    assert (answer["_use_command"], answer["_raw_command"]) == ("debug_protocol", "dp")
    assert answer["caller"] | {"request_id": "-"} == {
        "name": "sven",
        "role": "admin",
        "project_scope": ["skunkworks"],
        "default_project": "skunkworks",
        "door": "webhook",
        "token_id": str(stranger.token.pk),
        "request_id": "-",
        "address": "127.0.0.1",
    }
    assert answer["limits"] == {"body_bytes": 1024 * 1024, "calls_per_minute": 1200, "idempotency_days": 7}
    assert answer["versions"]["zikra"] == settings.VERSION
    assert answer["commands"] == registry.names()


def test_it_tells_nothing_secret(ask, owner, settings):
    text = ask(owner, "debug_protocol", password="hunter2").content.decode()
    secrets = [owner.secret, owner.token.digest, settings.SECRET_KEY, "hunter2", settings.REDIS_URL]
    assert [secret for secret in secrets if secret in text] == []


def test_a_collaborator_may_not(ask, collaborator):
    assert needs(ask(collaborator, "debug_protocol")) == (403, "insufficient permissions", "admin")
