"""Refund events: each once, in whatever order they come, never above what was paid."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from aftersales import refunds, tasks
from aftersales.models import Refund, RefundEvent, RefundStatus
from aftersales.refunds import Refunds
from orders import envelope, intake
from orders.intake import Outcome
from orders.models import AwaitedOrder, ConflictingCallback, Order
from tests.aftersales.reports import INITIATED, moment, refund, report_of, signed_refund
from tests.factories import AT, MiniGameFactory, OrderFactory
from tests.orders.callbacks import assert_answer, post, purchase, purchase_of, signed

STORED, EQUAL, AWAITED, CONFLICT, FAILED = Outcome
LATER = AT + timedelta(minutes=5)


@pytest.fixture
def order(paying):
    return OrderFactory(game=paying, number="T1", actual_price_cents=100)


def tell(game, status="succeeded", *, at=AT, **changes):
    (outcome,) = Refunds().store([report_of(game, status, **changes)], at=at)
    return outcome


def state_of(order):
    order.refresh_from_db()
    return order.refunded_cents, order.refund_state


def flags():
    return dict(Refund.objects.values_list("number", "flags"))


# --- One refund -------------------------------------------------------------------------------


def test_a_refund_is_kept_as_it_was_told(order):
    assert tell(order.game, Reason=" 中文\n'\"\\ ") == STORED

    kept = Refund.objects.get()
    assert (kept.order, kept.game, kept.env, kept.order_number) == (order, order.game, "0", "T1")
    assert (kept.number, kept.open_id, kept.amount_cents) == ("R1", "o_player", 100)
    assert (kept.status, kept.reason) == (RefundStatus.SUCCEEDED, " 中文\n'\"\\ ")
    assert (kept.initiated_at, kept.finished_at) == (moment(INITIATED), moment(INITIATED + 60))
    assert (kept.created_at, kept.flags, kept.is_test) == (AT, "", False)
    assert (kept.payload, kept.pay_model) == (refund(Reason=" 中文\n'\"\\ "), "wallet")
    assert kept.events.get().payload == kept.payload
    assert state_of(order) == (100, "fully")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([("R1", "processing", 40)], (0, "processing")),
        ([("R1", "failed", 40)], (0, "none")),
        ([("R1", "succeeded", 40)], (40, "partly")),
        ([("R1", "succeeded", 40), ("R2", "processing", 60)], (40, "partly")),
        ([("R1", "succeeded", 40), ("R2", "succeeded", 60)], (100, "fully")),
        ([("R1", "succeeded", 40), ("R2", "failed", 60)], (40, "partly")),
        ([("R1", "succeeded", 101)], (0, "none")),
    ],
)
def test_an_order_knows_what_was_refunded_of_it(order, told, expected):
    for number, status, amount in told:
        assert tell(order.game, status, RefundNo=number, RefundAmount=amount) == STORED

    assert state_of(order) == expected


@pytest.mark.parametrize("end", ["succeeded", "failed"])
def test_a_refund_advances_and_keeps_each_event_verbatim(order, end):
    assert tell(order.game, "processing") == STORED
    assert tell(order.game, end, at=LATER, Reason="Reviewed") == STORED

    kept = Refund.objects.get()
    assert (kept.status, kept.reason, kept.finished_at) == (end, "Reviewed", moment(INITIATED + 60))
    assert (kept.created_at, kept.changed_at) == (AT, LATER)
    assert list(kept.events.order_by("pk").values_list("status", "payload")) == [
        ("processing", refund("processing")),
        (end, refund(end, Reason="Reviewed")),
    ]


@pytest.mark.parametrize("status", RefundStatus.values)
def test_a_repeated_event_changes_nothing(order, status):
    tell(order.game, status)
    before = Refund.objects.values().get()

    assert tell(order.game, status, at=LATER, More="ignored") == EQUAL

    assert Refund.objects.values().get() == before
    assert RefundEvent.objects.count() == 1


@pytest.mark.parametrize("end", ["succeeded", "failed"])
def test_a_late_processing_is_kept_and_undoes_nothing(order, end):
    tell(order.game, end)
    before = Refund.objects.values().get()

    assert tell(order.game, "processing", at=LATER) == EQUAL

    assert Refund.objects.values().get() == before
    assert RefundEvent.objects.count() == 2


@pytest.mark.parametrize(
    ("status", "changes", "differs"),
    [
        ("failed", {}, "RefundStatus"),
        ("succeeded", {"RefundAmount": 99}, "RefundAmount"),
        ("succeeded", {"OpenId": "another"}, "OpenId"),
        ("succeeded", {"OutTradeNo": "T2"}, "OutTradeNo"),
        ("processing", {"OutTradeNo": "T2", "RefundAmount": 1}, "OutTradeNo RefundAmount"),
    ],
)
def test_a_conflict_is_kept_verbatim_and_changes_nothing(order, status, changes, differs):
    other = OrderFactory(game=order.game, number="T2")
    tell(order.game)
    before = Refund.objects.values().get()

    assert tell(order.game, status, at=LATER, **changes) == CONFLICT

    kept = ConflictingCallback.objects.get()
    assert (kept.game, kept.env, kept.number) == (order.game, "0", "R1")
    assert (kept.event, kept.differs) == (envelope.REFUND_EVENT, differs)
    assert (kept.payload, kept.created_at) == (refund(status, **changes), LATER)
    assert Refund.objects.values().get() == before
    assert state_of(order) == (100, "fully")
    assert state_of(other) == (0, "none")
    assert not AwaitedOrder.objects.exists()


def test_numbers_are_told_apart_by_game_env_and_case(paying):
    told = [
        report_of(paying),
        report_of(paying, Env="1"),
        report_of(MiniGameFactory()),
        report_of(paying, RefundNo="r1"),
    ]

    assert Refunds().store(told, at=AT) == [STORED] * 4

    assert Refund.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_a_refund_of_no_game_fails_alone(paying):
    told = [report_of(MiniGameFactory.build(pk=0)), report_of(paying)]

    assert Refunds().store(told, at=AT) == [FAILED, STORED]

    assert Refund.objects.get().game == paying


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"amount_cents": 0}, "aftersales_amount_above_zero"),
        ({"status": "processing"}, "aftersales_finished_exactly_when_final"),
        ({"finished_at": None}, "aftersales_finished_exactly_when_final"),
    ],
)
def test_the_database_refuses_what_no_refund_can_be(order, changes, constraint):
    tell(order.game)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Refund.objects.update(**changes)


# --- What does not fit ------------------------------------------------------------------------


def test_a_refund_above_what_is_left_is_kept_and_flagged_and_not_counted(order):
    tell(order.game, RefundAmount=60)
    tell(order.game, RefundNo="R2", RefundAmount=60, FinishedAt=INITIATED + 61)

    assert flags() == {"R1": "", "R2": "exceeds_paid"}
    assert state_of(order) == (60, "partly")


def test_the_one_that_finished_first_counts_however_late_it_is_told(order):
    tell(order.game, RefundNo="R2", RefundAmount=60, FinishedAt=INITIATED + 61)
    assert flags() == {"R2": ""}

    tell(order.game, RefundAmount=60, at=LATER)

    assert flags() == {"R1": "", "R2": "exceeds_paid"}
    assert Refund.objects.get(number="R2").changed_at == LATER
    assert state_of(order) == (60, "partly")


def test_a_failed_refund_gives_back_its_place(order):
    tell(order.game, "processing", RefundAmount=60)
    tell(order.game, "processing", RefundNo="R2", RefundAmount=60, InitiatedAt=INITIATED + 1)
    assert flags() == {"R1": "", "R2": "exceeds_paid"}

    tell(order.game, "failed", RefundAmount=60)

    assert flags() == {"R1": "", "R2": ""}


def test_a_refund_of_another_player_is_flagged_and_counts(order):
    tell(order.game, OpenId="another", RefundAmount=40)

    assert flags() == {"R1": "other_player"}
    assert state_of(order) == (40, "partly")


def test_a_refund_may_have_every_flag(order):
    tell(order.game, OpenId="another", RefundAmount=101)

    assert Refund.objects.get().flags == "exceeds_paid other_player"
    assert len(Refund.objects.get().flag_labels) == 2


@pytest.mark.parametrize(("source", "is_test"), [(1, False), (2, False), (3, True)])
def test_a_refund_is_a_test_as_its_order_is(paying, source, is_test):
    tell(paying)
    intake.store([purchase_of(paying, OrderSource=source)], at=AT)

    tell(paying)

    assert Refund.objects.get().is_test == is_test


def test_a_refund_of_the_test_environment_is_a_test(paying):
    tell(paying, Env=1)

    assert Refund.objects.get().is_test


# --- Before their order -----------------------------------------------------------------------


def test_an_early_refund_is_kept_and_attached_when_the_order_comes(client, paying):
    assert_answer(post(client, paying, signed_refund()), 200, "0")
    assert Refund.objects.get().order is None
    assert AwaitedOrder.objects.get().number == "T1"

    assert_answer(post(client, paying, signed()), 200, "0")

    order = Order.objects.get()
    assert Refund.objects.get().order == order
    assert state_of(order) == (100, "fully")
    assert not AwaitedOrder.objects.exists()


def test_an_early_refund_waits_for_its_own_order_only(client, paying):
    post(client, paying, signed_refund())

    post(client, paying, signed(purchase(OutTradeNo="T2")))
    post(client, paying, signed(purchase(Env="1")))

    assert Refund.objects.get().order is None
    assert AwaitedOrder.objects.count() == 1


def test_a_repeated_order_attaches_what_a_dead_process_left(client, paying):
    post(client, paying, signed())
    tell(paying)
    Refund.objects.update(order=None)
    AwaitedOrder.objects.create(game=paying, env="0", number="T1")

    assert_answer(post(client, paying, signed()), 200, "0")

    assert Refund.objects.get().order == Order.objects.get()
    assert not AwaitedOrder.objects.exists()


def test_the_sweep_attaches_what_two_who_did_not_see_each_other_left(paying):
    report = report_of(paying, RefundAmount=40)
    Refunds().store([report, report_of(paying, RefundNo="R2", RefundAmount=70)], at=AT)
    order = OrderFactory(game=paying, number="T1")
    tell(paying, RefundNo="R9", OutTradeNo="T9")

    tasks.attach_missed()

    assert Refund.objects.filter(order=order).count() == 2
    assert Refund.objects.get(order=None).number == "R9"
    assert flags()["R2"] == "exceeds_paid"
    assert state_of(order) == (40, "partly")
    assert [awaited.number for awaited in AwaitedOrder.objects.all()] == ["T9"]


def test_a_refund_attaches_itself_when_the_order_came_without_seeing_it(paying, monkeypatch):
    lock, looked = refunds.refunding.lock, []

    def lock_and_lose(key):
        found = lock(key)
        looked.append(found)
        if len(looked) == 1:
            OrderFactory(game=paying, number="T1")
        return found

    monkeypatch.setattr(refunds.refunding, "lock", lock_and_lose)

    tell(paying)

    assert looked[0] is None
    assert Refund.objects.get().order == Order.objects.get()


# --- What it costs ----------------------------------------------------------------------------


def _own(queries):
    ends = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE SAVEPOINT")
    return [query["sql"] for query in queries if not query["sql"].startswith(ends)]


@pytest.mark.django_db(transaction=True)
def test_a_new_order_costs_no_more_where_refunds_wait_for_others(client, paying):
    post(client, paying, signed())
    tell(paying, RefundNo="R2", OutTradeNo="T_later")

    with CaptureQueriesContext(connection) as new:
        post(client, paying, signed(purchase(OutTradeNo="T2")))

    assert len(_own(new)) == (1 if connection.vendor == "postgresql" else 2)


@pytest.mark.django_db(transaction=True)
def test_a_refund_costs_the_same_however_many_there_are(order):
    OrderFactory(game=order.game, number="T2", actual_price_cents=100)
    tell(order.game, OutTradeNo="T2", RefundNo="R0")
    with CaptureQueriesContext(connection) as first:
        tell(order.game, RefundAmount=10)
    for number in range(2, 6):
        tell(order.game, RefundNo=f"R{number}", RefundAmount=10)

    with CaptureQueriesContext(connection) as last:
        tell(order.game, RefundNo="R6", RefundAmount=10)

    assert len(_own(last)) == len(_own(first)) <= 10


# --- Whatever the order of arrival ------------------------------------------------------------


@st.composite
def histories(draw):
    """Draw the prices of some orders, and some refunds: order, amount, end, seconds, player."""
    prices = draw(st.lists(st.integers(0, 100), min_size=1, max_size=3))
    lives = st.tuples(
        st.integers(0, len(prices) - 1),
        st.integers(1, 120),
        st.sampled_from(["processing", "succeeded", "failed"]),
        st.integers(1, 3),
        st.sampled_from(["o_player", "o_player", "another"]),
    )
    return prices, draw(st.lists(lives, max_size=6))


def _acts(game, prices, lives):
    for index, price in enumerate(prices):
        told = purchase_of(game, OutTradeNo=f"T{index}", ActualPrice=price)
        yield lambda told=told: _buy(told)
    for index, (order, amount, end, seconds, player) in enumerate(lives):
        for status in dict.fromkeys(["processing", end]):
            finished = {} if status == "processing" else {"FinishedAt": INITIATED + seconds}
            told = report_of(
                game, status, OutTradeNo=f"T{order}", RefundNo=f"R{index}", OpenId=player,
                RefundAmount=amount, **finished,
            )  # fmt: skip
            yield lambda told=told: Refunds().store([told], at=AT)


def _buy(told):
    if intake.store([told], at=AT) == [AWAITED]:
        refunds.attach([told], at=AT)


def _picture():
    return (
        sorted(Order.objects.values_list("number", "refunded_cents", "refund_state")),
        sorted(
            Refund.objects.values_list(
                "number",
                "order__number",
                "status",
                "amount_cents",
                "flags",
                "finished_at",
                "payload",
            )
        ),
        sorted(RefundEvent.objects.values_list("refund__number", "status", "payload")),
        AwaitedOrder.objects.count(),
    )


@given(history=histories(), dice=st.randoms(use_true_random=False))
@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_order_of_arrival_leaves_no_trace(paying, history, dice):
    pictures = []
    for shuffled in (False, True):
        with transaction.atomic():
            acts = list(_acts(paying, *history))
            if shuffled:
                acts += dice.choices(acts, k=len(acts))
                dice.shuffle(acts)
            for act in acts:
                act()
            pictures.append(_picture())
            _assert_sums(history[1])
            transaction.set_rollback(True)

    assert pictures[0] == pictures[1]
    assert pictures[0][-1] == 0


def _assert_sums(lives):
    for order in Order.objects.all():
        counted = order.refunds.filter(status="succeeded").exclude(flags__contains="exceeds_paid")
        total = sum(counted.values_list("amount_cents", flat=True))
        assert total == order.refunded_cents <= order.actual_price_cents
    assert Refund.objects.count() == len(lives)


def test_many_shuffled_pairs_are_all_linked(paying):
    acts = []
    for index in range(200):
        bought = purchase_of(paying, OutTradeNo=f"T{index}")
        told = report_of(paying, OutTradeNo=f"T{index}", RefundNo=f"R{index}", RefundAmount=70)
        acts += [lambda b=bought: _buy(b), lambda t=told: Refunds().store([t], at=AT)]
    random.Random(4).shuffle(acts)  # noqa: S311 -- shuffles a test

    for act in acts:
        act()

    assert Refund.objects.exclude(order=None).count() == 200
    assert Counter(Order.objects.values_list("refunded_cents", flat=True)) == {70: 200}
    assert not AwaitedOrder.objects.exists()
