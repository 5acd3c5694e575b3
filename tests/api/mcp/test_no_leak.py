"""What lies out of a client's scope might as well not exist: not in a tool, a resource, a prompt or an error.

As for the webhook (tests/api/test_no_leak.py): two worlds hold the same rows in the client's scope, and one of them also
holds others, full of words found nowhere else. Every message must be answered alike in both.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from access.models import RoleToken
from access.roles import Role
from api.mcp.tools import tool_name
from api.registry import registry
from memories.embedding.working import embed_pending_of
from memories.models import EmbeddingSpace, Memory
from memories.prompts import prompts_by_word
from tests.api.test_no_leak import (
    INSIDE,
    OPERATOR,
    OUTSIDE,
    SECRETS,
    TOPICS,
    UUIDS,
    Known,
    build,
    build_tokens_that_straddle,
    calls,
    plans,
    token_of,
    told_out_of_scope,
    undone,
)

RESOURCES_READ = 12


def message(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def tool_call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return message("tools/call", name=name, arguments=arguments)


def messages(data: Any, known: Known, scope: list[str]) -> list[dict[str, Any]]:
    """Every list, every tool with arguments of either side, and things of either side by their ids and names."""
    ids, names = st.sampled_from(known.ids), st.sampled_from(known.names + TOPICS)
    sent = [message(method) for method in ("tools/list", "resources/list", "resources/templates/list", "prompts/list")]
    for command in registry.all():
        body = data.draw(calls(command, known, scope))
        sent.append(tool_call(tool_name(command), {name: value for name, value in body.items() if name != "command"}))
    sent += [tool_call("search", {"query": data.draw(names)}), tool_call("fetch", {"id": data.draw(ids)})]
    sent += [message("resources/read", uri=f"zikra://memory/{data.draw(ids)}") for _ in range(RESOURCES_READ)]
    return sent + [message("prompts/get", name=word) for word in prompts_by_word(OPERATOR)]


def answer_to(body: dict[str, Any], secret: str, existing: set[str]) -> str:
    """The status and the answer, with what is new in it (ids, secrets) made alike."""
    with undone():
        response = Client().post(
            "/mcp",
            body,
            content_type="application/json",
            headers={"authorization": f"Bearer {secret}", "x-request-id": "test"},
        )
    assert response.status_code == 200, (body, response.content)
    text = json.dumps(response.json(), sort_keys=True, ensure_ascii=False)
    text = UUIDS.sub(lambda found: found.group() if found.group() in existing else "<new id>", text)
    return SECRETS.sub("<secret>", text)


@pytest.mark.django_db
@settings(
    max_examples=5,
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    database=None,
)
@given(
    inside=plans(INSIDE),
    outside=plans(OUTSIDE),
    role=st.sampled_from([Role.OWNER, Role.OWNER, Role.ADMIN, Role.COLLABORATOR, Role.GUEST]),
    scope=st.sampled_from([["harbour", "meadow"], ["harbour"], []]),
    data=st.data(),
)
def test_no_message_tells_of_what_is_out_of_scope(settings, inside, outside, role, scope, data):
    settings.TOKEN_RATE_PER_MINUTE = 0
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1), tick=False), undone():
        known = Known()
        build([plan for plan in inside if plan.project in scope], known)
        asking = token_of(role, scope)
        space = EmbeddingSpace.objects.answering()
        embed_pending_of(space)
        existing = {str(pk) for model in (Memory, RoleToken) for pk in model.objects.values_list("pk", flat=True)}
        existing |= set(known.ids)
        with undone():
            build([plan for plan in inside if plan.project not in scope], known, canary="i")
            build(outside, known, canary="o")
            build_tokens_that_straddle(scope, known)
            embed_pending_of(space)
            sent = messages(data, known, scope)
            full = [answer_to(body, asking.secret, existing) for body in sent]
        bare = [answer_to(body, asking.secret, existing) for body in sent]

    for body, with_others, alone in zip(sent, full, bare, strict=True):
        assert told_out_of_scope(body, with_others) == set(), body
        assert with_others == alone, body


@pytest.mark.django_db
def test_the_worlds_do_answer_within_the_scope(settings):
    """The comparison above means something: the same messages succeed for what lies inside."""
    settings.TOKEN_RATE_PER_MINUTE = 0
    known = Known()
    from tests.api.test_no_leak import Plan

    build([Plan("harbour", "invoice export", "prompt", "lives", "queue retries")], known)
    asking = token_of(Role.GUEST, ["harbour"])
    memory = known.ids_of["memory"][0]
    answers = [
        answer_to(body, asking.secret, set(known.ids))
        for body in (
            message("resources/list"),
            message("resources/read", uri=f"zikra://memory/{memory}"),
            message("prompts/get", name="invoice-export"),
            tool_call("fetch", {"id": memory}),
        )
    ]

    assert ["invoice export" in answer.casefold() for answer in answers] == [True] * 4
