"""Requests made from the OpenAPI description, valid and broken ones, sent to the WSGI application."""

import pytest
import schemathesis
from django.core import signals
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from access.models import AuditEntry
from zikra_portal.wsgi import application

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def one_connection(db):
    """The requests share the test's connection and transaction, as those of Django's own test client do."""
    ends = [signals.request_started, signals.request_finished]
    for end in ends:
        end.disconnect(close_old_connections)
    yield
    for end in ends:
        end.connect(close_old_connections)


@pytest.fixture
def webhook(one_connection):
    """The one operation of the description that the application serves."""
    return schemathesis.openapi.from_wsgi("/api/schema/?format=json", application)["/webhook/zikra"]["POST"]


@pytest.mark.parametrize(
    ("mode", "examples"), [(GenerationMode.POSITIVE, 300), (GenerationMode.NEGATIVE, 300)], ids=["valid", "broken"]
)
def test_no_request_breaks_the_webhook(webhook, owner, settings_without_rate, mode, examples):
    statuses = []

    @settings(
        max_examples=examples,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=webhook.as_strategy(generation_mode=mode))
    def send(case):
        response = case.call(headers={"Authorization": f"Bearer {owner.secret}"})
        case.validate_response(response, checks=CHECKS)
        statuses.append(response.status_code)

    send()
    # The requests did reach the commands, and what was refused was refused in words.
    assert len(statuses) >= examples
    assert AuditEntry.objects.filter(outcome="failed").count() == 0
    assert 400 in statuses
    if mode is GenerationMode.POSITIVE:
        assert statuses.count(200) > examples // 10


@pytest.fixture
def settings_without_rate(settings):
    """Hundreds of requests in a minute."""
    settings.TOKEN_RATE_PER_MINUTE = 0
