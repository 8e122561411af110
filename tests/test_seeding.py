"""Invented orders for benchmarks: consistent ones, and never where they could be taken for sales."""

import re

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F

from orders.filters import OrderSearch
from orders.models import Delivery, Order, Settlement
from permissions.models import MiniGame
from sasvpay import seeding
from sasvpay.kit import listing
from tests.factories import AT, copied


@pytest.mark.django_db
def test_production_is_refused(settings):
    settings.PRODUCTION = True

    with pytest.raises(CommandError, match="PRODUCTION=1"):
        call_command("bench_seed", orders=1)

    assert not Order.objects.exists()


@pytest.mark.django_db
@pytest.mark.sqlite
def test_a_database_without_copy_is_refused():
    with pytest.raises(CommandError, match="DATABASE_URL"):
        call_command("bench_seed", orders=1)


# What is made again from its own words has them in other places, and means the same.
CASTS = re.compile(r"::(character varying|text)(\[\])?|[()]")


def _catalogue():
    with connection.cursor() as cursor:
        cursor.execute("select indexdef from pg_indexes where tablename like 'orders_%' order by 1")
        indexes = [CASTS.sub("", definition) for [definition] in cursor.fetchall()]
        cursor.execute(
            "select conname, pg_get_constraintdef(oid) from pg_constraint"
            " where conrelid::regclass::text like 'orders_%' order by 1"
        )
        return indexes, cursor.fetchall()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_orders_deliveries_and_settlements_fit_one_another_and_no_index_is_lost():
    before = _catalogue()

    for _ in range(2):
        seeding.seed(orders=3_000, games=3, at=AT)

    assert _catalogue() == before
    assert Order.objects.count() == Delivery.objects.count() == 6_000
    for delivery in Delivery.objects.select_related("order"):
        assert delivery.order.delivery_status == copied(delivery)
    assert not Order.objects.exclude(game=F("item_version__item__game")).exists()
    settled = Order.objects.exclude(settled_at=None)
    assert settled.count() == Settlement.objects.count() > 0
    year = OrderSearch(span=listing.last_year(at=AT))
    assert sum(year.rows(game).count() for game in MiniGame.objects.all()) == 6_000
