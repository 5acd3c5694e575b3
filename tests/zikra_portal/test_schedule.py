"""The jobs of Celery beat."""

from django_celery_beat.models import PeriodicTask

from zikra_portal.celery import app
from zikra_portal.schedule import JOBS, make_missing_jobs


def test_a_migrated_portal_has_every_job_once(db):
    assert sorted(PeriodicTask.objects.values_list("name", "task")) == sorted((job.name, job.task) for job in JOBS)


def test_every_job_names_a_task_that_exists(db):
    app.loader.import_default_modules()
    assert [job.task for job in JOBS if job.task not in app.tasks] == []


def test_what_an_owner_changed_stays_changed(db):
    PeriodicTask.objects.filter(name="Count token use").update(enabled=False)
    make_missing_jobs()
    assert PeriodicTask.objects.count() == len(JOBS)
    assert not PeriodicTask.objects.get(name="Count token use").enabled
