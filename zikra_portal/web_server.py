"""How gunicorn serves the portal, here and in a container: `gunicorn -c python:zikra_portal.web_server`.

Read by gunicorn, so the names are gunicorn's settings.
"""

import os
from pathlib import Path
from typing import Any

wsgi_app = "zikra_portal.wsgi:application"
bind = os.environ.get("ZIKRA_BIND", "0.0.0.0:7723")
worker_class = "gthread"
# Two processes use two cores; threads cover the waits for PostgreSQL.
workers = int(os.environ.get("WEB_PROCESSES", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
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
    """Load the addresses and what they import before the processes part, so that no first request waits."""
    from django.urls import get_resolver

    _ = get_resolver().url_patterns
