"""Store paid orders, each once, with the flags a person should look at and its delivery's row.

The core takes a list of verified callbacks. On PostgreSQL new orders cost one statement, which is
one transaction; duplicates are read back by a second one and compared. SQLite runs the same SQL in
one transaction. No ORM here: it costs more than the database does.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from enum import Enum
from operator import attrgetter
from typing import Any, Final

import msgspec
import structlog
from django.db import DataError, IntegrityError, connection, transaction

from orders import envelope, intake_sql, used_numbers
from orders.micro_batch import MicroBatch

log = structlog.get_logger(__name__)


class Outcome(Enum):
    """What became of one callback."""

    STORED = "stored"
    EQUAL = "equal"
    # Stored, now or before, and what came before it (`refunding.expect`) is to be told.
    AWAITED = "awaited"
    CONFLICT = "conflict"
    # It alone could not be stored; the log says why.
    FAILED = "failed"


class Authentic(msgspec.Struct, frozen=True):
    """A callback whose signature is proven; its payload is not parsed yet."""

    game_id: int
    event: str
    pay_model: str
    payload: str
    request_id: str


class Purchase(msgspec.Struct, frozen=True):
    """A paid order, as a verified callback tells of it."""

    game_id: int
    env: str
    number: str
    open_id: str
    product_id: str
    quantity: int
    zone_id: str
    orig_price_cents: int
    actual_price_cents: int
    attach: str
    order_source: int
    pay_model: str
    payload: str
    request_id: str

    @property
    def key(self) -> tuple[int, str, str]:
        """Return what makes it one order, ever."""
        return self.game_id, self.env, self.number


class Purchases:
    """Receives the callback that a player has paid (settings.CALLBACK_HANDLERS)."""

    conflict = "This order number was stored with other content."

    def parse(self, callback: Authentic) -> Purchase:
        """Return the purchase; raise EnvelopeError if the payload is not one."""
        told = envelope.parse_purchase(callback.payload)
        goods = told.goods_info
        return Purchase(
            game_id=callback.game_id,
            env=str(told.env),
            number=told.out_trade_no,
            open_id=told.open_id,
            product_id=goods.product_id,
            quantity=goods.quantity,
            zone_id=goods.zone_id,
            orig_price_cents=goods.orig_price,
            actual_price_cents=goods.actual_price,
            attach=goods.attach,
            order_source=goods.order_source,
            pay_model=callback.pay_model,
            payload=callback.payload,
            request_id=callback.request_id,
        )

    def store(self, parsed: Sequence[Purchase], *, at: datetime) -> list[Outcome]:
        """Store purchases, each once, together with what other threads are told meanwhile."""
        # Within somebody's transaction nothing of others may go: its commit is not ours.
        if connection.in_atomic_block:
            return store(parsed, at=at)
        if connection.vendor == "postgresql":
            # Who waits holds none of the pool's: the one that stores may need it.
            connection.close()
        return [_together.store(purchase, at=at) for purchase in parsed]


def store(purchases: Sequence[Purchase], *, at: datetime) -> list[Outcome]:
    """Store a list and say what became of each, in the order given.

    A purchase that breaks the batch fails alone. That the database is away is raised, and then
    nothing of the list was acknowledged.
    """
    if not purchases:
        return []
    try:
        with _transaction():
            return _store(purchases, at)
    except (DataError, IntegrityError):
        if len(purchases) == 1:
            log.exception("purchase_not_stored", number=purchases[0].number)
            return [Outcome.FAILED]
    return [outcome for purchase in purchases for outcome in store([purchase], at=at)]


_together: Final = MicroBatch[Purchase, Outcome](store)


def _transaction() -> AbstractContextManager[Any]:
    # On PostgreSQL each statement is a transaction: BEGIN and COMMIT would be two more round trips.
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        return nullcontext()
    return transaction.atomic()


def _store(purchases: Sequence[Purchase], at: datetime) -> list[Outcome]:
    first = {purchase.key: purchase for purchase in reversed(purchases)}
    new = intake_sql.insert([_row(purchase) for purchase in first.values()], at)
    fresh = [purchase.key in new and purchase is first[purchase.key] for purchase in purchases]
    repeated = {p.key for p, is_new in zip(purchases, fresh, strict=True) if not is_new}
    stored = intake_sql.read_back(sorted(repeated)) if repeated else {}
    outcomes = [
        _new(is_awaited=new[purchase.key])
        if is_new
        else _compare(purchase, stored.get(purchase.key))
        for purchase, is_new in zip(purchases, fresh, strict=True)
    ]
    conflicts = [
        _conflict(purchase, stored[purchase.key])
        for purchase, outcome in zip(purchases, outcomes, strict=True)
        if outcome is Outcome.CONFLICT
    ]
    if conflicts:
        intake_sql.keep(conflicts, event=envelope.PURCHASE_EVENT, at=at)
    return outcomes


_row: Final = attrgetter(*intake_sql.ORDER)


def _new(*, is_awaited: bool) -> Outcome:
    return Outcome.AWAITED if is_awaited else Outcome.STORED


def _compare(purchase: Purchase, stored: Mapping[str, Any] | None) -> Outcome:
    if stored is None:
        log.error("purchase_of_no_game", number=purchase.number)
        return Outcome.FAILED
    if stored["id"] is None:
        is_equal = stored["digest"] == used_numbers.digest_of(purchase)
        return Outcome.EQUAL if is_equal else Outcome.CONFLICT
    if _differences(purchase, stored):
        return Outcome.CONFLICT
    return Outcome.AWAITED if stored["awaited"] else Outcome.EQUAL


def _differences(purchase: Purchase, stored: Mapping[str, Any]) -> list[str]:
    """Return what makes a repeated number another order, by the names of the protocol."""
    if stored["id"] is None:
        return []  # Only that something differs is known of a purged one.
    return [
        path
        for name, path in intake_sql.COMPARED.items()
        if getattr(purchase, name) != stored[name]
    ]


def _conflict(purchase: Purchase, stored: Mapping[str, Any]) -> tuple[Any, ...]:
    differs = " ".join(_differences(purchase, stored))
    log.warning("callback_conflicts", number=purchase.number, differs=differs)
    told = {**msgspec.structs.asdict(purchase), "order_id": stored["id"], "differs": differs}
    return tuple(told[name] for name in intake_sql.CONFLICT)
