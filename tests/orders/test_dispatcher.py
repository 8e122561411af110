"""The dispatcher against real servers on loopback."""

import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, connections

from orders import delivery, dispatcher, envelope
from orders.models import Delivery, DeliveryAttempt, DeliveryStatus, Order, Verdict
from sasvpay.kit import crypto
from sasvpay.kit.models import Heartbeat
from tests.factories import (
    DELIVERY_SECRET,
)
from tests.orders.dispatching import (
    OK,
    configured,
    dispatching,
    owed,
    receiving,
    statuses,
    wait_until,
)

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def hanging():
    release = threading.Event()

    def hang(body):
        release.wait(10)
        return OK

    try:
        with receiving(hang) as server:
            yield server
            release.set()
    finally:
        release.set()


def test_orders_are_delivered_with_envelope_and_headers():
    with receiving() as server:
        game = configured(server.url)
        (row,) = owed(game, order__payload='{"a": "ü"}', order__pay_model="wallet")

        with dispatching():
            wait_until(lambda: statuses(game) == {"delivered": 1})

    ((_at, headers, body),) = server.came
    sent = json.loads(body)
    assert sent["EventType"] == "event"
    assert (sent["Event"], sent["PayModel"]) == (envelope.PURCHASE_EVENT, "wallet")
    assert sent["Payload"] == '{"a": "ü"}'
    signed = f"{sent['Event']}&{sent['Payload']}"
    assert sent["PayEventSig"] == crypto.sign_hex(DELIVERY_SECRET, signed)
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Delivery-Id"] == delivery.delivery_id(
        game_id=game.pk, env="0", number=row.order.number
    )
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.verdict, attempt.status_code) == (Verdict.DELIVERED, 200)
    assert attempt.signature == sent["PayEventSig"]
    assert Order.objects.get().delivery_status == DeliveryStatus.DELIVERED
    assert Heartbeat.objects.filter(name="dispatcher").exists()


def test_payloads_arrive_byte_for_byte():
    payloads = [
        '{"Attach":"中文 皮肤"}',
        '{ "Attach" :\t"\\u4e2d\\ud83d\\ude00😀"\r\n}',
        '{"Attach":"\u2028\u2029\u202e\u200b\ufeff\x7f<>&\'\\"\\/"}',
        '{"Attach":"e\u0301 \xe9 \U0010ffff","n":1.0e2}',
        " \n{}",
    ]
    with receiving() as server:
        game = configured(server.url)
        for payload in payloads:
            owed(game, order__payload=payload)

        with dispatching():
            wait_until(lambda: statuses(game) == {"delivered": len(payloads)})

    assert sorted(json.loads(body)["Payload"] for *_rest, body in server.came) == sorted(payloads)


def test_an_order_that_failed_is_sent_again_and_delivered(settings):
    settings.DELIVERY_RETRY_SECONDS = [0, 0, 0]
    replies = iter([(500, b"oops"), (200, b"garbage"), OK])
    with receiving(lambda body: next(replies)) as server:
        game = configured(server.url)
        (row,) = owed(game)

        with dispatching():
            wait_until(lambda: statuses(game) == {"delivered": 1})

    found = row.attempts_made.order_by("number").values_list("number", "verdict")
    assert list(found) == [(1, "http_status"), (2, "not_json"), (3, "delivered")]
    assert len({headers["X-Delivery-Id"] for _at, headers, _body in server.came}) == 1
    assert len({body for *_rest, body in server.came}) == 1


def test_a_receiver_that_is_away_makes_the_order_wait():
    game = configured("http://127.0.0.1:9/notify")
    (row,) = owed(game)

    with dispatching():
        wait_until(row.attempts_made.exists)

    row.refresh_from_db()
    assert (row.status, row.last_verdict) == (DeliveryStatus.WAITING, Verdict.CONNECT)


