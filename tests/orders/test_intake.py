"""One order per number, its flags, its delivery; lists, races, statement counts."""

from datetime import timedelta

import msgspec
import pytest
from django.utils import timezone

from items.models import ItemVersion
from orders import intake
from orders.intake import Outcome
from orders.models import ConflictingCallback, Delivery, Order
from tests.factories import (
    AT,
    DeliveryConfigFactory,
    ItemFactory,
    ItemVersionFactory,
    MiniGameFactory,
)
from tests.orders.callbacks import purchase_of

STORED, EQUAL, AWAITED, CONFLICT, FAILED = Outcome


@pytest.fixture
def item(paying):
    return ItemVersionFactory(item__game=paying, item__item_id="gold_100", price_cents=100)


def test_store_keeps_what_was_told(paying, item):
    told = purchase_of(paying, Attach=" 中文\n'\"\\ ", OrderSource=2, Quantity=2, OrigPrice=200)

    outcomes = intake.store([told], at=AT)

    order = Order.objects.get()
    assert outcomes == [STORED]
    assert {name: getattr(order, name) for name in told.__struct_fields__} == (
        msgspec.structs.asdict(told)
    )
    assert order.created_at == AT
    assert order.item_version == item
    assert order.flags == ""
    assert order.refunded_cents == 0


def test_store_gives_each_order_a_delivery(paying, item):
    DeliveryConfigFactory(game=paying)

    intake.store([purchase_of(paying)], at=AT)

    delivery = Delivery.objects.get()
    order = Order.objects.get()
    assert (delivery.order, delivery.game, delivery.env) == (order, paying, "0")
    assert delivery.status == order.delivery_status == "waiting"
    assert (delivery.attempts, delivery.lease_until, delivery.last_verdict) == (0, None, "")
    # By the database's clock, which is not `at`.
    assert abs(delivery.due_at - timezone.now()) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("config", "env", "status"),
    [
        (None, "0", "held"),
        ({"is_enabled": False}, "0", "held"),
        ({"is_enabled": False, "test_url": "http://127.0.0.1:9/test"}, "1", "held"),
        ({"test_url": ""}, "1", "held"),
        ({"test_url": "http://127.0.0.1:9/test"}, "1", "waiting"),
        ({"test_url": ""}, "0", "waiting"),
    ],
)
def test_store_holds_what_cannot_be_delivered(paying, config, env, status):
    if config is not None:
        DeliveryConfigFactory(game=paying, **config)

    intake.store([purchase_of(paying, Env=env)], at=AT)

    assert Order.objects.get().delivery_status == status
    assert Delivery.objects.get().status == status


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        ({}, ""),
        ({"Quantity": 3, "OrigPrice": 300, "ActualPrice": 300}, ""),
        ({"Quantity": 3, "OrigPrice": 100}, ""),
        ({"Quantity": 3, "OrigPrice": 200}, "price_differs"),
        ({"OrigPrice": 101}, "price_differs"),
        ({"ProductId": "other"}, "unknown_item"),
        ({"ProductId": "draft"}, "not_on_sale"),
        ({"ProductId": "removed"}, "not_on_sale"),
        ({"ProductId": "foreign"}, "unknown_item"),
        ({"ActualPrice": 101}, "paid_above_price"),
        ({"ActualPrice": 0}, "paid_nothing"),
        ({"OrigPrice": 0, "ActualPrice": 5}, "price_differs paid_above_price"),
        ({"ProductId": "GOLD_100", "ActualPrice": 0}, "unknown_item paid_nothing"),
        ({"OrigPrice": 10**9, "ActualPrice": 10**9, "Quantity": 10**9}, "price_differs"),
    ],
)
def test_store_flags(paying, item, changes, flags):
    states = ItemVersion.Status
    for name, state in (("draft", states.DRAFT), ("removed", states.REMOVED)):
        ItemVersionFactory(item__game=paying, item__item_id=name, price_cents=100, status=state)
    ItemFactory(game=MiniGameFactory(), item_id="foreign")

    assert intake.store([purchase_of(paying, **changes)], at=AT) == [STORED]

    assert Order.objects.get().flags == flags


