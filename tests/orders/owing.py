"""A game that is owed deliveries, and the shorthands that tests of delivery share."""

from datetime import timedelta

from django.utils import timezone

from orders import delivery
from orders.delivery import Result
from orders.models import Delivery, DeliveryAttempt, Env, Verdict
from sasvpay.kit.outbound import Answer
from tests.factories import (
    DeliveryConfigFactory,
    DeliveryFactory,
    DeliveryKeyFactory,
    MiniGameFactory,
    copied,
)

LIVE_URL = "http://127.0.0.1:9/live"
TEST_URL = "http://127.0.0.1:9/test"


def answer(body=b'{"returnCode":"0","data":"OK"}', status=200, **facts):
    return Answer(
        status=status, body=body, truncated=facts.pop("truncated", False), took_ms=5, **facts
    )


def a_game():
    game = MiniGameFactory()
    DeliveryConfigFactory(game=game, url=LIVE_URL, test_url=TEST_URL)
    DeliveryKeyFactory(game=game)
    return game


def owed(game, *, due_in=timedelta(seconds=-1), **facts):
    env = facts.pop("env", Env.LIVE)
    return DeliveryFactory(
        order__game=game, order__env=env, due_at=timezone.now() + due_in, **facts
    )


def claim_all(slots=None, limit=256):
    return delivery.claim(slots=slots or {}, limit=limit)


def result_of(work, verdict=Verdict.TIMEOUT, **facts):
    return Result(
        order_id=work.order_id,
        attempt=work.attempt,
        counted=work.counted,
        verdict=verdict,
        detail="",
        started_at=work.claimed_at,
        url=work.url,
        key_id=work.key_id,
        **facts,
    )


def state_of(row):
    row.refresh_from_db()
    row.order.refresh_from_db()
    assert row.order.delivery_status == copied(row)
    return row.status


def attempts_of(row):
    found = DeliveryAttempt.objects.filter(delivery=row).order_by("number")
    return list(found.values_list("number", "verdict"))


def expire_lease(row):
    Delivery.objects.filter(pk=row.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