def test_a_hanging_receiver_does_not_delay_another_game(settings):
    settings.DELIVERY_TIMEOUT_SECONDS = 1.0
    with hanging() as dead, receiving() as server:
        stuck = configured(dead.url)
        owed(stuck, 24)
        with dispatching():
            wait_until(lambda: len(dead.came) >= delivery.LANE_SLOTS)
            game = configured(server.url)
            owed(game, 20)
            began = time.monotonic()
            wait_until(lambda: statuses(game) == {"delivered": 20})
            took = time.monotonic() - began
            tried = Delivery.objects.filter(game=stuck, status="waiting", attempts=1)
            wait_until(lambda: tried.count() == 24)

    assert took < 1.5
    assert DeliveryAttempt.objects.filter(delivery__game=stuck, verdict="timeout").count() == 24


def test_a_failing_lane_holds_few_slots(settings):
    settings.DELIVERY_TIMEOUT_SECONDS = 0.5
    with hanging() as dead:
        game = configured(dead.url)
        owed(game, 26)

        with dispatching():
            wait_until(lambda: DeliveryAttempt.objects.count() == 26)

    first, *later = sorted(DeliveryAttempt.objects.values_list("started_at", flat=True))
    assert later.count(first) == delivery.LANE_SLOTS - 1
    later = later[delivery.LANE_SLOTS - 1 :]
    assert len(later) == 10
    for at in later:
        # Each lasts for half a second at least.
        beside = [other for other in later if at - timedelta(seconds=0.5) < other <= at]
        assert len(beside) <= delivery.FAILING_LANE_SLOTS


def test_stopping_finishes_what_is_in_flight():
    def slow(body):
        time.sleep(0.5)
        return OK

    with receiving(slow) as server:
        game = configured(server.url)
        owed(game, 20)
        with dispatching():
            wait_until(lambda: server.came)

    found = statuses(game)
    assert found["sending"] == 0
    assert found["delivered"] == len(server.came) >= delivery.LANE_SLOTS


def test_a_key_that_cannot_be_opened_stops_nobody_else():
    with receiving() as server:
        broken, game = configured(server.url), configured(server.url)
        broken.delivery_keys.update(secret_encrypted=b"nonsense")
        owed(broken)
        owed(game, 3)

        with dispatching():
            wait_until(lambda: statuses(game) == {"delivered": 3})

    assert statuses(broken) == {"sending": 1}


def test_a_row_that_cannot_be_stored_fails_alone():
    """An order that was deleted while its push was in flight has no attempts to be kept."""
    gate = threading.Event()

    def gated(body):
        gate.wait(5)
        return OK

    with receiving(gated) as server:
        game = configured(server.url)
        rows = owed(game, 4)
        with dispatching():
            wait_until(lambda: len(server.came) == 4)
            Delivery.objects.filter(pk=rows[0].pk).delete()
            gate.set()
            wait_until(lambda: statuses(game) == {"delivered": 3})

    assert DeliveryAttempt.objects.count() == 3


def test_a_database_that_is_away_for_a_while_ends_nothing():
    with receiving() as server:
        game = configured(server.url)
        table = Delivery._meta.db_table
        with dispatching():
            wait_until(Heartbeat.objects.exists)
            with connection.cursor() as cursor:
                cursor.execute(f"alter table {table} rename to away")
                try:
                    time.sleep(1.2)
                finally:
                    cursor.execute(f"alter table away rename to {table}")
            owed(game, 3)
            wait_until(lambda: statuses(game) == {"delivered": 3})


def test_the_lease_outlasts_a_push_and_its_writing_back(settings):
    longest = settings.DELIVERY_TIMEOUT_SECONDS + dispatcher.FINISH_SECONDS

    assert timedelta(seconds=2 * longest) < delivery.LEASE


def test_the_command_runs_until_it_is_told_to_stop():
    with receiving() as server, ThreadPoolExecutor(1) as pool:
        game = configured(server.url)
        owed(game)

        def stop_when_delivered():
            try:
                wait_until(lambda: statuses(game) == {"delivered": 1})
            finally:
                connections.close_all()
                os.kill(os.getpid(), signal.SIGTERM)

        stopping = pool.submit(stop_when_delivered)
        call_command("dispatch")
        stopping.result()

    assert len(server.came) == 1
