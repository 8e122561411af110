"""How the callback stands in the OpenAPI document, with examples that a test sends."""

from typing import Any, Final

import msgspec
from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from orders.envelope import PURCHASE_EVENT, REFUND_EVENT, Envelope

# The vector of the protocol; the key is 12345.
EXAMPLE_PAYLOAD: Final = (
    '{"OpenId":"o_test_openid","Env":"0","OutTradeNo":"T202501010001","GoodsInfo":{'
    '"ProductId":"gold_100","Quantity":1,"ZoneId":"1","OrigPrice":100,"ActualPrice":100,'
    '"Attach":"a=1&b=2","OrderSource":1}}'
)
EXAMPLE_SIGNATURE: Final = "b669723770e8c66a872b1ea5f9f5385019de4ce4d2b87a52289aceb88679c9e6"
EXAMPLE: Final = {
    "EventType": "event",
    "Event": PURCHASE_EVENT,
    "PayModel": "1",
    "Payload": EXAMPLE_PAYLOAD,
    "PayEventSig": EXAMPLE_SIGNATURE,
}

REFUND_EXAMPLE: Final = {
    "EventType": "event",
    "Event": REFUND_EVENT,
    "PayModel": "1",
    "Payload": (
        '{"OpenId":"o_test_openid","Env":"0","OutTradeNo":"T202501010001",'
        '"RefundNo":"R202501020001","RefundAmount":100,"RefundStatus":"processing",'
        '"Reason":"Bought by mistake","InitiatedAt":1735776000,"FinishedAt":0}'
    ),
    "PayEventSig": "06ac15f7185a2ce89a01f4f84ba70081040bfe006ec3e3aff4dc16133bb39067",
}

_ANSWER: Final = {
    "type": "object",
    "properties": {
        "returnCode": {"type": "string"},
        "returnMessage": {"type": "string"},
        "data": {"type": "string", "enum": ["OK", ""]},
        "requestId": {"type": "string", "format": "uuid"},
    },
    "required": ["returnCode", "returnMessage", "data", "requestId"],
}
_ANSWERS: Final = {
    200: ("0", "Success"),
    400: ("40002", "Payload.GoodsInfo.Quantity: is missing."),
    401: ("40101", "PayEventSig: does not match."),
    404: ("40401", "Unknown mini game, or one without a callback key."),
    405: ("40501", "Only POST is allowed."),
    409: ("40901", "This order number was stored with other content."),
    411: ("41101", "Content-Length: is missing."),
    413: ("41301", "The body is above 64 KB."),
    415: ("41501", "Content-Type: must be application/json."),
    429: ("42901", "Too many refused callbacks from this address."),
    500: ("50001", "Our fault: send it again."),
    503: ("50301", "Not stored: the database is away. Send it again."),
}


def _envelope() -> dict[str, Any]:
    """Return the envelope's JSON schema, without the reference to itself."""
    (schema,), parts = msgspec.json.schema_components([Envelope], ref_template="{name}")
    return dict(parts[schema["$ref"]])


SCHEMA: Final[dict[str, Any]] = {
    "operation_id": "callback",
    "tags": ["callback"],
    "auth": [],
    "summary": "Tell that a player has paid, or gets money back",
    "description": (
        '`PayEventSig` is `hex(hmac_sha256(key, Event + "&" + Payload))`, in lower case; the key'
        " is the mini game's callback key. The same order number makes one order, however often it"
        " is told. A refund may be told before its order and as often as it advances: `RefundStatus`"
        " goes from `processing` to `succeeded` or `failed`, `FinishedAt` is 0 until then. 400, 401, 404, 405, 411, 413 and 415 count towards 600 a minute per address."
        " Repeat after 429, 500 and 503."
    ),
    "parameters": [
        OpenApiParameter("app_id", str, OpenApiParameter.PATH, description="The mini game's ID.")
    ],
    "request": {"application/json": _envelope()},
    "responses": {(status, "application/json"): _ANSWER for status in _ANSWERS},
    "examples": [
        OpenApiExample("A purchase (key 12345)", value=EXAMPLE, request_only=True),
        OpenApiExample("A refund (key 12345)", value=REFUND_EXAMPLE, request_only=True),
        *(
            OpenApiExample(
                f"{status} {code}",
                value={
                    "returnCode": code,
                    "returnMessage": message,
                    "data": "OK" if code == "0" else "",
                    "requestId": "00000000-0000-4000-8000-000000000000",
                },
                response_only=True,
                status_codes=[str(status)],
            )
            for status, (code, message) in _ANSWERS.items()
        ),
    ],
}
