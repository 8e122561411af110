"""Jobs: work that takes longer than a page. The row is the truth; a task only says "look".

A job holds a lease that its own progress renews. A sweep queues again what lost its worker or
never started, so every kind of job is safe to run twice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from sasvpay.kit.errors import DomainError
from sasvpay.kit.models import Job

LEASE: Final = timedelta(seconds=60)
# A queued job that nobody took for so long was announced to a broker that forgot it.
FORGOTTEN: Final = timedelta(seconds=30)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Progress:
    """What a running job reports to; each report renews its lease."""

    job_id: int

    def report(self, *, done: int, total: int | None = None) -> None:
        """Note how far the work is."""
        changes: dict[str, Any] = {"done": done, "lease_until": timezone.now() + LEASE}
        if total is not None:
            changes["total"] = total
        Job.objects.filter(pk=self.job_id, status=Job.Status.RUNNING).update(**changes)


Work = Callable[[Job, Progress], Mapping[str, Any]]


def start(*, kind: str, by: Any, subject: str, at: datetime, **params: Any) -> Job:
    """Queue a job of a kind in JOB_KINDS. The caller announces it after the commit."""
    if kind not in settings.JOB_KINDS:
        raise KeyError(f"{kind!r} is not in settings.JOB_KINDS")
    return Job.objects.create(
        kind=kind,
        subject=subject,
        params=params,
        requested_by=by,
        created_at=at,
        lease_until=at + FORGOTTEN,
    )


def run(*, job_id: int) -> None:
    """Run a queued job if nobody else does, and keep its result or its problem."""
    now = timezone.now()
    taken = Job.objects.filter(pk=job_id, status=Job.Status.QUEUED).update(
        status=Job.Status.RUNNING, lease_until=now + LEASE
    )
    if not taken:
        return
    job = Job.objects.get(pk=job_id)
    try:
        # Inside: a kind that is gone would otherwise come back with every sweep.
        work: Work = import_string(settings.JOB_KINDS[job.kind])
        result = work(job, Progress(job.pk))
    except DomainError as refusal:
        _finish(job, Job.Status.FAILED, error=refusal.message)
    except Exception:
        log.exception("job_failed", job=job.pk, kind=job.kind)
        _finish(job, Job.Status.FAILED, error=_("Something went wrong. Please try again."))
    else:
        _finish(job, Job.Status.SUCCEEDED, result=dict(result), done=F("total"))


def _finish(job: Job, status: str, **changes: Any) -> None:
    job.move_to(status)
    # Only while it runs: a worker that lost its lease does not undo what its successor finished.
    Job.objects.filter(pk=job.pk, status=Job.Status.RUNNING).update(
        status=job.status, finished_at=timezone.now(), lease_until=None, **changes
    )


@transaction.atomic
def requeue_lost(*, at: datetime) -> list[int]:
    """Queue again the jobs whose lease ran out, and return their ids."""
    lost = list(
        Job.objects.select_for_update(skip_locked=_can_skip())
        .filter(Q(status=Job.Status.RUNNING) | Q(status=Job.Status.QUEUED), lease_until__lt=at)
        .values_list("pk", flat=True)
    )
    Job.objects.filter(pk__in=lost).update(status=Job.Status.QUEUED, lease_until=at + FORGOTTEN)
    return lost


def _can_skip() -> bool:
    return bool(transaction.get_connection().features.has_select_for_update_skip_locked)
