"""Refunds and their orders at one moment, each on its own connection."""

import pytest
from django.db import connection, transaction

from aftersales import refunds
from aftersales.models import Refund, RefundEvent
from aftersales.refunds import Refunds
from orders import intake
from orders.intake import Outcome
from orders.models import AwaitedOrder, Order
from tests.aftersales.reports import INITIATED, report_of
from tests.factories import AT, OrderFactory
from tests.orders.callbacks import purchase_of
from tests.orders.racing import at_once

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]
STORED, EQUAL, AWAITED = Outcome.STORED, Outcome.EQUAL, Outcome.AWAITED


def _told(game, status="succeeded", **changes):
    return lambda: Refunds().store([report_of(game, status, **changes)], at=AT)[0]


def _bought(game, number):
    purchase = purchase_of(game, OutTradeNo=number)

    def buy():
        outcome = intake.store([purchase], at=AT)[0]
        if outcome is AWAITED:
            refunds.attach([purchase], at=AT)
        return outcome

    return buy


@pytest.mark.parametrize("part", range(15))
def test_an_order_and_its_refund_at_once_find_each_other(paying, part):
    outcomes = at_once(
        *(_bought(paying, "T1") for _ in range(2)), *(_told(paying) for _ in range(2))
    )

    refunds.attach_missed(at=AT)

    assert set(outcomes) <= {STORED, EQUAL, AWAITED}
    order = Order.objects.get()
    assert Refund.objects.get().order == order
    assert (order.refunded_cents, order.refund_state) == (100, "fully")
    assert not AwaitedOrder.objects.exists()


def test_a_refund_that_commits_while_the_order_is_unseen_attaches_itself(paying):
    """The order is stored by a statement that began before the refund was there."""
    with transaction.atomic():
        # A transaction of its own holds the order back until the refund looked for it.
        (outcome,) = intake.store([purchase_of(paying)], at=AT)
        (told,) = at_once(_told(paying))
    assert (outcome, told) == (STORED, STORED)
    assert Refund.objects.get().order is None

    refunds.attach_missed(at=AT)

    assert Order.objects.get().refunded_cents == 100
    assert not AwaitedOrder.objects.exists()


def test_twenty_at_once_are_one_refund(paying):
    OrderFactory(game=paying, number="T1")

    outcomes = at_once(*(_told(paying) for _ in range(20)))

    assert sorted(outcome.value for outcome in outcomes) == ["equal"] * 19 + ["stored"]
    assert Refund.objects.count() == RefundEvent.objects.count() == 1


def test_ten_refunds_of_one_order_at_once_never_exceed_it(paying):
    order = OrderFactory(game=paying, number="T1", actual_price_cents=100)

    outcomes = at_once(
        *(
            _told(paying, RefundNo=f"R{n}", RefundAmount=30, FinishedAt=INITIATED + n + 1)
            for n in range(10)
        )
    )

    assert outcomes == [STORED] * 10
    order.refresh_from_db()
    assert (order.refunded_cents, order.refund_state) == (90, "partly")
    kept = Refund.objects.filter(flags="").values_list("number", flat=True)
    assert sorted(kept) == ["R0", "R1", "R2"]


def test_a_refund_that_ends_while_it_is_attached_is_counted(paying):
    _told(paying, "processing")()
    OrderFactory(game=paying, number="T1")

    outcomes = at_once(
        lambda: refunds.attach([purchase_of(paying)], at=AT),
        _told(paying, "succeeded"),
        _told(paying, "processing"),
    )

    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert Order.objects.get().refunded_cents == 100
    connection.close()
