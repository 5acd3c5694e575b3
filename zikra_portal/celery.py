"""The Celery application: what is slow or foreign happens here, never inside a request."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init

from zikra_portal.garbage import collect_seldom

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zikra_portal.settings")

app = Celery("zikra_portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def _before_the_processes_part(**_: Any) -> None:
    from memories.embedding.providers import load_what_processes_share

    load_what_processes_share()
    collect_seldom()
