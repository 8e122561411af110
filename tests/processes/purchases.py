"""Purchases of the demo's mini game, and the sending of them over HTTP."""

import json
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from orders import envelope


def purchase(demo, number, *, quantity=1):
    """Return a signed body."""
    item = demo["items"][0]
    payload = json.dumps(
        {
            "OpenId": "o_player", "Env": "0", "OutTradeNo": number,
            "GoodsInfo": {
                "ProductId": item["id"], "Quantity": quantity, "ZoneId": "1",
                "OrigPrice": item["price_cents"], "ActualPrice": item["price_cents"],
                "Attach": "中文 a=1&b=2", "OrderSource": 1,
            },
        },
        ensure_ascii=False,
    )  # fmt: skip
    return envelope.build(
        event=envelope.PURCHASE_EVENT,
        pay_model="wallet",
        payload=payload,
        secret=demo["callback_key"],
    )


def send(url, body):
    """Return HTTP status and `returnCode`; status 0 and no code when nobody answers."""
    asked = Request(url, body, {"Content-Type": "application/json"})
    try:
        with urlopen(asked, timeout=60) as answer:
            return answer.status, json.loads(answer.read())["returnCode"]
    except HTTPError as refusal:
        return refusal.code, json.loads(refusal.read())["returnCode"]
    except (OSError, HTTPException):
        return 0, ""


def numbers_at_receiver(console, prefix):
    """Return how often each order was told."""
    _status, found = console.get(f"/numbers?prefix={prefix}", base=console.receiver_url)
    return {row["number"]: row["hits"] for row in json.loads(found)["numbers"]}
