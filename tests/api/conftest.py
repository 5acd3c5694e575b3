"""Asking the webhook as one of the three people."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.conftest import Person

Ask = Callable[..., Any]


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Nobody logs in here, and a slow hash for each person would be most of a test's time."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


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


@pytest.fixture
def saved(tell: Ask, collaborator: Person) -> dict[str, Any]:
    """A decision that the collaborator has saved in the project `app`: the answer."""
    return tell(
        collaborator,
        "save_memory",
        title="PostgreSQL is the only store",
        content_md="Rows, vectors and queues share one transaction.",
        memory_type="decision",
        tags=["database"],
    )


def without(answer: dict[str, Any], *names: str) -> dict[str, Any]:
    """An answer without the fields that differ from run to run, which must be there."""
    return {name: value for name, value in answer.items() if name not in names} | dict.fromkeys(
        [name for name in names if name not in answer], "is missing"
    )


def refusal(response: Any) -> tuple[int, str]:
    """Status and words of a call that was not done."""
    return response.status_code, response.json()["error"]


def needs(response: Any) -> tuple[int, str, str]:
    """Status, words and the needed role of a call that a role may not make."""
    return response.status_code, response.json()["error"], response.json()["required_role"]


NOT_FOUND = (404, "Memory not found")