def test_store_flags_every_reason_at_once(game):
    told = purchase_of(game, OrigPrice=0, ActualPrice=1)

    assert intake.store([told], at=AT) == [STORED]

    assert Order.objects.get().flags == "unknown_item payment_not_enabled paid_above_price"


def test_store_says_equal_to_the_same_order(paying):
    intake.store([purchase_of(paying)], at=AT)
    again = msgspec.structs.replace(
        purchase_of(paying, More="ignored"), pay_model="card", request_id="other"
    )

    assert intake.store([again], at=AT) == [EQUAL]

    assert Order.objects.get().pay_model == "wallet"
    assert Delivery.objects.count() == 1
    assert not ConflictingCallback.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("OpenId", "another"),
        ("ProductId", "another"),
        ("Quantity", 2),
        ("ZoneId", "2"),
        ("OrigPrice", 99),
        ("ActualPrice", 99),
        ("Attach", "a=1&b=2 "),
        ("OrderSource", 2),
    ],
)
def test_store_keeps_a_conflict_and_the_first_order(paying, field, value):
    first, other = purchase_of(paying), purchase_of(paying, **{field: value})
    intake.store([first], at=AT)

    assert intake.store([other], at=AT) == [CONFLICT]

    order = Order.objects.get()
    kept = ConflictingCallback.objects.get()
    assert order.payload == first.payload
    assert (kept.order, kept.game, kept.number, kept.env) == (order, paying, "T1", "0")
    assert (kept.payload, kept.pay_model) == (other.payload, "wallet")
    assert kept.request_id == other.request_id
    assert kept.event == "minigame_game_pay_goods_deliver_notify"
    assert kept.differs.rpartition(".")[2] == field
    assert kept.created_at == AT


def test_store_tells_numbers_apart_by_game_env_and_case(paying):
    other_game = MiniGameFactory()
    told = [
        purchase_of(paying),
        purchase_of(paying, Env="1"),
        purchase_of(other_game),
        purchase_of(paying, OutTradeNo="t1"),
    ]

    assert intake.store(told, at=AT) == [STORED] * 4

    assert Order.objects.count() == Delivery.objects.count() == 4


def test_store_takes_a_list_with_the_same_number_twice(paying):
    intake.store([purchase_of(paying, OutTradeNo="old")], at=AT)
    told = [
        purchase_of(paying, OutTradeNo="b"),
        purchase_of(paying, OutTradeNo="a"),
        purchase_of(paying, OutTradeNo="b"),
        purchase_of(paying, OutTradeNo="b", Quantity=2),
        purchase_of(paying, OutTradeNo="old"),
        purchase_of(paying, OutTradeNo="old", Attach=""),
        purchase_of(paying, OutTradeNo="a"),
    ]

    outcomes = intake.store(told, at=AT)

    assert outcomes == [STORED, STORED, EQUAL, CONFLICT, EQUAL, CONFLICT, EQUAL]
    assert Order.objects.count() == Delivery.objects.count() == 3
    assert ConflictingCallback.objects.count() == 2


def test_store_takes_an_empty_list(db):
    assert intake.store([], at=AT) == []


@pytest.mark.django_db(transaction=True)
def test_store_lets_a_broken_row_fail_alone(paying):
    broken = msgspec.structs.replace(purchase_of(paying, OutTradeNo="bad"), quantity=0)
    told = [purchase_of(paying), broken, purchase_of(paying, OutTradeNo="T2"), purchase_of(paying)]

    outcomes = intake.store(told, at=AT)

    assert outcomes == [STORED, FAILED, STORED, EQUAL]
    assert set(Order.objects.values_list("number", flat=True)) == {"T1", "T2"}
    assert Delivery.objects.count() == 2


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_store_lets_a_nul_fail_alone(paying):
    broken = msgspec.structs.replace(purchase_of(paying, OutTradeNo="bad"), attach="\x00")

    assert intake.store([broken, purchase_of(paying)], at=AT) == [FAILED, STORED]

    assert Order.objects.get().number == "T1"


def test_store_fails_where_the_game_is_gone(paying):
    ghost = msgspec.structs.replace(purchase_of(paying), game_id=0)

    outcomes = intake.store([ghost, purchase_of(paying)], at=AT)

    assert outcomes == [FAILED, STORED]
    assert Order.objects.count() == 1
