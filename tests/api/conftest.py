"""Asking the webhook as one of the three people."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.conftest import Person

Ask = Callable[..., Any]


@pytest.fixture
def ask(client: Client) -> Ask:
    """`ask(person, "search", query="x")` posts to the webhook and gives the response; its JSON is `.json()`."""

    def post(person: Person, command: str, *, headers: dict[str, str] | None = None, **arguments: Any) -> Any:
        return client.post(
            "/webhook/zikra",
            {"command": command, **arguments},
            content_type="application/json",
            headers=headers or {},
            **person.authorization,
        )

    return post


@pytest.fixture
def tell(ask: Ask) -> Ask:
    """As `ask`, for calls that must succeed: gives the answer's JSON."""

    def told(person: Person, command: str, **arguments: Any) -> Any:
        response = ask(person, command, **arguments)
        assert response.status_code == 200, response.content
        return response.json()

    return told
