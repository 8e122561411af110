"""The kit's alarm clocks: each looks at the rows and does what is due."""

import time
from datetime import timedelta

import pytest
from celery import current_app
from django.utils import timezone
from kombu.exceptions import OperationalError

from sasvpay.kit import crypto, heartbeat, tasks
from sasvpay.kit.models import Heartbeat, Job, Mail
from tests.factories import UserFactory


def count_to_three(job, progress):
    """Do the work of the test's kind of job."""
    progress.report(done=3, total=3)
    return {"counted": 3}


@pytest.fixture
def lost_job(db, settings):
    settings.JOB_KINDS = {"count": "tests.kit.test_tasks.count_to_three"}
    now = timezone.now()
    return Job.objects.create(
        kind="count",
        subject="test",
        requested_by=UserFactory(),
        created_at=now,
        status=Job.Status.RUNNING,
        lease_until=now - timedelta(seconds=1),
    )


def test_a_job_that_lost_its_worker_is_run_again(lost_job, monkeypatch):
    # A broker that is not there: the test is the worker.
    monkeypatch.setattr(tasks.run_job, "delay", tasks.run_job)

    tasks.restart_jobs()

    lost_job.refresh_from_db()
    assert (lost_job.status, lost_job.result) == (Job.Status.SUCCEEDED, {"counted": 3})


@pytest.mark.django_db
def test_the_worker_beats():
    tasks.beat()

    assert heartbeat.is_alive("worker", at=timezone.now())
    assert Heartbeat.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_letter_that_is_due_is_sent(mailoutbox):
    now = timezone.now()
    mail = Mail.objects.create(
        to="lin@example.com", subject="Hello", body_encrypted=crypto.encrypt("Text"), kind="greeting",
        created_at=now, due_at=now,
    )  # fmt: skip

    tasks.deliver_mail()

    mail.refresh_from_db()
    assert [letter.body for letter in mailoutbox] == ["Text"]
    assert (mail.sent_at is not None, mail.body_encrypted) == (True, None)


@pytest.mark.redis
def test_a_page_that_starts_a_job_does_not_wait_for_a_broker_that_is_away():
    away = current_app.connection_for_write("redis://127.0.0.1:9/0")
    started = time.monotonic()

    with away, pytest.raises(OperationalError):
        tasks.run_job.apply_async(kwargs={"job_id": 1}, connection=away)  # type: ignore[call-arg]  # -- Celery's stubs forget it

    # By itself it would try for 6 s.
    assert time.monotonic() - started < 3
