"""What an order keeps of its refunds, which are of another app: sums, state, conflicts.

That app locks the order first, whatever it does: so all that happens to one order's refunds happens
one after the other. For an order that is not there yet it leaves word, which storing the order
finds in the same statement.
"""

from datetime import datetime
from typing import Final

import structlog

from orders.models import AwaitedOrder, ConflictingCallback, Order, RefundState

log = structlog.get_logger(__name__)

# Game, environment, number: what makes an order one, ever.
Key = tuple[int, str, str]

_NEEDED: Final = (
    "game", "env", "number", "open_id", "actual_price_cents", "order_source", "refunded_cents",
    "refund_state",
)  # fmt: skip


def lock(key: Key) -> Order | None:
    """Return an order, locked until the transaction ends, if it was stored."""
    game_id, env, number = key
    rows = Order.objects.select_for_update(no_key=True).only(*_NEEDED)
    return rows.filter(game_id=game_id, env=env, number=number).first()


def expect(key: Key) -> None:
    """Leave word that something waits for an order that is not stored yet."""
    game_id, env, number = key
    awaited = AwaitedOrder(game_id=game_id, env=env, number=number)
    AwaitedOrder.objects.bulk_create([awaited], ignore_conflicts=True)


def note(order: Order, *, refunded_cents: int, is_processing: bool) -> None:
    """Keep what was refunded of a locked order; nothing waits for it any more."""
    state = _state(order, refunded_cents, is_processing=is_processing)
    if (refunded_cents, state) != (order.refunded_cents, order.refund_state):
        Order.objects.filter(pk=order.pk).update(refunded_cents=refunded_cents, refund_state=state)
    AwaitedOrder.objects.filter(game=order.game_id, env=order.env, number=order.number).delete()


def _state(order: Order, refunded_cents: int, *, is_processing: bool) -> RefundState:
    if refunded_cents:
        is_all = refunded_cents == order.actual_price_cents
        return RefundState.FULLY if is_all else RefundState.PARTLY
    return RefundState.PROCESSING if is_processing else RefundState.NONE


def keep_conflict(
    key: Key,
    *,
    event: str,
    pay_model: str,
    payload: str,
    differs: str,
    request_id: str,
    at: datetime,
) -> None:
    """Keep a callback that tells something else of a stored number, verbatim."""
    game_id, env, number = key
    log.warning("callback_conflicts", number=number, differs=differs)
    ConflictingCallback.objects.create(
        game_id=game_id,
        event=event,
        env=env,
        number=number,
        pay_model=pay_model,
        payload=payload,
        differs=differs,
        request_id=request_id,
        created_at=at,
    )
