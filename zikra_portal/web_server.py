"""How gunicorn serves the portal, here and in a container: `gunicorn -c python:zikra_portal.web_server`.

Read by gunicorn, so the names are gunicorn's settings.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

THREADS = 3
THREADS_THAT_WAIT = 8


def threads_of_a_process(environment: Mapping[str, str]) -> int:
    """WEB_THREADS, or what suits where questions are embedded.

    Requests beyond them wait their turn, and end sooner than if all ran at once: of 300 hooks a second on two cores 95
    in 100 were answered within 17 to 20 ms with three threads, and within 37 to 47 with eight in a like hour. A question
    to an embeddings endpoint waits for the network, so there are more threads then. Raises ValueError where WEB_THREADS is no whole number.
    """
    waits = environment.get("EMBEDDING_PROVIDER", "") == "openai"
    return int(environment.get("WEB_THREADS") or (THREADS_THAT_WAIT if waits else THREADS))


wsgi_app = "zikra_portal.wsgi:application"
bind = os.environ.get("ZIKRA_BIND", "0.0.0.0:7723")
worker_class = "gthread"
# Two processes use two cores; threads cover the waits for PostgreSQL.
workers = int(os.environ.get("WEB_PROCESSES", "2"))
threads = threads_of_a_process(os.environ)
# The processes share the pages of what is loaded once, and a killed one is back at once.
preload_app = True
timeout = 60
# Below what `up` and container engines wait before they kill.
graceful_timeout = 8
keepalive = 15
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "info"
proc_name = "zikra-web"
# The heartbeat's file must not wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


def when_ready(_server: Any) -> None:
    """Load the addresses, what they import and the embedded model before the processes part, so that no first request waits."""
    from django.urls import get_resolver

    from memories.embedding.providers import load_what_processes_share
    from zikra_portal.garbage import collect_seldom

    _ = get_resolver().url_patterns
    load_what_processes_share()
    collect_seldom()
