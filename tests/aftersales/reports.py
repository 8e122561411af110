"""Refund events as the superapp would send them, right and wrong."""

import json
from datetime import UTC, datetime

from aftersales.refunds import Refunds
from orders import envelope
from orders.intake import Authentic
from tests.factories import AT
from tests.orders.callbacks import changed, signed

INITIATED = int(AT.timestamp()) - 3600
REFUND = {
    "OpenId": "o_player",
    "Env": "0",
    "OutTradeNo": "T1",
    "RefundNo": "R1",
    "RefundAmount": 100,
    "RefundStatus": "succeeded",
    "Reason": "Bought by a child",
    "InitiatedAt": INITIATED,
    "FinishedAt": INITIATED + 60,
}


def refund(status="succeeded", **changes):
    """Return a payload; a refund that is processing is not finished."""
    finished = {"FinishedAt": 0} if status == "processing" else {}
    return json.dumps(changed(REFUND, RefundStatus=status, **{**finished, **changes}))


def signed_refund(payload=None, **changes):
    payload = refund() if payload is None else payload
    return signed(payload, event=envelope.REFUND_EVENT, **changes)


def report_of(game, status="succeeded", **changes):
    """Return a verified report."""
    told = Authentic(
        game_id=game.pk,
        event=envelope.REFUND_EVENT,
        pay_model="wallet",
        payload=refund(status, **changes),
        request_id="00000000-0000-4000-8000-000000000000",
    )
    return Refunds().parse(told)


def moment(seconds):
    return datetime.fromtimestamp(seconds, UTC)
