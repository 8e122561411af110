"""Celery's part of the kit: run one job of any kind, send the mail, show that the worker works."""

from typing import Any

from celery import shared_task
from celery.signals import after_task_publish
from django.db import close_old_connections, connection
from django.utils import timezone

from sasvpay.kit import exporting, heartbeat, jobs, mail


@shared_task
def run_job(*, job_id: int) -> None:
    """Run one job."""
    jobs.run(job_id=job_id)


@shared_task
def restart_jobs() -> None:
    """Announce the jobs that lost their worker or were never announced."""
    for job_id in jobs.requeue_lost(at=timezone.now()):
        run_job.delay(job_id=job_id)


@shared_task
def remove_expired_exports() -> None:
    """Delete the files of exports whose link expired."""
    exporting.remove_expired(at=timezone.now())


@shared_task
def deliver_mail() -> None:
    """Send the letters that are due."""
    mail.deliver_due(at=timezone.now())


@shared_task
def beat() -> None:
    """Show that tasks are run: a worker that lost its broker does not beat."""
    heartbeat.beat("worker", at=timezone.now())


@after_task_publish.connect(sender=beat.name)
def note_scheduler(**_facts: Any) -> None:
    """Show that the scheduler is at work: nobody else sends that task, and it went out."""
    if not connection.in_atomic_block:
        # Nothing else replaces a connection that broke: this process answers no requests.
        close_old_connections()
    heartbeat.beat("scheduler", at=timezone.now())
