"""The test notification: a signed sample to the Test URL. It is never an order."""

import json
import secrets
from datetime import datetime, timedelta
from typing import Final

import msgspec
from django.db import transaction
from django.utils.translation import gettext as _

from items.models import ItemVersion
from orders import credentials, delivery, envelope
from orders.models import DeliveryConfig, DeliveryKey, Env, OrderSource, TestPush, Verdict
from permissions.models import MiniGame, User
from sasvpay.kit import audit, crypto
from sasvpay.kit.audit import Event
from sasvpay.kit.errors import DomainError
from sasvpay.kit.outbound import Answer, check_url, post_once

MOST_A_MINUTE: Final = 10
PAY_MODEL: Final = "test"


class TestPushRefusedError(DomainError):
    """There is no Test URL to send to, or no key to sign with."""

    # pytest collects classes by that prefix.
    __test__ = False

    code = "test_push_refused"


class TooManyTestPushesError(DomainError):
    """Somebody's server is on the other side."""

    code = "too_many_test_pushes"
    status = 429


def why_not(config: DeliveryConfig | None, key: DeliveryKey | None) -> str:
    """Return why no test notification can be sent, in words; nothing if it can."""
    if config is None:
        return _("Save a URL and a Test URL first.")
    if not config.test_url:
        return _("There is no Test URL: add one to send a test notification.")
    if key is None:
        return _("There is no key that signs yet.")
    return ""


def send_test_push(*, game: MiniGame, by: User, at: datetime) -> TestPush:
    """Push a sample signed with the real key, and return what was sent, answered and judged.

    Raises TestPushRefusedError without a Test URL or a key, UnsafeUrlError when the Test URL may
    not be called any more, TooManyTestPushesError for the eleventh within a minute.
    """
    push, body, headers = _reserve(game=game, by=by, at=at)
    # Outside of a transaction: nothing is locked while we wait for somebody's server.
    answer = post_once(push.url, body, headers)
    return _keep(push, answer, by=by, at=at)


def sample_payload(game: MiniGame, *, at: datetime) -> str:
    """Return the payload of a test purchase of something that the mini game sells."""
    on_sale = ItemVersion.objects.filter(item__game=game, status=ItemVersion.Status.RELEASED)
    version = on_sale.select_related("item").order_by("item_id").first()
    price_cents = version.price_cents if version else 100
    content = {
        "OpenId": "o_test_openid",
        "Env": Env.TEST.value,
        "OutTradeNo": f"TEST_{at:%Y%m%d%H%M%S}_{secrets.token_hex(4)}",
        "GoodsInfo": {
            "ProductId": version.item.item_id if version else "sample_item",
            "Quantity": 1,
            "ZoneId": "1",
            "OrigPrice": price_cents,
            "ActualPrice": price_cents,
            "Attach": "test notification",
            "OrderSource": OrderSource.IN_GAME.value,
        },
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


@transaction.atomic
def _reserve(*, game: MiniGame, by: User, at: datetime) -> tuple[TestPush, bytes, dict[str, str]]:
    """Note that a test begins, so that many at once count one another."""
    game = MiniGame.objects.select_for_update(no_key=True).get(pk=game.pk)
    config = DeliveryConfig.objects.filter(game=game).first()
    key = credentials.current_key(game, at)
    if config is None or key is None or not config.test_url:
        raise TestPushRefusedError(why_not(config, key))
    check_url(config.test_url)
    recent = game.test_pushes.filter(sent_at__gt=at - timedelta(minutes=1))
    if recent.count() >= MOST_A_MINUTE:
        raise TooManyTestPushesError(
            _("Ten test notifications a minute are the most. Wait a minute and try again.")
        )
    payload = sample_payload(game, at=at)
    secret = crypto.decrypt(key.secret_encrypted)
    body = envelope.build(
        event=envelope.PURCHASE_EVENT, pay_model=PAY_MODEL, payload=payload, secret=secret
    )
    push = TestPush.objects.create(
        game=game,
        sent_by=by,
        sent_at=at,
        url=config.test_url,
        body=body.decode(),
        signed_text=f"{envelope.PURCHASE_EVENT}&{payload}",
        signature=envelope.sign(secret, envelope.PURCHASE_EVENT, payload),
        took_ms=0,
        # What it stays if this process dies while it waits.
        verdict=Verdict.INTERRUPTED,
    )
    number = msgspec.json.decode(payload)["OutTradeNo"]
    delivery_id = delivery.delivery_id(game_id=game.pk, env=Env.TEST.value, number=number)
    return push, body, {"Content-Type": "application/json", "X-Delivery-Id": delivery_id}


@transaction.atomic
def _keep(push: TestPush, answer: Answer, *, by: User, at: datetime) -> TestPush:
    push.verdict, push.detail = delivery.judge(answer)
    push.status_code, push.took_ms = answer.status, answer.took_ms
    push.answer = answer.excerpt.decode("utf-8", "replace").replace("\0", "\ufffd")
    push.save()
    audit.record(
        Event.TEST_PUSH_SENT,
        by=by,
        target=push,
        at=at,
        url=push.url,
        verdict=push.verdict,
        status_code=push.status_code,
        took_ms=push.took_ms,
    )
    return push
