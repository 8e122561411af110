"""The probes: a process that serves, and a product that works."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from orders.models import DeliveryStatus
from sasvpay import health
from sasvpay.celery import app
from sasvpay.kit import heartbeat
from tests.factories import DeliveryConfigFactory, DeliveryFactory

PARTS = {"database", "migrations", "broker", "worker", "dispatcher"}


@pytest.fixture
def at_work(db):
    now = timezone.now()
    for name in ("worker", "dispatcher"):
        heartbeat.beat(name, at=now)
    return now


def test_healthz_answers_without_a_database(client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_readyz_is_ready_when_every_part_works(client, at_work):
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"} | dict.fromkeys(PARTS, "ok")


@pytest.mark.parametrize("name", ["worker", "dispatcher"])
def test_readyz_misses_a_part_that_was_not_seen_for_a_minute(client, at_work, name):
    heartbeat.beat(name, at=at_work - timedelta(seconds=61))

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert {part for part, state in answer.json().items() if state != "ok"} == {"status", name}


def test_a_delivery_that_is_due_for_two_minutes_makes_the_dispatcher_late(at_work):
    config = DeliveryConfigFactory()
    DeliveryFactory(order__game=config.game, due_at=at_work - timedelta(seconds=121))

    assert health.report(at=at_work)["dispatcher"] == "oldest due delivery waits for 121 s"


@pytest.mark.parametrize(
    ("is_enabled", "status"), [(False, DeliveryStatus.WAITING), (True, DeliveryStatus.HELD)]
)
def test_what_nobody_is_to_deliver_is_not_late(at_work, is_enabled, status):
    config = DeliveryConfigFactory(is_enabled=is_enabled)
    DeliveryFactory(order__game=config.game, status=status, due_at=at_work - timedelta(seconds=121))

    assert health.report(at=at_work)["dispatcher"] == "ok"


@pytest.mark.django_db(transaction=True)
def test_readyz_says_which_migration_state_is_missing(client):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'kit' AND name LIKE '0003%'")
    try:
        assert health.report(at=timezone.now())["migrations"] == "1 not applied"
    finally:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied)"
                " VALUES ('kit', '0003_audit_append_only', CURRENT_TIMESTAMP)"
            )


@pytest.mark.redis
def test_readyz_says_that_the_broker_is_away(at_work, monkeypatch):
    monkeypatch.setitem(app.conf, "broker_url", "redis://127.0.0.1:1/0")

    assert health.report(at=at_work)["broker"] == "unreachable"
