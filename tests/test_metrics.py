"""`/metrics`: what an operator watches, and that each alert rule watches something that is there."""

import re
from datetime import timedelta

import pytest
import yaml
from django.db import OperationalError, connection
from django.utils import timezone

from orders import intake, refusals, rollup
from orders.models import RefusedCallback
from sasvpay import metrics
from sasvpay.kit import heartbeat
from sasvpay.kit.models import Mail
from tests.factories import (
    CallbackKeyFactory,
    DeliveryAttemptFactory,
    DeliveryConfigFactory,
    DeliveryFactory,
    OrderFactory,
)
from tests.orders.callbacks import post, purchase_of, signed
from tests.test_settings import ROOT

TOKEN = "a-scraper-shows-this"
NOW = timezone.now()


@pytest.fixture(autouse=True)
def _fresh_process():
    refusals.forget_all()
    yield
    refusals.forget_all()


def _samples(at=NOW):
    lines = [line for line in metrics.text(at=at).splitlines() if not line.startswith("#")]
    return dict(line.rsplit(" ", 1) for line in lines)


@pytest.mark.parametrize(
    ("token", "shown", "status"),
    [
        ("", f"Bearer {TOKEN}", 404),
        ("", "Bearer ", 404),
        (TOKEN, "", 401),
        (TOKEN, "Bearer wrong", 401),
        (TOKEN, f"Bearer {TOKEN}", 200),
    ],
)
def test_only_who_shows_the_token_reads_metrics(db, client, settings, token, shown, status):
    settings.METRICS_TOKEN = token

    answer = client.get("/metrics", headers={"authorization": shown})

    assert answer.status_code == status
    assert (b"console_oldest_owed_seconds 0\n" in answer.content) is (status == 200)


def test_metrics_tell_what_happened(game):
    DeliveryConfigFactory(game=game)
    late = DeliveryFactory(order__game=game, due_at=NOW - timedelta(seconds=90))
    DeliveryFactory(order__game=game, status="held")
    OrderFactory(game=game, env="1", delivery_status="delivered")
    DeliveryAttemptFactory(delivery=late, verdict="timeout", started_at=NOW - timedelta(minutes=59))
    DeliveryAttemptFactory(
        delivery=late, number=2, verdict="timeout", started_at=NOW - timedelta(minutes=61)
    )
    first = purchase_of(game, OutTradeNo=late.order.number, Quantity=7)
    intake.store([first], at=NOW)
    Mail.objects.create(to="a@example.com", created_at=NOW - timedelta(seconds=30), due_at=NOW)
    heartbeat.beat("worker", at=NOW - timedelta(seconds=3))
    rollup.sweep(at=NOW)

    told = _samples()

    expected = {
        'console_orders_accepted_total{kind="live"}': "2",
        'console_orders_accepted_total{kind="test"}': "1",
        "console_conflicting_callbacks_last_hour": "1",
        'console_orders_undelivered{state="waiting"}': "1",
        'console_orders_undelivered{state="held"}': "1",
        'console_orders_undelivered{state="failed"}': "0",
        "console_oldest_owed_seconds": "90",
        f'console_game_lag_seconds{{game="{game.app_id}"}}': "90",
        'console_delivery_attempts_last_hour{verdict="timeout"}': "1",
        'console_letters{state="waiting"}': "1",
        "console_oldest_letter_seconds": "30",
        'console_heartbeat_age_seconds{part="worker"}': "3",
    }
    assert expected.items() <= told.items()


def test_metrics_cost_the_same_queries_however_much_there_is(game, django_assert_num_queries):
    with django_assert_num_queries(len(metrics.METRICS) + 1):
        metrics.text(at=NOW)
    DeliveryConfigFactory(game=game)
    for _each in range(5):
        DeliveryFactory(order__game=game)
    with django_assert_num_queries(len(metrics.METRICS) + 1):
        metrics.text(at=NOW)


def test_refused_callbacks_are_counted_by_code_with_few_writes(client, game):
    CallbackKeyFactory(game=game)
    forged = signed(PayEventSig="0" * 64)

    for _each in range(30):
        post(client, game, forged)
    post(client, game, b"{")

    assert RefusedCallback.objects.get().number == 1
    told = _samples()
    assert told['console_callbacks_refused_total{code="40101"}'] == "30"
    assert told['console_callbacks_refused_total{code="40001"}'] == "1"


def test_every_code_counts_from_zero_so_that_an_alert_sees_its_first_refusal(db):
    answered = {
        code
        for path in (ROOT / "orders").glob("*.py")
        for code in re.findall(r'EnvelopeError\(\s*"(\d{5})"', path.read_text("utf-8"))
    }

    told = _samples()

    assert answered == set(refusals.CODES)
    for code in answered:
        assert told[f'console_callbacks_refused_total{{code="{code}"}}'] == "0"


def test_what_was_counted_is_kept_while_the_database_is_away(db):
    def away(*told):
        raise OperationalError

    with connection.execute_wrapper(away):
        refusals.count("40101")
    refusals.count("50301", writes=False)

    counted = {code: number for code, number in refusals.counts().items() if number}
    assert counted == {"40101": 1, "50301": 1}


def test_every_alert_watches_a_metric_that_is_there(game):
    (group,) = yaml.safe_load((ROOT / "sasvpay" / "alerts.yml").read_text("utf-8"))["groups"]
    heartbeat.beat("worker", at=NOW)
    refusals.count("50301")
    told = metrics.text(at=NOW)

    assert len({rule["alert"] for rule in group["rules"]}) == len(group["rules"]) > 10
    for rule in group["rules"]:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        for name, labels in re.findall(r"(console_\w+)(\{[^}]*\})?", rule["expr"]):
            assert name in {metric.name for metric in metrics.METRICS}
            assert "code" in labels or f"{name}{labels}" in told
