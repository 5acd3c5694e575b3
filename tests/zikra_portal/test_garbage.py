"""Web and worker processes let the garbage collector pass over what they loaded."""

import os
import subprocess
import sys

import pytest

from zikra_portal.garbage import THRESHOLDS

REPORT = "import gc; print(gc.get_threshold(), gc.get_freeze_count() > 100_000)"
BEFORE_THE_PROCESSES_PART = {
    "web": "import django; django.setup(); from zikra_portal.web_server import when_ready; when_ready(None)",
    "worker": "from zikra_portal.celery import app; app.finalize(); app.loader.import_default_modules(); "
    "from celery.signals import worker_init; worker_init.send(sender=None)",
}


@pytest.mark.parametrize("part", BEFORE_THE_PROCESSES_PART)
def test_what_a_part_has_loaded_is_looked_at_once(part):
    code = f"{BEFORE_THE_PROCESSES_PART[part]}; {REPORT}"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "zikra_portal.settings", "CELERY_SKIP_CHECKS": "true"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"{THRESHOLDS} True"
