"""What a refund number leaves behind when its refund is purged, as `orders.used_numbers`."""

import hashlib
import json
from typing import Any, Final

from aftersales.models import UsedRefundNumber

# What makes a repeated number another refund, with the names of the protocol (decision 27).
COMPARED: Final = {
    "order_number": "OutTradeNo",
    "open_id": "OpenId",
    "amount_cents": "RefundAmount",
}


def digest_of(told: Any) -> str:
    """Return the SHA-256 (hex) of what makes a repeated number equal, of a refund or a report."""
    content = [getattr(told, name) for name in COMPARED]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def find(key: tuple[int, str, str]) -> UsedRefundNumber | None:
    """Return what a purged refund left, if there is one of that game, environment and number."""
    game_id, env, number = key
    return UsedRefundNumber.objects.filter(game=game_id, env=env, number=number).first()
