"""No search reads all orders: each filter, and each two together, are answered by an index."""

import itertools
import re
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import RequestFactory

from orders import search
from orders.filters import Attention, Environment, Refunding
from orders.forms import OrderSearchForm
from orders.models import DeliveryState, Order, OrderSource, RefundState
from orders.totals import totals_of
from sasvpay import attention
from sasvpay.kit import listing
from tests.factories import AT, DeliveryFactory

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

OFFERED = {
    "number": ["T1"],
    "open_id": ["o_1"],
    "item": ["gold_100"],
    "state": DeliveryState.values,
    "attention": Attention.values,
    "source": [str(source) for source in OrderSource.values],
    "env": Environment.values,
    "refund": Refunding.values,
}
EXACT = {"number", "open_id", "item"}
ALONE = [(name, value) for name, values in OFFERED.items() for value in values]
# What is rare is not looked for among all that was sold.
SERVED_BY = {
    **{("state", state): "orders_undelivered" for state in DeliveryState.values},
    **{("attention", flag): "orders_flagged" for flag in Attention.values},
    **{("refund", state): "orders_refunded" for state in RefundState.values},
    ("number", "T1"): "orders_number_once",
    ("open_id", "o_1"): "orders_by_player",
    ("item", "gold_100"): "orders_by_item",
    ("attention", "open"): "orders_unsettled",
    ("env", "test"): "orders_tests",
    ("source", "2"): "orders_by_source",
    ("source", "3"): "orders_by_source",
    # These are nearly all there are: the newest of them are among the newest of all.
    ("state", "delivered"): "orders_newest",
    ("env", "live"): "orders_newest",
    ("source", "1"): "orders_newest",
    ("refund", "none"): "orders_newest",
    ("refund", "left"): "orders_newest",
}


@pytest.fixture
def sold(game):
    """Enough orders of all kinds for the database to know what is rare."""
    with connection.cursor() as cursor:
        DeliveryFactory(order__game=game)
        cursor.execute(
            """
            insert into orders_order (game_id, env, number, open_id, product_id, quantity, zone_id,
                orig_price_cents, actual_price_cents, attach, order_source, pay_model, payload,
                request_id, created_at, flags, delivery_status, refunded_cents, refund_state)
            select %s, case when n %% 200 = 7 then '1' else '0' end, 'N' || n, 'o_' || n %% 500,
                'gold_' || n %% 200, 1, '1', 100, 100, '',
                case n %% 100 when 3 then 2 when 4 then 3 else 1 end, 'wallet', '{}', '',
                %s - n * interval '1 minute',
                case n %% 150 when 9 then 'unknown_item paid_nothing' else '' end,
                case n %% 100 when 1 then 'failed' when 2 then 'waiting' else 'delivered' end, 0,
                case n %% 90 when 5 then 'fully' else 'none' end
            from generate_series(1, 8000) n
            """,
            [game.pk, AT],
        )
        cursor.execute("insert into orders_delivery (order_id, game_id, env, status, due_at,"
            " attempts, last_verdict) select id, game_id, env, delivery_status, created_at, id % 2,"
            " '' from orders_order o on conflict do nothing")  # fmt: skip
        cursor.execute("analyze orders_order, orders_delivery")
        # A small table is read faster as a whole; a large one is not.
        cursor.execute("set local enable_seqscan = off")
    return game


@contextmanager
def plans():
    """Collect the plan of each query that is made."""
    made = []

    def explained(execute, sql, params, many, context):
        execute(f"explain (costs off) {sql}", params, many, context)
        made.append("\n".join(line for [line] in context["cursor"].fetchall()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explained):
        yield made


def rows_of(game, asked):
    query = QueryDict(mutable=True)
    query.update({"period": "12m", **asked})
    form = OrderSearchForm(query, at=AT)
    assert form.is_valid(), form.errors
    return form.search().rows(game)


def pages_of(rows):
    """Return the plans of a first, an older and a newer page."""
    url = "/orders"
    tokens = listing._Tokens.of(RequestFactory().get(url), "created_at")
    place = tokens.to(Order(created_at=AT - timedelta(days=2), pk=5))
    with plans() as made:
        for asked in ({}, {"before": place}, {"after": place}):
            listing.keyset_page(
                rows.select_related("delivery", "item_version"), RequestFactory().get(url, asked)
            )
    return made


def assert_by_index(plan, what):
    assert "Seq Scan on orders_" not in plan, f"{what}\n{plan}"


def test_each_filter_has_its_index(sold):
    for asked in ALONE:
        for plan in pages_of(rows_of(sold, dict([asked]))):
            index = SERVED_BY[asked]
            assert re.search(rf"(using|Bitmap Index Scan on) {index}\b", plan), f"{asked}\n{plan}"
            assert_by_index(plan, asked)
            # Few orders have one number, player or item; the rest comes in the order of the list.
            assert "Sort" not in plan or asked[0] in EXACT, f"{asked}\n{plan}"


def test_any_two_filters_together_are_answered_by_an_index(sold):
    for one, other in itertools.combinations(ALONE, 2):
        if one[0] == other[0]:
            continue
        rows = rows_of(sold, dict([one, other]))
        with plans() as made:
            listing.keyset_page(rows, RequestFactory().get("/"))
            totals_of(rows)
        for plan in made:
            assert_by_index(plan, (one, other))


def test_a_number_or_player_is_found_in_all_games_by_an_index(sold, operator, platform_admin):
    for by in (operator, platform_admin):
        with plans() as made:
            search.find("o_7", by=by, at=AT)

        orders, games = [plan for plan in made if "orders_order" in plan]
        assert "orders_number_once" in orders
        assert "orders_by_player" in games
        assert_by_index(orders + games, by)


def test_what_waits_in_a_game_is_counted_by_an_index_alone(sold):
    with plans() as made:
        attention.of_game(sold, at=AT)

    assert len(made) == len(attention.KINDS)
    for plan, index in zip(
        made, ["orders_undelivered", "orders_unsettled", "orders_undelivered"], strict=True
    ):
        assert f"Index Only Scan using {index} " in plan, plan
