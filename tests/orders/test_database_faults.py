"""A database that is full, locked or has no connection left: 503, never "0", and good again by itself."""

import time
from contextlib import closing, contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection, connections

from orders.models import Delivery, Order
from tests.orders.callbacks import assert_answer, post, purchase, signed

pytestmark = pytest.mark.django_db(transaction=True)
ON_POSTGRESQL = connection.vendor == "postgresql"


def run(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


def assert_refused(client, paying):
    assert_answer(post(client, paying, signed()), 503, "50301")
    assert not Order.objects.exists()
    assert not Delivery.objects.exists()


def assert_good_again(client, paying):
    assert_answer(post(client, paying, signed()), 200, "0")
    assert Order.objects.count() == Delivery.objects.count() == 1


SAYS = {
    "disk full": "53100",
    "out of memory": "53200",
    "deadlock": "40P01",
    "serialization failure": "40001",
    "lock not available": "55P03",
    "statement timeout": "57014",
    "shutting down": "57P01",
    "read only after a failover": "25006",
    "input/output error": "58030",
    "data corrupted": "XX001",
}


@contextmanager
def database_says(code):
    """Have PostgreSQL answer each new order with one of its own errors."""
    run(
        "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'as in a drill'"
        f" USING ERRCODE = '{code}'; END $$ LANGUAGE plpgsql"
    )
    run("CREATE TRIGGER refuse BEFORE INSERT ON orders_order EXECUTE FUNCTION refuse()")
    try:
        yield
    finally:
        run("DROP FUNCTION refuse CASCADE")


@pytest.mark.postgresql
def test_what_postgresql_cannot_do_now_is_said_and_good_again_by_itself(client, paying):
    for code in SAYS.values():
        with database_says(code):
            assert_refused(client, paying)

    assert_good_again(client, paying)


@contextmanager
def full_disk():
    """Let SQLite's file not grow by one page: its true "database or disk is full"."""
    run("VACUUM")
    with connection.cursor() as cursor:
        before = cursor.execute("PRAGMA max_page_count").fetchone()[0]
        pages = cursor.execute("PRAGMA page_count").fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        run(f"PRAGMA max_page_count = {before}")


def _until_full(client, paying):
    """Sell until the last page is filled, and return how many were stored before."""
    for n in range(2000):
        answer = post(client, paying, signed(purchase(OutTradeNo=f"FILL-{n}")))
        if answer.status_code != 200:
            return n, answer
    raise AssertionError("It was never full.")


@pytest.mark.sqlite
def test_a_full_disk_is_said_and_orders_are_taken_again_when_there_is_room(client, paying):
    with full_disk():
        stored, answer = _until_full(client, paying)

        assert_answer(answer, 503, "50301")
        assert Order.objects.count() == Delivery.objects.count() == stored

    assert_answer(post(client, paying, signed(purchase(OutTradeNo=f"FILL-{stored}"))), 200, "0")
    assert Order.objects.count() == Delivery.objects.count() == stored + 1


@contextmanager
def locked_by_another():
    """Hold what every new order needs: on PostgreSQL the table, on SQLite the one write lock."""
    other = connections.create_connection("default")
    with closing(other), other.cursor() as cursor:
        if ON_POSTGRESQL:
            other.set_autocommit(False)
            cursor.execute("LOCK TABLE orders_order IN EXCLUSIVE MODE")
        else:
            cursor.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.rollback() if ON_POSTGRESQL else cursor.execute("ROLLBACK")


def test_a_page_says_that_it_may_be_tried_again(client):
    def away(_execute, *_facts):
        raise OperationalError("the connection is closed")

    with connection.execute_wrapper(away):
        answer = client.post("/account/login", {"login": "ada@example.com", "password": "wrong"})

    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert "Please try again in a moment" in answer.content.decode()


def test_a_lock_that_somebody_holds_is_waited_for_and_then_said(client, paying):
    if not ON_POSTGRESQL:
        run("PRAGMA busy_timeout = 500")  # Else 20 s.
    with locked_by_another():
        started = time.monotonic()
        assert_refused(client, paying)
        took = time.monotonic() - started

    # PostgreSQL's lock_timeout is 2 s; the rest is this machine's.
    assert 0.5 <= took < 15
    assert_good_again(client, paying)


@pytest.mark.postgresql
def test_without_a_free_connection_it_is_said_and_nothing_piles_up(client, paying):
    opened: Any = connection
    pool = opened.pool
    connection.close()
    taken = [pool.getconn() for _each in range(pool.max_size)]
    try:
        started = time.monotonic()
        answer = post(client, paying, signed())
        took = time.monotonic() - started
    finally:
        for each in taken:
            pool.putconn(each)

    assert_answer(answer, 503, "50301")
    # It waits 2.5 s for one; the rest is this machine's.
    assert took < 15
    assert_good_again(client, paying)
