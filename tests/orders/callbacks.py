"""Callbacks as the superapp would send them, right and wrong."""

import json
import uuid

from orders import envelope
from orders.intake import Authentic, Purchases
from tests.factories import CALLBACK_SECRET

MISSING = object()
GOODS = {
    "ProductId": "gold_100",
    "Quantity": 1,
    "ZoneId": "1",
    "OrigPrice": 100,
    "ActualPrice": 100,
    "Attach": "a=1&b=2",
    "OrderSource": 1,
}
PURCHASE = {"OpenId": "o_player", "Env": "0", "OutTradeNo": "T1", "GoodsInfo": GOODS}


def changed(fields, **changes):
    merged = {**fields, **changes}
    return {name: value for name, value in merged.items() if value is not MISSING}


def purchase(**changes):
    """Return a payload; names of GoodsInfo go there."""
    goods = changed(GOODS, **{name: changes.pop(name) for name in list(changes) if name in GOODS})
    return json.dumps(changed({**PURCHASE, "GoodsInfo": goods}, **changes))


def signed(payload=None, secret=CALLBACK_SECRET, event=envelope.PURCHASE_EVENT, **changes):
    """Return a body whose signature fits, but for what is changed afterwards."""
    payload = purchase() if payload is None else payload
    fields = {
        "EventType": "event",
        "Event": event,
        "PayModel": "wallet",
        "Payload": payload,
        "PayEventSig": envelope.sign(secret, event, payload),
    }
    return json.dumps(changed(fields, **changes)).encode()


def purchase_of(game, **changes):
    """Return a verified purchase."""
    told = Authentic(
        game_id=game.pk,
        event="purchase",
        pay_model="wallet",
        payload=purchase(**changes),
        request_id="00000000-0000-4000-8000-000000000000",
    )
    return Purchases().parse(told)


def post(client, game, body, **extra):
    extra.setdefault("content_type", "application/json")
    return client.generic("POST", f"/callback/{getattr(game, 'app_id', game)}", body, **extra)


def assert_answer(response, status, code):
    """Check one row of the table; return the message."""
    answer = response.json()
    assert (response.status_code, answer["returnCode"]) == (status, code), answer
    assert set(answer) == {"returnCode", "returnMessage", "data", "requestId"}
    assert all(isinstance(value, str) for value in answer.values())
    assert answer["data"] == ("OK" if code == "0" else "")
    assert answer["requestId"] == response["X-Request-Id"]
    assert uuid.UUID(answer["requestId"]).version == 4
    assert response["Content-Type"] == "application/json"
    return answer["returnMessage"]
