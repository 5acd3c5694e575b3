"""How many requests a web process answers at once."""

import pytest

from zikra_portal.web_server import threads_of_a_process


@pytest.mark.parametrize(
    ("environment", "threads"),
    [
        ({}, 3),
        ({"EMBEDDING_PROVIDER": "embedded"}, 3),
        ({"EMBEDDING_PROVIDER": "none"}, 3),
        ({"EMBEDDING_PROVIDER": "openai"}, 8),
        ({"EMBEDDING_PROVIDER": "openai", "WEB_THREADS": ""}, 8),
        ({"EMBEDDING_PROVIDER": "openai", "WEB_THREADS": "5"}, 5),
        ({"WEB_THREADS": "16"}, 16),
    ],
)
def test_threads_follow_where_questions_are_embedded_unless_they_are_named(environment, threads):
    assert threads_of_a_process(environment) == threads
