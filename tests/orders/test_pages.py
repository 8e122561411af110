"""Order record: what the list finds and refuses, and what an order's page tells."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from orders import envelope, record
from orders.models import (
    ConflictingCallback,
    DeliveryAttempt,
    DeliveryStatus,
    Env,
    Flag,
    Order,
    OrderSource,
    RefundState,
    Verdict,
)
from orders.templatetags.delivery_state import capped
from orders.totals import Totals, totals_of
from tests.factories import (
    AT,
    DELIVERY_SECRET,
    DeliveryConfigFactory,
    DeliveryFactory,
    DeliveryKeyFactory,
    ItemVersionFactory,
    MiniGameFactory,
    OrderFactory,
    copied,
)

pytestmark = pytest.mark.django_db
PAYLOAD = '{"OpenId":"o_player","GoodsInfo":{"Attach":"<b>中文</b>"}}'
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _today():
    with time_machine.travel(AT + timedelta(hours=1), tick=True):
        yield


@pytest.fixture
def client(developer):
    client = Client()
    client.force_login(developer)
    return client


def order(game, number="T1", **facts):
    status = facts.pop("status", DeliveryStatus.DELIVERED)
    work = {name: facts.pop(name) for name in ("attempts", "last_verdict") if name in facts}
    created_at = facts.pop("created_at", AT)
    made = OrderFactory(game=game, number=number, created_at=created_at, **facts)
    delivery = DeliveryFactory(order=made, game=game, env=made.env, status=status, **work)
    made.delivery_status = copied(delivery)
    made.save(update_fields=["delivery_status"])
    return made


def show_list(client, game, **asked):
    return client.get(reverse("orders:order-list", args=[game.app_id]), asked)


def show(client, found):
    return client.get(reverse("orders:order-detail", args=[found.game.app_id, found.pk]))


def numbers(response):
    assert response.status_code == 200
    return [row.number for row in response.context["orders"]]


# --- The list ---------------------------------------------------------------------------------


def test_the_list_shows_the_last_seven_days_the_newest_first(client, game):
    order(game, "first", created_at=AT - DAY * 6)
    order(game, "old", created_at=AT - DAY * 7)
    order(game, "last")
    order(MiniGameFactory(), "foreign")

    response = show_list(client, game)

    assert numbers(response) == ["last", "first"]
    assert "2 orders" in response.content.decode()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"period": "today"}, ["now"]),
        ({"period": "30d"}, ["now", "month"]),
        ({"period": "12m"}, ["now", "month", "year"]),
        ({"period": "custom", "since": "2026-10-31", "until": "2026-11-10"}, ["month"]),
        ({"since": "2026-10-31", "until": "2026-11-10"}, ["month"]),
        ({"period": "custom"}, ["now"]),
    ],
)
def test_a_time_range_selects_whole_days(client, game, asked, expected):
    order(game, "now")
    order(game, "month", created_at=AT - DAY * 20)
    order(game, "year", created_at=AT - DAY * 300)

    assert numbers(show_list(client, game, **asked)) == expected


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"since": "2026-11-10", "until": "2026-11-09"}, "lies before the start"),
        ({"since": "2025-11-19", "until": "2026-11-09"}, "on or after 2025-11-20"),
        ({"since": "2026-11-10", "until": "2026-12-09"}, "2026-11-20 or earlier"),
        ({"since": "2026-11-10"}, "Give both dates"),
        ({"since": "2025-11-19", "until": "2025-11-20"}, "on or after 2025-11-20"),
        ({"since": "0001-01-01", "until": "9999-12-31"}, "on or after 2025-11-20"),
        ({"since": "2026-11-10", "until": "9999-12-31"}, "2026-11-20 or earlier"),
        ({"since": "yesterday", "until": "2026-11-09"}, "Enter a day that exists, as YYYY-MM-DD"),
        ({"since": "2026-02-29", "until": "2026-11-09"}, "Enter a day that exists, as YYYY-MM-DD"),
        ({"period": "century"}, "Choose one of these: Last 7 days, Today,"),
        ({"state": "lost"}, "Waiting, Retrying, Sending, Delivered, Failed."),
        ({"attention": "open unknown_item"}, "Not settled, Any flag, Unknown item,"),
        ({"source": "4"}, "In game, Marketplace, Marketplace test."),
        ({"source": "1 or 1=1"}, "In game, Marketplace, Marketplace test."),
        ({"env": "moon"}, "Live and test, Live, Test."),
        ({"refund": "x" * 10_000}, "Not refunded, Refund in progress,"),
        ({"number": "T" * 10_000}, "at most 64 characters"),
        ({"open_id": "o" * 10_000}, "at most 128 characters"),
        ({"item": "i" * 10_000}, "at most 128 characters"),
        ({"number": "T\0"}, "Null characters"),
        ({"open_id": "\0"}, "Null characters"),
        ({"before": "forged"}, "page link is not valid"),
        ({"after": "9" * 10_000}, "page link is not valid"),
    ],
)
def test_a_wrong_filter_is_refused_in_words_and_shows_nothing(client, game, asked, words):
    order(game, "T_kept_back")

    response = show_list(client, game, **asked)

    assert response.status_code == 422
    assert words in response.content.decode()
    assert "T_kept_back" not in response.content.decode()


@pytest.mark.parametrize("asked", [{"env": "moon"}, {"before": "forged"}])
def test_only_what_is_shown_can_be_exported(client, game, asked):
    export_url = reverse("orders:order-export", args=[game.app_id])
    assert export_url in show_list(client, game).content.decode()

    assert export_url not in show_list(client, game, **asked).content.decode()


def test_an_order_number_is_found_within_twelve_months_whatever_the_default(client, game):
    order(game, "T_old", created_at=AT - DAY * 300)
    order(game, "T_older", created_at=AT - DAY * 370)
    order(game, "T_old2")

    assert numbers(show_list(client, game, number=" T_old ")) == ["T_old"]
    assert numbers(show_list(client, game, number="T_older")) == []
    assert numbers(show_list(client, game, number="T_old", period="today")) == []
    assert numbers(show_list(client, game, number="t_OLD")) == []


@pytest.mark.parametrize("state", ["held", "waiting", "retrying", "sending", "delivered", "failed"])
def test_a_delivery_state_selects_its_orders_only(client, game, state):
    order(game, "held", status=DeliveryStatus.HELD)
    order(game, "waiting", status=DeliveryStatus.WAITING)
    order(game, "retrying", status=DeliveryStatus.WAITING, attempts=2)
    order(game, "sending", status=DeliveryStatus.SENDING, attempts=1)
    order(game, "delivered", attempts=1)
    order(game, "failed", status=DeliveryStatus.FAILED, attempts=16)

    assert numbers(show_list(client, game, state=state)) == [state]


def test_the_environment_tells_sales_from_tests(client, game):
    order(game, "live")
    order(game, "env", env=Env.TEST)
    order(game, "source", order_source=OrderSource.MARKETPLACE_TEST)

    assert numbers(show_list(client, game, env="live")) == ["live"]
    assert sorted(numbers(show_list(client, game, env="test"))) == ["env", "source"]


# One order per line, and what finds it.
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "player": {"open_id": "o_%"},
    "item": {"product_id": "gem_1"},
    "market": {"order_source": OrderSource.MARKETPLACE},
    "unknown": {"flags": "unknown_item paid_nothing"},
    "settled": {"flags": "price_differs", "settled_at": AT},
    "processing": {"refund_state": RefundState.PROCESSING},
    "fully": {"refund_state": RefundState.FULLY, "refunded_cents": 100},
}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"open_id": "o_%"}, {"player"}),
        ({"open_id": " o_% "}, {"player"}),
        ({"open_id": "o_"}, set()),
        ({"item": "gem_1"}, {"item"}),
        ({"item": "gem%"}, set()),
        ({"item": "gem_"}, set()),
        ({"number": "p%"}, set()),
        ({"source": "1"}, KINDS.keys() - {"market"}),
        ({"source": "2"}, {"market"}),
        ({"source": "3"}, set()),
        ({"attention": "any"}, {"unknown", "settled"}),
        ({"attention": "open"}, {"unknown"}),
        ({"attention": "price_differs"}, {"settled"}),
        ({"attention": "paid_nothing"}, {"unknown"}),
        ({"attention": "not_on_sale"}, set()),
        ({"refund": "none"}, KINDS.keys() - {"processing", "fully"}),
        ({"refund": "processing"}, {"processing"}),
        ({"refund": "fully"}, {"fully"}),
        ({"refund": "left"}, KINDS.keys() - {"fully"}),
        ({"refund": "fully", "attention": "any"}, set()),
        ({"item": "gem_1", "source": "1", "refund": "none", "env": "live"}, {"item"}),
        ({"colour": "red", "_connector": "OR", "game__id": "1"}, set(KINDS)),
    ],
)
def test_each_filter_selects_exactly_its_orders(client, game, asked, expected):
    for number, facts in KINDS.items():
        order(game, number, **facts)

    response = show_list(client, game, **asked)

    assert set(numbers(response)) == expected
    rare = {"open_id", "item", "source", "env", "refund"} & asked.keys()
    assert response.context["form"].rare_count == len(rare)


def test_no_flag_is_found_by_the_word_of_another():
    assert [(a, b) for a in Flag.values for b in Flag.values if a != b and a in b] == []


def test_the_selection_is_added_up_without_its_tests(client, game):
    order(game, "a", actual_price_cents=1250, refunded_cents=250)
    order(game, "b", actual_price_cents=1000, created_at=AT - DAY * 6)
    order(game, "test", actual_price_cents=70_000, env=Env.TEST)
    order(game, "old", actual_price_cents=90_000, created_at=AT - DAY * 9)

    response = show_list(client, game)

    assert response.context["totals"] == Totals(3, 1, 2250, 250)
    for words in ("$22.50", "$2.50", "Test orders, in no sum"):
        assert words in response.content.decode()


def test_many_orders_are_counted_and_not_added_up(game):
    for number in ("a", "b", "c"):
        order(game, number)
    rows = Order.objects.all()

    assert totals_of(rows, most=3) == Totals(3, 0, 300, 0)
    assert totals_of(rows, most=2) == Totals(3)


def test_a_page_link_keeps_its_filters_and_holds_for_no_other(client, game):
    for index in range(21):
        order(game, f"T{index:02}", open_id="o 1&2")
    url = reverse("orders:order-list", args=[game.app_id])
    older = show_list(client, game, open_id="o 1&2", period="12m").context["pager"]["older_url"]
    token = older.rpartition("before=")[2]

    assert numbers(client.get(older)) == ["T00"]
    for other in ("", "open_id=o+1%262&", "open_id=o&period=12m&", "state=failed&period=12m&"):
        assert client.get(f"{url}?{other}before={token}").status_code == 422
    assert client.get(older.replace(game.app_id, MiniGameFactory().app_id)).status_code == 404


def test_a_row_says_how_the_delivery_stands_and_what_to_look_at(client, game):
    version = ItemVersionFactory(item__game=game, name="Starlight <Sword>")
    order(
        game,
        status=DeliveryStatus.WAITING,
        attempts=3,
        last_verdict=Verdict.TIMEOUT,
        item_version=version,
        actual_price_cents=123456,
        flags=f"{Flag.PRICE_DIFFERS} {Flag.PAID_NOTHING}",
    )

    page = show_list(client, game).content.decode()

    for words in (
        "Retrying", "3 attempts", "No answer in time", "Starlight &lt;Sword&gt;", "1,234.56",
        "Price differs", "Paid nothing",
    ):  # fmt: skip
        assert words in page


def test_pages_follow_one_another_without_gap_or_repetition(client, game):
    for index in range(45):
        order(game, f"T{index:02}", created_at=AT + timedelta(seconds=index // 2))
    url, seen = reverse("orders:order-list", args=[game.app_id]) + "?period=12m", []

    while url:
        response = client.get(url)
        seen += numbers(response)
        url = response.context["pager"]["older_url"]

    assert seen == [f"T{index:02}" for index in reversed(range(45))]
    assert "45 orders" in response.content.decode()
    newer = client.get(response.context["pager"]["newer_url"])
    assert numbers(newer) == seen[20:40]


@pytest.mark.parametrize(
    ("asked", "words"),
    [({}, "No orders in the last 7 days"), ({"state": "failed"}, "No orders match")],
)
def test_an_empty_list_says_what_to_do(client, game, asked, words):
    page = show_list(client, game, **asked).content.decode()

    assert words in page
    assert ("period=12m" in page) == (not asked)


def test_the_list_costs_the_same_for_one_row_and_for_many(client, game):
    # The first page also notes in the session which mini game was looked at.
    show_list(client, game)
    order(game, "a", item_version=ItemVersionFactory(item__game=game))
    with CaptureQueriesContext(connection) as one:
        show_list(client, game)
    # All that a line may tell: what is not read with the list would be asked for line by line.
    told: list[dict[str, Any]] = [
        {"item_version": ItemVersionFactory(item__game=game)},
        {"status": DeliveryStatus.WAITING, "attempts": 2, "last_verdict": Verdict.TIMEOUT},
        {"flags": Flag.PAID_NOTHING.value},
        {"flags": Flag.PAID_NOTHING.value, "settled_at": AT},
        {"refund_state": RefundState.PARTLY},
        {"env": Env.TEST},
        {"order_source": OrderSource.MARKETPLACE_TEST},
    ]
    for index, facts in enumerate(told):
        order(game, f"b{index}", **facts)

    with CaptureQueriesContext(connection) as many:
        response = show_list(client, game)

    assert len(numbers(response)) == 1 + len(told)
    assert len(many) == len(one)


# --- One order --------------------------------------------------------------------------------


def attempt(found, number, verdict=Verdict.TIMEOUT, **facts):
    return DeliveryAttempt.objects.create(
        delivery=found.delivery,
        number=number,
        started_at=AT + timedelta(seconds=number),
        url="https://pay.example.com/deliver",
        signature=f"{number:064x}",
        took_ms=facts.pop("took_ms", 42),
        verdict=verdict,
        **facts,
    )


def test_the_details_tell_what_came_and_what_it_was_worth(client, game):
    version = ItemVersionFactory(item__game=game, name="Starlight Sword", price_cents=499, number=7)
    found = order(
        game, payload=PAYLOAD, attach="<b>中文</b>", item_version=version, pay_model="wallet"
    )

    page = show(client, found).content.decode()

    for words in (
        found.number, found.open_id, found.request_id, "wallet", "Starlight Sword", "$4.99",
        "&lt;b&gt;中文&lt;/b&gt;", "In game", "Live", record.delivery_id_of(found),
    ):  # fmt: skip
        assert words in page
    assert "<b>中文</b>" not in page


def test_each_id_of_an_order_is_copied_with_one_click(client, game):
    found = order(game)

    page = show(client, found).content.decode()

    ids = (found.number, found.open_id, found.request_id, record.delivery_id_of(found))
    assert [text for text in ids if f'data-copy="{text}"' not in page] == []


def test_the_details_show_each_attempt_and_a_timeline(client, game):
    key = DeliveryKeyFactory(game=game)
    found = order(game, attempts=2)
    attempt(found, 1, Verdict.HTTP_STATUS, status_code=502, answer="<html>bad", detail="HTTP 502")
    attempt(found, 2, Verdict.DELIVERED, status_code=200, answer="{}", key=key, took_ms=1500)

    response = show(client, found)

    page = response.content.decode()
    for words in (
        "The HTTP status must be 200", "HTTP 502", "&lt;html&gt;bad", "1.5 s", key.serial,
        f"{1:064x}", "The developer&#x27;s server confirmed the order.", "Order received",
    ):  # fmt: skip
        assert words in page
    titles = [moment.title for moment in response.context["timeline"]]
    assert titles == [
        "Attempt 2: Delivered", "Attempt 1: HTTP status is not 200", "Order received",
    ]  # fmt: skip


def test_the_body_that_was_sent_is_told_byte_for_byte(game):
    found = order(game, payload=PAYLOAD, pay_model="wallet")
    sent = envelope.build(
        event=envelope.PURCHASE_EVENT, pay_model="wallet", payload=PAYLOAD, secret=DELIVERY_SECRET
    )
    signature = envelope.sign(DELIVERY_SECRET, envelope.PURCHASE_EVENT, PAYLOAD)

    assert record.sent_body(found, signature) == sent.decode()


def test_flags_are_explained_with_what_to_do(client, game):
    page = show(client, order(game, flags=" ".join(Flag.values))).content.decode()

    for label in ("Unknown item", "Not on sale", "Payment not enabled", "Paid above the price"):
        assert label in page
    assert "Release the item, or stop offering it" in page


def test_conflicts_are_shown_with_what_differs(client, game):
    found = order(game)
    ConflictingCallback.objects.create(
        game=game,
        order=found,
        event=envelope.PURCHASE_EVENT,
        env=found.env,
        number=found.number,
        pay_model="wallet",
        payload='{"OpenId":"somebody else"}',
        differs="open_id quantity",
        request_id="00000000-0000-4000-8000-000000000001",
        created_at=AT,
    )

    page = show(client, found).content.decode()

    assert "open_id quantity" in page
    assert "somebody else" in page


@pytest.mark.parametrize(
    ("config", "env", "words"),
    [
        (None, Env.LIVE, "No URL is configured yet"),
        ({"is_enabled": False}, Env.LIVE, "is switched off"),
        ({"is_enabled": True}, Env.TEST, "There is no Test URL"),
        ({"is_enabled": True}, Env.LIVE, "Push it from Basic configuration"),
    ],
)
def test_a_held_order_says_why(client, game, config, env, words):
    if config:
        DeliveryConfigFactory(game=game, **config)

    page = show(client, order(game, env=env, status=DeliveryStatus.HELD)).content.decode()

    assert words in page


def test_a_waiting_order_says_when_it_is_tried_next(client, game):
    page = show(client, order(game, status=DeliveryStatus.WAITING, attempts=1)).content.decode()

    assert "Next attempt" in page


def test_a_pretty_payload_is_only_indented():
    told = '{"a":1.50e2,"b":12345678901234567890.10,"a":"\\u4f60\\/中"}'

    pretty = record.pretty(told)

    assert pretty.splitlines()[1:3] == ['  "a": 1.50e2,', '  "b": 12345678901234567890.10,']
    assert pretty.replace("\n", "").replace(" ", "") == told


def test_a_payload_that_is_no_json_is_shown_as_it_is():
    assert record.pretty('{"a":1}') == '{\n  "a": 1\n}'
    assert record.pretty("not json") == "not json"


def test_an_order_of_another_game_does_not_exist(client, game):
    other = order(MiniGameFactory())

    here = client.get(reverse("orders:order-detail", args=[game.app_id, other.pk]))
    there = show(client, other)

    assert here.status_code == there.status_code == 404


def test_the_details_cost_the_same_for_one_attempt_and_for_many(client, game):
    found = order(game)
    show(client, found)
    attempt(found, 1, key=DeliveryKeyFactory(game=game))
    with CaptureQueriesContext(connection) as one:
        show(client, found)
    for number in range(2, 6):
        attempt(found, number, key=DeliveryKeyFactory(game=game))

    with CaptureQueriesContext(connection) as many:
        show(client, found)

    assert len(many) == len(one)


@pytest.mark.parametrize(("count", "words"), [(0, "0"), (10_000, "10,000"), (10_001, "10,000+")])
def test_counting_ends_at_ten_thousand(count, words):
    assert capped(count) == words
