"""What is logged while a request is answered names it, for pages and for agents alike."""

import pytest
import structlog
from django.core.handlers.wsgi import WSGIHandler

from tests.zikra_portal.test_agents_handler import answered
from zikra_portal.agents_handler import AgentsHandler

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("handler", [WSGIHandler, AgentsHandler])
def test_what_is_logged_meanwhile_names_the_request_and_nothing_after_it(handler, settings):
    settings.ALLOWED_HOSTS = ["localhost"]
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        answered(handler(), "GET", "/identity", "", None, "no token of ours")
    assert [line["request_id"] for line in lines if line["event"] == "unknown_token"] == ["told-by-the-test"]
    assert "request_id" not in structlog.contextvars.get_contextvars()
