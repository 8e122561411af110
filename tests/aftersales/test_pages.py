"""After-sales record: what the list finds and refuses, and what a refund's page tells."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from aftersales.refunds import Refunds
from tests.aftersales.reports import INITIATED, report_of
from tests.factories import AT, MiniGameFactory, OrderFactory

pytestmark = pytest.mark.django_db
DAY = 24 * 3600


@pytest.fixture(autouse=True)
def _today():
    with time_machine.travel(AT + timedelta(hours=1), tick=True):
        yield


@pytest.fixture
def client(developer):
    client = Client()
    client.force_login(developer)
    return client


def refund(game, number="R1", status="succeeded", *, age=0, order=None, **told):
    """Tell of a refund, of a new order unless it has one, that began some days ago."""
    order = order or OrderFactory(game=game, env=told.get("Env", "0")).number
    began = INITIATED - age * DAY
    if status != "processing":
        told.setdefault("FinishedAt", began + 60)
    told |= {"RefundNo": number, "OutTradeNo": order, "InitiatedAt": began}
    Refunds().store([report_of(game, status, **told)], at=AT)
    return game.refunds.get(number=number)


def show_list(client, game, **asked):
    return client.get(reverse("aftersales:refund-list", args=[game.app_id]), asked)


def show(client, found):
    return client.get(reverse("aftersales:refund-detail", args=[found.game.app_id, found.pk]))


def show_order(client, order):
    return client.get(reverse("orders:order-detail", args=[order.game.app_id, order.pk]))


def numbers(response):
    assert response.status_code == 200
    return [row.number for row in response.context["refunds"]]


# --- The list ---------------------------------------------------------------------------------


def test_the_list_shows_seven_days_of_initiation_the_newest_first(client, game):
    refund(game, "first", age=6)
    refund(game, "old", age=7)
    refund(game, "last")
    refund(MiniGameFactory(), "foreign")

    response = show_list(client, game)

    assert numbers(response) == ["last", "first"]
    assert "2 refunds" in response.content.decode()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"period": "today"}, ["now"]),
        ({"period": "30d"}, ["now", "month"]),
        ({"period": "12m"}, ["now", "month", "year"]),
        ({"since": "2026-10-31", "until": "2026-11-10"}, ["month"]),
        ({"period": "custom"}, ["now"]),
    ],
)
def test_a_time_range_selects_whole_days(client, game, asked, expected):
    refund(game, "now")
    refund(game, "month", age=20)
    refund(game, "year", age=300)

    assert numbers(show_list(client, game, **asked)) == expected


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"since": "2026-11-10", "until": "2026-11-09"}, "lies before the start"),
        ({"since": "2025-11-19", "until": "2026-11-09"}, "on or after 2025-11-20"),
        ({"since": "2026-11-10", "until": "2026-12-09"}, "2026-11-20 or earlier"),
        ({"since": "2026-11-10"}, "Give both dates"),
        ({"since": "2026-02-30", "until": "2026-11-09"}, "Enter a day that exists"),
        ({"period": "century"}, "Choose one of these"),
        ({"status": "lost"}, "Choose one of these"),
        ({"attention": "lost"}, "Choose one of these"),
        ({"env": "moon"}, "Choose one of these"),
        ({"number": "R" * 10_000}, "at most 64 characters"),
        ({"number": "R\0"}, "Null characters"),
        ({"before": "forged"}, "page link is not valid"),
    ],
)
def test_a_wrong_filter_is_refused_in_words_and_shows_nothing(client, game, asked, words):
    refund(game, "R_kept_back")

    response = show_list(client, game, **asked)

    assert response.status_code == 422
    assert words in response.content.decode()
    assert "R_kept_back" not in response.content.decode()


@pytest.mark.parametrize("asked", [{"env": "moon"}, {"before": "forged"}])
def test_only_what_is_shown_can_be_exported(client, game, asked):
    export_url = reverse("aftersales:refund-export", args=[game.app_id])
    assert export_url in show_list(client, game).content.decode()

    assert export_url not in show_list(client, game, **asked).content.decode()


def test_numbers_of_orders_and_refunds_are_found_within_twelve_months(client, game):
    refund(game, "R_old", age=300, order="T_old")
    refund(game, "R_older", age=370)
    refund(game, "R_new", order="T_new")
    refund(game, "T_new", order="T_other", Env="1")

    assert numbers(show_list(client, game, number=" R_old ")) == ["R_old"]
    assert numbers(show_list(client, game, number="T_old")) == ["R_old"]
    assert numbers(show_list(client, game, number="R_older")) == []
    assert numbers(show_list(client, game, number="r_new")) == []
    assert sorted(numbers(show_list(client, game, number="T_new"))) == ["R_new", "T_new"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"status": "processing"}, ["begun"]),
        ({"status": "failed"}, ["failed"]),
        ({"attention": "flagged"}, ["much"]),
        ({"attention": "early"}, ["early"]),
        ({"env": "test"}, ["source", "test"]),
        ({"env": "live", "status": "succeeded"}, ["early", "much"]),
    ],
)
def test_a_filter_selects_its_refunds_only(client, game, asked, expected):
    refund(game, "begun", "processing")
    refund(game, "failed", "failed")
    refund(game, "much", RefundAmount=101)
    refund(game, "early", order="T_never")
    refund(game, "test", Env="1")
    refund(game, "source", order=OrderFactory(game=game, order_source=3).number)

    assert sorted(numbers(show_list(client, game, **asked))) == expected


def test_pages_follow_one_another_without_gap_or_repetition(client, game):
    for index in range(45):
        refund(game, f"R{index:02}", age=(44 - index) // 2, order=f"T{index}")
    url, seen = reverse("aftersales:refund-list", args=[game.app_id]) + "?period=12m", []

    while url:
        response = client.get(url)
        seen += numbers(response)
        url = response.context["pager"]["older_url"]

    assert seen == [f"R{index:02}" for index in reversed(range(45))]
    assert "45 refunds" in response.content.decode()
    assert numbers(client.get(response.context["pager"]["newer_url"])) == seen[20:40]


@pytest.mark.parametrize(
    ("asked", "words"),
    [({}, "No refunds in the last 7 days"), ({"status": "failed"}, "No refunds match")],
)
def test_an_empty_list_says_what_to_do(client, game, asked, words):
    page = show_list(client, game, **asked).content.decode()

    assert words in page
    assert ("period=12m" in page) == (not asked)


def test_whatever_a_row_cuts_can_be_copied_whole(client, game):
    long = {kind: kind * 60 for kind in "RTUo"}
    refund(game, long["R"], order=long["T"], OpenId=long["o"])
    refund(game, "early", order=long["U"])

    page = show_list(client, game).content.decode()

    assert [text for text in long.values() if f'data-copy="{text}"' not in page] == []


def test_the_list_costs_the_same_for_one_row_and_for_many(client, game):
    show_list(client, game)
    refund(game, "a")
    with CaptureQueriesContext(connection) as one:
        show_list(client, game)
    for index in range(4):
        refund(game, f"b{index}", RefundAmount=101)

    with CaptureQueriesContext(connection) as many:
        response = show_list(client, game)

    assert len(numbers(response)) == 5
    assert len(many) == len(one)


# --- One refund -------------------------------------------------------------------------------


def test_the_details_tell_what_came_and_of_which_order(client, game):
    order = OrderFactory(game=game, actual_price_cents=499)
    refund(game, "R1", "processing", order=order.number, RefundAmount=123)
    found = refund(game, "R1", order=order.number, RefundAmount=123, Reason="<b>中文</b>")

    response = show(client, found)

    page = response.content.decode()
    for words in (
        "R1", order.number, found.open_id, "wallet", "$1.23", "$4.99", "$3.76", "Partly refunded",
        "&lt;b&gt;中文&lt;/b&gt;", reverse("orders:order-detail", args=[game.app_id, order.pk]),
    ):  # fmt: skip
        assert words in page
    assert "<b>中文</b>" not in page
    assert [each.event.status for each in response.context["events"]] == ["processing", "succeeded"]
    assert len(response.context["timeline"]) == 4


def test_flags_are_explained_with_what_to_do(client, game):
    page = show(client, refund(game, RefundAmount=101, OpenId="another")).content.decode()

    for words in ("Exceeds what was paid", "is not counted as refunded", "Another player",
                  "before you take back any item"):  # fmt: skip
        assert words in page


def test_a_refund_without_its_order_says_so(client, game):
    page = show(client, refund(game, order="T_never")).content.decode()

    assert "Its order was not received yet" in page
    assert "Open the order" not in page


def test_conflicts_are_shown_with_what_differs(client, game):
    found = refund(game, order="T1")
    refund(game, order="T1", RefundAmount=7)

    page = show(client, found).content.decode()

    assert "RefundAmount" in page
    assert "&quot;RefundAmount&quot;: 7" in page
    assert show(client, refund(game, "R2", order="T1")).context["conflicts"] == []


def test_a_refund_of_another_game_does_not_exist(client, game):
    other = refund(MiniGameFactory())

    here = client.get(reverse("aftersales:refund-detail", args=[game.app_id, other.pk]))

    assert here.status_code == show(client, other).status_code == 404


# --- On the order's page ----------------------------------------------------------------------


def test_an_order_shows_its_refunds_and_what_is_left(client, game):
    order = OrderFactory(game=game, actual_price_cents=500)
    first = refund(game, "R1", order=order.number, RefundAmount=100)
    refund(game, "R2", order=order.number, RefundAmount=450, FinishedAt=INITIATED + 61)

    page = show_order(client, order).content.decode()

    for words in (
        "Partly refunded", "$1.00", "$4.00", "R2", "Exceeds what was paid", 'data-copy="R2"',
    ):  # fmt: skip
        assert words in page
    assert reverse("aftersales:refund-detail", args=[game.app_id, first.pk]) in page


def test_an_orders_timeline_tells_of_its_refunds_too(client, game):
    order = OrderFactory(game=game, created_at=AT - timedelta(days=1))
    refund(game, "R1", order=order.number, RefundAmount=40)
    refund(game, "R2", "processing", order=order.number, RefundAmount=60)

    page = " ".join(show_order(client, order).content.decode().split())

    told = [page.index(words) for words in (
        "Refund: Succeeded", "$0.40 · R1", "Refund: Processing", "$0.60 · R2", "Order received",
    )]  # fmt: skip
    assert told == sorted(told)


@pytest.mark.parametrize("status", ["succeeded", "processing"])
def test_in_an_orders_timeline_a_flagged_refund_warns_and_says_why(client, game, status):
    order = OrderFactory(game=game)
    refund(game, "fine", order=order.number, RefundAmount=40)
    refund(game, "odd", status, order=order.number, RefundAmount=101, OpenId="another")

    page = show_order(client, order).content.decode()

    timeline = re.findall(r'<li class="(\w+)">(.*?)</li>', page, re.DOTALL)
    [fine] = [(tone, text) for tone, text in timeline if "· fine" in text]
    [odd] = [(tone, text) for tone, text in timeline if "· odd" in text]
    assert (fine[0], odd[0]) == ("success", "warning")
    for flag in game.refunds.get(number="odd").flag_labels:
        assert flag in odd[1]
    assert "Another player" in odd[1]
    assert "Another player" not in fine[1]


def test_an_order_costs_the_same_with_one_refund_and_with_many(client, game):
    order = OrderFactory(game=game)
    show_order(client, order)
    refund(game, "R0", order=order.number, RefundAmount=10)
    with CaptureQueriesContext(connection) as one:
        show_order(client, order)
    for index in range(1, 5):
        refund(game, f"R{index}", order=order.number, RefundAmount=10)

    with CaptureQueriesContext(connection) as many:
        show_order(client, order)

    assert len(many) == len(one)
