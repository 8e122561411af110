"""Retention (R8, R10): what is old goes, a number once used stays used, what is owed stays."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from aftersales import refunds
from aftersales.models import Refund, RefundEvent, UsedRefundNumber
from items.models import ImportBatch
from orders import intake
from orders.intake import Outcome
from orders.models import (
    ConflictingCallback,
    Delivery,
    DeliveryAttempt,
    Order,
    UsedNumber,
)
from orders.retention import SETTLED
from sasvpay import retention
from sasvpay.kit.models import AuditEvent, Job, Mail
from tests.aftersales.reports import report_of
from tests.factories import (
    CallbackKeyFactory,
    DeliveryAttemptFactory,
    RefundFactory,
    UserFactory,
)
from tests.orders.callbacks import purchase_of

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
OLD = NOW - timedelta(days=500)


@pytest.fixture
def paying(game):
    CallbackKeyFactory(game=game)
    return game


def _sold(game, number, *, at=OLD, status="delivered"):
    intake.store([purchase_of(game, OutTradeNo=number)], at=at)
    Order.objects.filter(number=number).update(delivery_status=status)
    Delivery.objects.filter(order__number=number).update(status=status)
    return Order.objects.get(number=number)


def _refunded(game, number, order, status="succeeded", at=OLD):
    refunds.store(report_of(game, status, RefundNo=number, OutTradeNo=order), at=at)


def _purge(at=NOW):
    before = retention.cutoff(at=at)
    retention.leave_numbers(before=before, at=at)
    return retention.remove(before=before, at=at + SETTLED)


def _numbers(model):
    return set(model.objects.values_list("number", flat=True))


@pytest.mark.parametrize(
    ("at", "before"),
    [
        (NOW, datetime(2025, 10, 20, 9, 30, tzinfo=UTC)),
        (datetime(2026, 1, 31, tzinfo=UTC), datetime(2024, 12, 28, tzinfo=UTC)),
        (datetime(2024, 3, 29, tzinfo=UTC), datetime(2023, 2, 28, tzinfo=UTC)),
    ],
)
def test_records_are_kept_for_thirteen_months(at, before):
    assert retention.cutoff(at=at) == before


def test_orders_and_refunds_go_when_nothing_of_them_is_young_or_owed(paying):
    for status in ("delivered", "failed", "held", "waiting", "sending"):
        _sold(paying, status, status=status)
    _sold(paying, "young", at=NOW - timedelta(days=300))
    for number, status, at in (
        ("R-old", "succeeded", OLD),
        ("R-open", "processing", OLD),
        ("R-late", "succeeded", NOW - timedelta(days=1)),
    ):
        _sold(paying, f"of-{number}")
        _refunded(paying, number, f"of-{number}", status, at)
    attempt = DeliveryAttemptFactory(delivery=Delivery.objects.get(order__number="delivered"))

    counts = _purge()

    assert (counts["orders"], counts["refunds"]) == (3, 1)
    assert _numbers(Order) == {"held", "waiting", "sending", "young", "of-R-open", "of-R-late"}
    assert _numbers(UsedNumber) == {"delivered", "failed", "of-R-old"}
    assert _numbers(Refund) == {"R-open", "R-late"}
    assert _numbers(UsedRefundNumber) == {"R-old"}
    assert RefundEvent.objects.count() == 2
    assert Delivery.objects.count() == 6
    assert not DeliveryAttempt.objects.filter(pk=attempt.pk).exists()


def test_a_replay_after_the_purge_makes_no_new_order(paying):
    _sold(paying, "T1")
    _purge()
    told = [
        purchase_of(paying),
        purchase_of(paying, ActualPrice=99),
        purchase_of(paying, OutTradeNo="new"),
        purchase_of(paying, Env="1"),
        purchase_of(paying),
    ]

    outcomes = intake.store(told, at=NOW)

    stored, equal, conflict = Outcome.STORED, Outcome.EQUAL, Outcome.CONFLICT
    assert outcomes == [equal, conflict, stored, stored, equal]
    assert set(Order.objects.values_list("number", "env")) == {("new", "0"), ("T1", "1")}
    kept = ConflictingCallback.objects.get()
    assert (kept.number, kept.order, kept.payload) == ("T1", None, told[1].payload)


def test_a_used_number_costs_the_callback_no_statement(paying):
    _sold(paying, "T1")
    _purge()
    most = {"postgresql": (1, 2), "sqlite": (2, 2)}[connection.vendor]

    with CaptureQueriesContext(connection) as for_new:
        intake.store([purchase_of(paying, OutTradeNo="new")], at=NOW)
    with CaptureQueriesContext(connection) as for_replay:
        intake.store([purchase_of(paying)], at=NOW)

    for queries, expected in zip((for_new, for_replay), most, strict=True):
        told = [query for query in queries if "SAVEPOINT" not in query["sql"]]
        assert len(told) == expected


@pytest.mark.parametrize(
    ("status", "changes", "outcome"),
    [
        ("succeeded", {}, Outcome.EQUAL),
        ("processing", {}, Outcome.EQUAL),
        ("failed", {}, Outcome.CONFLICT),
        ("succeeded", {"RefundAmount": 99}, Outcome.CONFLICT),
    ],
)
def test_a_replay_after_the_purge_makes_no_new_refund(paying, status, changes, outcome):
    _sold(paying, "T1")
    _refunded(paying, "R1", "T1")
    _purge()

    assert refunds.store(report_of(paying, status, **changes), at=NOW) is outcome

    assert not Refund.objects.exists()
    assert ConflictingCallback.objects.count() == (outcome is Outcome.CONFLICT)


def test_an_order_goes_only_a_minute_after_its_number_was_left(paying):
    _sold(paying, "T1")
    before = retention.cutoff(at=NOW)
    retention.leave_numbers(before=before, at=NOW)

    assert retention.remove(before=before, at=NOW + SETTLED / 2)["orders"] == 0

    assert _numbers(Order) == {"T1"}
    assert intake.store([purchase_of(paying)], at=NOW) == [Outcome.EQUAL]


def test_a_refund_that_comes_meanwhile_keeps_its_order(paying):
    _sold(paying, "T1")
    before = retention.cutoff(at=NOW)
    retention.leave_numbers(before=before, at=NOW)
    _refunded(paying, "R1", "T1", at=NOW)

    assert retention.remove(before=before, at=NOW + SETTLED)["orders"] == 0

    order = Order.objects.get()
    assert (order.refund_state, order.refunds.count()) == ("fully", 1)


def test_a_young_conflict_outlives_its_order(paying):
    _sold(paying, "T1")
    intake.store([purchase_of(paying, Quantity=2)], at=OLD)
    intake.store([purchase_of(paying, Quantity=3)], at=NOW)

    assert _purge()["conflicts"] == 1

    kept = ConflictingCallback.objects.get()
    assert (kept.order, kept.created_at) == (None, NOW)


@pytest.fixture
def leftovers(game):
    person = UserFactory()
    facts = {"kind": "items.preview", "subject": "", "requested_by": person}
    ended = {"status": "succeeded", "created_at": OLD, "finished_at": OLD}
    jobs = [
        Job.objects.create(**facts, **ended),
        Job.objects.create(**facts, **ended),
        Job.objects.create(**facts, created_at=OLD),
    ]
    for status, job in (("failed", jobs[0]), ("ready", jobs[2])):
        ImportBatch.objects.create(
            game=game,
            workbook="imports/a.xlsx",
            workbook_name="a.xlsx",
            language="en",
            status=status,
            job=job,
            uploaded_by=person,
            uploaded_at=OLD,
        )
    letter = {"to": "a@example.com", "subject": "", "kind": "", "due_at": OLD, "created_at": OLD}
    Mail.objects.create(**letter, sent_at=OLD)
    Mail.objects.create(**letter, failed_at=OLD)
    Mail.objects.create(**letter)
    return jobs


def test_imports_jobs_and_letters_go_but_not_what_is_unfinished(leftovers):
    counts = _purge()

    assert (counts["imports"], counts["jobs"], counts["letters"]) == (1, 2, 2)
    assert ImportBatch.objects.get().status == "ready"
    assert list(Job.objects.all()) == leftovers[2:]
    assert Mail.objects.get().sent_at is None


def test_the_purge_is_remembered_with_what_went(leftovers):
    _purge()
    _purge()

    event = AuditEvent.objects.get(event="records_purged")
    assert (event.chain, event.actor) == ("house", "console")
    assert event.facts["jobs"] == 2
    assert event.object_label == "records before 2025-10-20"


def test_a_dry_run_says_what_would_go_and_deletes_nothing(paying, leftovers):
    _sold(paying, "T1")
    RefundFactory(order=_sold(paying, "T2"), changed_at=OLD)
    said = io.StringIO()

    call_command("purge", "--dry-run", stdout=said)

    assert {"orders: 2 would go", "refunds: 1 would go", "jobs: 2 would go"} <= set(
        said.getvalue().splitlines()
    )
    assert (Order.objects.count(), UsedNumber.objects.count(), Job.objects.count()) == (2, 0, 3)


def test_the_command_deletes_what_was_left_before(paying, leftovers):
    _sold(paying, "T1")
    retention.leave_numbers(before=NOW, at=OLD)
    said = io.StringIO()

    call_command("purge", stdout=said)

    assert "orders: 1 deleted" in said.getvalue()
    assert _numbers(UsedNumber) == {"T1"}
