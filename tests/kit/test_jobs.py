"""Jobs: run once at a time, kept with their result or problem, queued again when lost."""

from datetime import timedelta

import pytest
import time_machine

from sasvpay.kit import jobs
from sasvpay.kit.errors import DomainError
from sasvpay.kit.models import Job
from tests.factories import AT, UserFactory
from tests.threads import together

pytestmark = pytest.mark.django_db
RUNS: list[int] = []


class _TooManyRowsError(DomainError):
    pass


def count_up(job, progress):
    """A kind of job: it reports twice and returns what it was asked with."""
    RUNS.append(job.pk)
    progress.report(done=1, total=3)
    progress.report(done=2)
    return {"asked": job.params["rows"]}


def refuse(job, progress):
    raise _TooManyRowsError("At most 50,000 rows.")


def break_(job, progress):
    progress.report(done=1, total=3)
    raise ZeroDivisionError("secret detail")


def lose_the_lease(job, progress):
    """A slow worker: meanwhile the sweep gave the job to another, who finished it."""
    Job.objects.filter(pk=job.pk).update(status="succeeded", result={"by": "the other"})
    raise ZeroDivisionError


@pytest.fixture(autouse=True)
def _kinds(settings):
    RUNS.clear()
    settings.JOB_KINDS = {
        act.__name__: f"{__name__}.{act.__name__}"
        for act in (count_up, refuse, break_, lose_the_lease)
    } | {"gone": f"{__name__}.gone"}


def _start(kind="count_up", at=AT):
    return jobs.start(kind=kind, by=UserFactory(), subject="game:mg_1", at=at, rows=7)


def _stored():
    return Job.objects.get()


def test_start_queues_what_was_asked():
    job = _start()

    stored = _stored()
    assert stored == job
    assert (stored.status, stored.kind, stored.subject, stored.params, stored.created_at) == (
        "queued",
        "count_up",
        "game:mg_1",
        {"rows": 7},
        AT,
    )
    assert stored.requested_by == job.requested_by
    assert RUNS == []


def test_start_refuses_a_kind_that_is_not_wired():
    with pytest.raises(KeyError):
        jobs.start(kind="unknown", by=UserFactory(), subject="x", at=AT)

    assert Job.objects.count() == 0


def test_run_keeps_the_result():
    job = _start()

    jobs.run(job_id=job.pk)

    stored = _stored()
    assert (stored.status, stored.result, stored.done, stored.total, stored.error) == (
        "succeeded",
        {"asked": 7},
        3,
        3,
        "",
    )
    assert stored.finished_at is not None
    assert stored.lease_until is None


@pytest.mark.parametrize("status", ["running", "succeeded", "failed"])
def test_run_leaves_a_job_alone_that_is_not_queued(status):
    job = _start()
    Job.objects.update(status=status)
    before = Job.objects.values().get()

    jobs.run(job_id=job.pk)

    assert Job.objects.values().get() == before
    assert RUNS == []


def test_run_of_a_job_that_is_not_there_does_nothing():
    jobs.run(job_id=1)

    assert Job.objects.count() == 0


def test_a_refusal_is_kept_in_its_own_words():
    jobs.run(job_id=_start("refuse").pk)

    assert (_stored().status, _stored().error) == ("failed", "At most 50,000 rows.")


@pytest.mark.parametrize("kind", ["break_", "gone"])
def test_a_bug_fails_the_job_without_showing_its_detail(kind):
    jobs.run(job_id=_start(kind).pk)

    stored = _stored()
    assert (stored.status, stored.error) == ("failed", "Something went wrong. Please try again.")
    assert stored.finished_at is not None


def test_a_worker_that_lost_its_lease_does_not_undo_what_another_finished():
    jobs.run(job_id=_start("lose_the_lease").pk)

    assert (_stored().status, _stored().result, _stored().error) == (
        "succeeded",
        {"by": "the other"},
        "",
    )


def test_a_report_renews_the_lease_of_a_running_job():
    job = _start()
    Job.objects.update(status="running", lease_until=AT)

    with time_machine.travel(AT + timedelta(seconds=30), tick=False):
        jobs.Progress(job.pk).report(done=4, total=9)

    stored = _stored()
    assert (stored.done, stored.total) == (4, 9)
    assert stored.lease_until == AT + timedelta(seconds=30) + jobs.LEASE


def test_a_report_of_a_job_that_does_not_run_changes_nothing():
    job = _start()
    before = Job.objects.values().get()

    jobs.Progress(job.pk).report(done=4, total=9)

    assert Job.objects.values().get() == before


@pytest.mark.parametrize("status", ["queued", "running"])
def test_requeue_lost_queues_again_what_lost_its_lease(status):
    job = _start()
    Job.objects.update(status=status, lease_until=AT)
    now = AT + timedelta(seconds=1)

    assert jobs.requeue_lost(at=now) == [job.pk]

    assert (_stored().status, _stored().lease_until) == ("queued", now + jobs.FORGOTTEN)
    assert jobs.requeue_lost(at=now) == []


@pytest.mark.parametrize(
    ("status", "lease"),
    [
        ("queued", timedelta(0)),
        ("running", timedelta(seconds=1)),
        ("succeeded", timedelta(days=-1)),
        ("failed", None),
    ],
)
def test_requeue_lost_leaves_the_others_alone(status, lease):
    _start()
    Job.objects.update(status=status, lease_until=None if lease is None else AT + lease)
    before = Job.objects.values().get()

    assert jobs.requeue_lost(at=AT) == []

    assert Job.objects.values().get() == before


def test_a_job_whose_worker_died_runs_again_and_finishes():
    job = _start()
    Job.objects.update(status="running", lease_until=AT, done=2, total=3)

    jobs.requeue_lost(at=AT + timedelta(seconds=1))
    jobs.run(job_id=job.pk)

    assert (_stored().status, _stored().result) == ("succeeded", {"asked": 7})


@pytest.mark.django_db(transaction=True)
def test_eight_workers_run_one_job_once():
    job = _start()

    answers = together(*[lambda: jobs.run(job_id=job.pk)] * 8)

    assert answers == [None] * 8
    assert [job.pk] == RUNS
    assert _stored().status == "succeeded"


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_eight_sweeps_queue_a_lost_job_once():
    job = _start()

    answers = together(*[lambda: jobs.requeue_lost(at=AT + timedelta(minutes=1))] * 8)

    assert sorted(answers) == [[]] * 7 + [[job.pk]]
