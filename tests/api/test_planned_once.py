"""PostgreSQL plans what agents ask all day once for a connection, and not for each call anew."""

import json

import pytest
from django.db import connection
from django.test import Client

pytestmark = pytest.mark.django_db

# psycopg prepares a statement at its sixth call, and PostgreSQL plans the first five of those for their values.
CALLS = 30
PLANNED_FOR_VALUES = 5
PLANS = """
SELECT statement, custom_plans FROM pg_prepared_statements
WHERE custom_plans + generic_plans > %s
"""


def statements() -> dict[str, int]:
    """How often each statement that this connection took often was planned for its values."""
    with connection.cursor() as cursor:
        cursor.execute(PLANS, [PLANNED_FOR_VALUES])
        return dict(cursor.fetchall())


def planned_anew(planned: dict[str, int]) -> list[str]:
    """Those for which PostgreSQL went on planning."""
    return [statement for statement, times in planned.items() if times > PLANNED_FOR_VALUES]


@pytest.fixture
def call(client: Client, owner):
    """Sends one request of the owner's over a connection that has prepared nothing yet, and takes no refusal."""
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")

    def call(address: str, body: dict) -> None:
        answer = client.post(address, json.dumps(body), content_type="application/json", **owner.authorization)
        assert answer.status_code in (200, 202), answer.content

    return call


def test_the_statements_of_a_hook(call):
    for number in range(CALLS):
        call(
            f"/hook?event=PostToolUse&agent=codex&project=app&ingest_key={number}&machine=anvil",
            {"session_id": f"s-{number % 3}", "tool_name": "Bash", "tool_input": {"command": "ls"}},
        )
    planned = statements()
    assert len([statement for statement in planned if "runs_capturedevent" in statement]) == 2
    assert planned_anew(planned) == []


def test_the_statements_of_a_search(call, app):
    call("/webhook/zikra", {"command": "save_memory", "project": app.name, "title": "Why", "content_md": "Because."})
    for number in range(CALLS):
        # Of all projects: what is asked of one is planned for it, since projects differ in size.
        call("/webhook/zikra", {"command": "search", "query": f"why is it {number}"})
    planned = statements()
    assert len([statement for statement in planned if "memories_posting" in statement]) == 2
    assert planned_anew(planned) == []


def test_the_statements_of_a_save(call, app):
    for number in range(CALLS):
        body = {"command": "save_memory", "project": app.name, "title": f"Why {number}", "content_md": "Because."}
        call("/webhook/zikra", body)
    planned = statements()
    assert len([statement for statement in planned if "INTO memories_posting" in statement]) == 1
    assert planned_anew(planned) == []
