"""What becomes of the kit's rows that are older than records are kept. The audit trail stays."""

from datetime import datetime
from importlib import import_module
from typing import Any, Final

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Q, QuerySet

from sasvpay.kit.models import Heartbeat, Job, Mail

BATCH: Final = 500


def old_jobs(*, before: datetime) -> "QuerySet[Job]":
    """Return the jobs that ended long ago."""
    return Job.objects.filter(finished_at__lt=before)


def old_letters(*, before: datetime) -> "QuerySet[Mail]":
    """Return the letters that were sent, or given up, long ago; their bodies went at that time."""
    return Mail.objects.filter(Q(sent_at__lt=before) | Q(failed_at__lt=before))


def old_heartbeats(*, before: datetime) -> "QuerySet[Heartbeat]":
    """Return the heartbeats of what has not been at work for long."""
    return Heartbeat.objects.filter(at__lt=before)


def delete_in_batches(rows: "QuerySet[Any]") -> int:
    """Delete rows a few at a time, and return how many: nobody waits long for any of them."""
    deleted = 0
    while pks := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        rows.filter(pk__in=pks).delete()
        deleted += len(pks)
    return deleted


def delete_jobs(*, before: datetime) -> int:
    """Delete old jobs with the files that they made, and return how many."""
    for name in (
        old_jobs(before=before).exclude(result_file="").values_list("result_file", flat=True)
    ):
        default_storage.delete(name)
    return delete_in_batches(old_jobs(before=before))


def end_sessions() -> None:
    """Forget the sessions that ran out."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
