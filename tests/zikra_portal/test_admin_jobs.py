"""Beat jobs in the admin: seen, paused, resumed, run now, changed."""

import pytest
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from access.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(db):
    interval = IntervalSchedule.objects.create(every=77, period=IntervalSchedule.SECONDS)
    return PeriodicTask.objects.create(name="Count now and then", task="access.flush_token_uses", interval=interval)


@pytest.fixture
def owners_client(client, owner):
    client.force_login(owner.member)
    return client


def do(client, job, deed):
    return client.post(reverse(f"admin:django_celery_beat_periodictask_do_{deed}", args=[job.pk]), follow=True)


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def test_a_job_is_paused_and_resumed(owners_client, job):
    do(owners_client, job, "pause")
    assert not PeriodicTask.objects.get(pk=job.pk).enabled
    do(owners_client, job, "resume")
    assert PeriodicTask.objects.get(pk=job.pk).enabled
    assert list(AuditEntry.objects.order_by("id").values_list("command", flat=True)) == ["pause_job", "resume_job"]


def test_a_job_is_handed_to_a_worker(owners_client, job, settings):
    import redis

    server = redis.Redis.from_url(settings.REDIS_URL)
    server.delete("celery")
    assert said(do(owners_client, job, "run_now")) == ["Sent “Count now and then” to a worker."]
    assert server.llen("celery") == 1
    assert b"access.flush_token_uses" in server.lindex("celery", 0)
    server.delete("celery")


def test_a_job_needs_one_schedule(owners_client, job):
    address = reverse("admin:django_celery_beat_periodictask_change", args=[job.pk])
    crontab = CrontabSchedule.objects.create(minute="5")
    both = {"name": job.name, "task": job.task, "enabled": "on", "interval": job.interval_id, "crontab": crontab.pk}
    answer = owners_client.post(address, both)
    assert answer.context["adminform"].form.errors == {
        "interval": ["Choose an interval or a crontab, not both and not neither."]
    }
    assert owners_client.post(address, {**both, "interval": ""}).status_code == 302
    assert PeriodicTask.objects.get(pk=job.pk).crontab_id == crontab.pk


@pytest.mark.parametrize("name", ["periodictask", "intervalschedule", "crontabschedule"])
def test_every_page_of_the_jobs_opens_for_owners_only(owners_client, client, job, stranger, name):
    row = {"periodictask": PeriodicTask, "intervalschedule": IntervalSchedule, "crontabschedule": CrontabSchedule}[
        name
    ].objects.first()
    addresses = [
        reverse(f"admin:django_celery_beat_{name}_changelist"),
        reverse(f"admin:django_celery_beat_{name}_add"),
        reverse(f"admin:django_celery_beat_{name}_change", args=[row.pk]),
    ]
    assert [owners_client.get(address).status_code for address in addresses] == [200, 200, 200]
    client.force_login(stranger.member)
    assert {client.get(address).status_code for address in addresses} <= {403, 404}
