"""The Celery application: what is slow or foreign happens here, never inside a request."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zikra_portal.settings")

app = Celery("zikra_portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
