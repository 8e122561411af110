"""Intake at once from many threads, and what it costs in statements."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders import intake
from orders.intake import Outcome
from orders.models import ConflictingCallback, Delivery, Order
from tests.factories import AT
from tests.orders.callbacks import purchase_of

STORED, EQUAL, CONFLICT = Outcome.STORED, Outcome.EQUAL, Outcome.CONFLICT


@pytest.fixture
def many_threads():
    """Run a call for each argument at the same instant, each on its own connection."""

    def run(call, arguments):
        barrier = Barrier(len(arguments))

        def one(argument):
            barrier.wait()
            try:
                return call(argument)
            finally:
                connection.close()

        with ThreadPoolExecutor(len(arguments)) as pool:
            return list(pool.map(one, arguments))

    return run


def _own(queries):
    """Leave out what begins and ends a transaction."""
    ends = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE SAVEPOINT")
    return [query["sql"] for query in queries if not query["sql"].startswith(ends)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rows", [1, 50])
def test_store_costs_few_statements(paying, rows):
    told = [purchase_of(paying, OutTradeNo=f"T{n}") for n in range(rows)]
    others = [purchase_of(paying, OutTradeNo=f"T{n}", Quantity=2) for n in range(rows)]
    on_postgresql = connection.vendor == "postgresql"

    with CaptureQueriesContext(connection) as new:
        intake.store(told, at=AT)
    with CaptureQueriesContext(connection) as repeated:
        intake.store(told, at=AT)
    with CaptureQueriesContext(connection) as conflicts:
        intake.store(others, at=AT)

    counts = [len(_own(queries)) for queries in (new, repeated, conflicts)]
    assert counts == ([1, 2, 3] if on_postgresql else [2, 2, 3])
    begun = sum(query["sql"].startswith("BEGIN") for query in new)
    assert begun == (0 if on_postgresql else 1)
    assert Order.objects.count() == Delivery.objects.count() == rows
    assert ConflictingCallback.objects.count() == rows


@pytest.mark.django_db(transaction=True)
def test_store_makes_one_order_of_twenty_at_once(paying, many_threads):
    told = [purchase_of(paying)] * 20

    outcomes = many_threads(lambda one: intake.store([one], at=AT), told)

    assert sorted(outcome.value for (outcome,) in outcomes) == ["equal"] * 19 + ["stored"]
    assert Order.objects.count() == Delivery.objects.count() == 1
    assert not ConflictingCallback.objects.exists()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_store_lets_one_of_two_contents_win_all(paying, many_threads):
    told = [purchase_of(paying, Quantity=1 + n % 2) for n in range(20)]

    outcomes = many_threads(lambda one: intake.store([one], at=AT)[0], told)

    won = Order.objects.get().quantity
    for one, outcome in zip(told, outcomes, strict=True):
        assert (outcome is CONFLICT) == (one.quantity != won)
    assert outcomes.count(STORED) == 1
    assert ConflictingCallback.objects.count() == 10


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("part", range(5))
def test_store_never_deadlocks_two_writers_of_the_same_orders(paying, many_threads, part):
    told = [purchase_of(paying, OutTradeNo=f"T{n}") for n in range(500)]

    outcomes = many_threads(lambda some: intake.store(some, at=AT), [told, told[::-1]])

    together = outcomes[0] + outcomes[1]
    assert (together.count(STORED), together.count(EQUAL)) == (500, 500)
    assert Order.objects.count() == Delivery.objects.count() == 500
