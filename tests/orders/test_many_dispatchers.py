"""Several dispatchers at once, on the database that has row locks."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

from orders import delivery
from orders.models import Delivery
from tests.orders.dispatching import configured, dispatching, owed, receiving, statuses, wait_until

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


def test_connections_that_are_cut_are_replaced():
    with receiving() as server:
        game = configured(server.url)
        with dispatching():
            owed(game, 5)
            wait_until(lambda: statuses(game) == {"delivered": 5})
            with connection.cursor() as cursor:
                cursor.execute(
                    "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )
            owed(game, 5)
            wait_until(lambda: statuses(game) == {"delivered": 10})


def test_twenty_claimers_never_take_the_same_order():
    games = [configured("http://127.0.0.1:9/") for _each in range(10)]
    for game in games:
        owed(game, 40)
    barrier = threading.Barrier(20)

    def claim_until_empty():
        try:
            barrier.wait()
            taken = []
            while works := delivery.claim(slots={}, limit=7):
                taken += [work.order_id for work in works]
            return taken
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as pool:
        futures = [pool.submit(claim_until_empty) for _each in range(20)]
        taken = [pk for future in futures for pk in future.result()]

    # A claimer may find nothing while others hold the rest; the next look finds it.
    while works := delivery.claim(slots={}, limit=256):
        taken += [work.order_id for work in works]
    assert Counter(taken) == Counter(Delivery.objects.values_list("pk", flat=True))
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}


def test_several_dispatchers_deliver_each_order_once():
    with receiving() as server:
        game = configured(server.url)
        owed(game, 300)
        with dispatching(), dispatching(), dispatching():
            wait_until(lambda: statuses(game) == {"delivered": 300}, seconds=30)

    numbers = Counter(headers["X-Delivery-Id"] for _at, headers, _body in server.came)
    assert len(numbers) == 300
    assert set(numbers.values()) == {1}
