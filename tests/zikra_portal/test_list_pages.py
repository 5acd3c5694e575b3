"""Every list of the portal takes as many statements for three thousand rows as for three."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.models import Notification, Project
from memories.models import Memory
from requirements_pipeline.models import Requirement, RequirementState
from runs.models import Run

FEW, MANY = 3, 3_000
PAGES = (
    "/",
    "/requirements/",
    "/requirements/?view=list",
    "/memories/",
    "/prompts/",
    "/runs/",
    "/hygiene/?show=stale",
    "/hygiene/?show=orphaned",
    "/hygiene/?show=duplicate",
    "/hygiene/?show=dead",
    "/notifications/",
)


def fill(project: Project, member, first: int, last: int) -> None:
    """Rows first…last of each kind, of the types and in the states that home and lists ask for."""
    numbers = range(first, last)
    types = ("prompt", "decision", "error")
    states = (RequirementState.SUBMITTED, RequirementState.IN_REVIEW, RequirementState.PROMOTED)
    Memory.objects.bulk_create(
        [
            Memory(
                project=project,
                memory_type_id=types[number % len(types)],
                title=f"Memory {number}",
                content_md="Words.",
            )
            for number in numbers
        ],
        batch_size=500,
    )
    Requirement.objects.bulk_create(
        [
            Requirement(
                project=project, title=f"Requirement {number}", state=states[number % len(states)], author=member
            )
            for number in numbers
        ],
        batch_size=500,
    )
    Run.objects.bulk_create(
        [
            Run(project=project, session_id=f"s{number}", agent="codex", person="olga", day=timezone.now().date())
            for number in numbers
        ],
        batch_size=500,
    )
    Notification.objects.bulk_create(
        [Notification(member=member, project=project, kind="moved", words=f"Move {number}") for number in numbers]
    )


def statements(client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as taken:
        assert client.get(address).status_code == 200
    return len(taken)


@pytest.mark.django_db
def test_lists_take_as_many_statements_for_three_thousand_rows_as_for_three(client, owner, app):
    client.force_login(owner.member)
    fill(app, owner.member, 0, FEW)
    few = {address: statements(client, address) for address in PAGES}
    fill(app, owner.member, FEW, MANY)
    assert Memory.objects.count() == MANY
    assert {address: statements(client, address) for address in PAGES} == few
