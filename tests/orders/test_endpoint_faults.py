"""The callback when something is wrong with us, under floods, at once, and with whatever arrives."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orders import endpoint, envelope, refunding
from orders.intake import Outcome, Purchases
from orders.models import Delivery, Order
from tests.orders.callbacks import assert_answer, post, purchase, signed


class _Failing:
    def __init__(self, problem):
        self.problem = problem

    def parse(self, callback):
        return Purchases().parse(callback)

    def store(self, parsed, *, at):
        if isinstance(self.problem, Outcome):
            return [self.problem]
        raise self.problem


@pytest.fixture
def receivers():
    """Wire other receivers than settings do."""
    wired = endpoint._receivers()
    before = dict(wired)
    yield wired
    wired.clear()
    wired.update(before)


@pytest.mark.parametrize(
    ("problem", "status", "code"),
    [
        (OperationalError("away"), 503, "50301"),
        (InterfaceError("closed"), 503, "50301"),
        (DatabaseError("a bug"), 500, "50001"),
        (ValueError("secret canary"), 500, "50001"),
        (RecursionError(), 500, "50001"),
        (Outcome.FAILED, 500, "50001"),
    ],
)
def test_faults_of_ours_are_answered_and_logged(
    client, paying, receivers, caplog, problem, status, code
):
    receivers[envelope.PURCHASE_EVENT] = (_Failing(problem), [])

    message = assert_answer(post(client, paying, signed()), status, code)

    assert "canary" not in message
    if not isinstance(problem, Outcome):
        assert caplog.records


def test_followers_are_called_with_what_was_awaited_and_repeated(client, paying, receivers):
    refunding.expect((paying.pk, "0", "T1"))
    seen: list[str] = []
    receivers[envelope.PURCHASE_EVENT] = (
        Purchases(),
        [lambda parsed, *, at: seen.extend(one.number for one in parsed)],
    )

    others = signed(purchase(Quantity=2)), signed(purchase(OutTradeNo="T2"))
    for body in (signed(), signed(), *others):
        post(client, paying, body)

    assert seen == ["T1", "T1"]


@pytest.mark.django_db(transaction=True)
def test_database_away_is_said_in_time_and_recovers(client, paying):
    connection.close()
    before = dict(connection.settings_dict)
    away = (
        {"HOST": "127.0.0.1", "PORT": "9"}
        if connection.vendor == "postgresql"
        else {"NAME": "/nowhere/at/all.sqlite3"}
    )
    pool = getattr(connection, "close_pool", None)
    if pool:
        pool()
    connection.settings_dict.update(away)
    started = time.monotonic()
    response = post(client, paying, signed())
    took = time.monotonic() - started
    connection.close()
    if pool:
        pool()
    connection.settings_dict.update(before)

    assert_answer(response, 503, "50301")
    assert took < 3
    assert_answer(post(client, paying, signed()), 200, "0")
    assert Order.objects.count() == 1


# --- The limit ---------------------------------------------------------------------------------


@pytest.fixture
def limit(monkeypatch):
    monkeypatch.setattr(endpoint, "REFUSALS_A_MINUTE", 30)
    return 30


def test_refused_callbacks_are_limited_but_authentic_ones_are_not(client, paying, limit):
    junk = [
        lambda: post(client, paying, b"{"),
        lambda: post(client, paying, signed(secret="other")),
        lambda: post(client, "unknown", signed()),
    ]

    codes = [junk[n % 3]().json()["returnCode"] for n in range(limit)]
    above = [send() for send in junk]

    assert "42901" not in codes
    for response in above:
        assert_answer(response, 429, "42901")
        assert 1 <= int(response["Retry-After"]) <= 60
    assert_answer(post(client, paying, signed()), 200, "0")
    assert_answer(post(client, paying, signed(purchase(Quantity=2))), 409, "40901")
    assert_answer(post(client, paying, signed("{}")), 400, "40002")
    assert_answer(post(client, paying, b"{", REMOTE_ADDR="192.0.2.7"), 400, "40001")


def test_authentic_refusals_do_not_count(client, paying, limit):
    for _ in range(limit + 5):
        assert_answer(post(client, paying, signed("{}")), 400, "40002")

    assert_answer(post(client, paying, b"{"), 400, "40001")


def test_junk_above_the_limit_costs_no_statement(client, paying, limit):
    post(client, paying, signed())
    for _ in range(limit):
        post(client, paying, b"{")
    # Keys that do not fit are read again, at most once a second: this is that time.
    post(client, paying, signed(secret="other"))

    with CaptureQueriesContext(connection) as queries:
        malformed = post(client, paying, b"{")
        forged = post(client, paying, signed(secret="other"))

    assert malformed.status_code == forged.status_code == 429
    assert len(queries) == 0


# --- Statements, races ------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_callback_costs_as_many_statements_as_promised(client, paying):
    post(client, paying, signed())

    with CaptureQueriesContext(connection) as new:
        post(client, paying, signed(purchase(OutTradeNo="T2")))
    with CaptureQueriesContext(connection) as repeated:
        post(client, paying, signed())

    own = [
        [query["sql"] for query in queries if not query["sql"].startswith(("BEGIN", "COMMIT"))]
        for queries in (new, repeated)
    ]
    expected = [1, 2] if connection.vendor == "postgresql" else [2, 2]
    assert [len(queries) for queries in own] == expected


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_are_one_order_and_twenty_successes(paying):
    barrier = Barrier(20)

    def send(_):
        barrier.wait()
        try:
            return post(Client(), paying, signed())
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(20)))

    for response in answers:
        assert_answer(response, 200, "0")
    assert Order.objects.count() == Delivery.objects.count() == 1
