"""Verify a delivery notification, and answer it."""

import hashlib
import hmac
import json
from typing import Any


def verify(body: bytes, key: str) -> dict[str, Any] | None:
    """Return the paid order of a notification, or None if it was not signed with the key."""
    envelope = json.loads(body)
    # Take Event and Payload exactly as received: do not parse and write the payload again.
    signed = f"{envelope['Event']}&{envelope['Payload']}"
    expected = hmac.new(key.encode(), signed.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), str(envelope["PayEventSig"]).encode()):
        return None
    order: dict[str, Any] = json.loads(envelope["Payload"])
    return order


def answer(order: dict[str, Any] | None) -> tuple[int, dict[str, str]]:
    """Return status and JSON to answer with. Hand the item out once per OutTradeNo before this."""
    if order is None:
        return 403, {"returnCode": "1", "returnMessage": "bad signature", "data": ""}
    return 200, {"returnCode": "0", "returnMessage": "", "data": "OK"}
