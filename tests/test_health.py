"""The probes: a process that serves, and a product that works."""

from datetime import timedelta

import pytest
from celery.signals import after_task_publish
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from orders.models import DeliveryStatus
from sasvpay import health
from sasvpay.celery import app
from sasvpay.kit import heartbeat
from sasvpay.kit.models import Mail
from tests.factories import DeliveryConfigFactory, DeliveryFactory

BEATING = ("worker", "scheduler", "dispatcher")
PARTS = {"database", "migrations", "broker", "mail", *BEATING}


@pytest.fixture
def at_work(db):
    now = timezone.now()
    for name in BEATING:
        heartbeat.beat(name, at=now)
    return now


def test_healthz_answers_without_a_database(client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_readyz_is_ready_when_every_part_works(client, at_work):
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"} | dict.fromkeys(PARTS, "ok")


@pytest.mark.parametrize("name", BEATING)
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


def test_the_scheduler_beats_whenever_it_sends_the_heartbeat_task(at_work):
    heartbeat.beat("scheduler", at=at_work - timedelta(seconds=61))

    after_task_publish.send(sender="sasvpay.kit.tasks.deliver_mail", body={})
    assert health.report(at=at_work)["scheduler"] == "not seen within a minute"

    after_task_publish.send(sender="sasvpay.kit.tasks.beat", body={})
    assert health.report(at=at_work)["scheduler"] == "ok"


def test_a_letter_that_nobody_takes_makes_mail_late(at_work):
    written = at_work - timedelta(minutes=16)
    letter = Mail.objects.create(to="a@example.com", created_at=written, due_at=at_work)

    assert health.report(at=at_work)["mail"] == "oldest letter waits for 960 s"

    Mail.objects.filter(pk=letter.pk).update(sent_at=at_work)
    assert health.report(at=at_work)["mail"] == "ok"


def test_an_unreachable_database_is_said_part_by_part(at_work):
    with connection.execute_wrapper(_away):
        report = health.report(at=at_work)

    assert report == dict.fromkeys(PARTS, "unreachable") | {"broker": "ok"}


def _away(execute, sql, params, many, context):
    raise OperationalError("no route to host")


@pytest.mark.django_db(transaction=True)
def test_readyz_says_how_many_migrations_are_missing(client):
    last = MigrationRecorder.Migration.objects.filter(app="kit").latest("name")
    last.delete()
    try:
        assert health.report(at=timezone.now())["migrations"] == "1 not applied"
    finally:
        last.save()


@pytest.mark.redis
def test_readyz_says_that_the_broker_is_away(at_work, monkeypatch):
    monkeypatch.setitem(app.conf, "broker_url", "redis://127.0.0.1:1/0")

    assert health.report(at=at_work)["broker"] == "unreachable"
