"""The SQL of `orders.intake`: the same for both databases but for how a list of rows gets in.

PostgreSQL takes a list as one array per column, SQLite as one JSON text: a statement for any length.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from django.db import connection
from psycopg import Connection, Cursor
from psycopg.types.numeric import Int8

from orders.models import Flag

# A connection that stored so often keeps the plan.
PREPARED_AFTER: Final = 5
Key = tuple[int, str, str]
Row = Sequence[Any]

# Columns and their types as parameters.
KEY: Final = {"game_id": "bigint", "env": "text", "number": "text"}
ORDER: Final = {
    **KEY,
    "open_id": "text",
    "product_id": "text",
    "quantity": "bigint",
    "zone_id": "text",
    "orig_price_cents": "bigint",
    "actual_price_cents": "bigint",
    "attach": "text",
    "order_source": "bigint",
    "pay_model": "text",
    "payload": "text",
    "request_id": "text",
}
CONFLICT: Final = {
    **KEY,
    "order_id": "bigint",
    "pay_model": "text",
    "payload": "text",
    "differs": "text",
    "request_id": "text",
}
_STORED: Final = {**KEY, "id": "bigint", "delivery_status": "text"}
# Whether something came before the order; costs no statement of its own.
_AWAITED: Final = (
    "exists (select 1 from orders_awaitedorder a where a.game_id = {order}.game_id"
    " and a.env = {order}.env and a.number = {order}.number)"
)
# What makes a repeated number equal (decision 27), with the names of the protocol.
COMPARED: Final = {
    "open_id": "OpenId",
    "product_id": "GoodsInfo.ProductId",
    "quantity": "GoodsInfo.Quantity",
    "zone_id": "GoodsInfo.ZoneId",
    "orig_price_cents": "GoodsInfo.OrigPrice",
    "actual_price_cents": "GoodsInfo.ActualPrice",
    "attach": "GoodsInfo.Attach",
    "order_source": "GoodsInfo.OrderSource",
}

_FLAGS: Final[Mapping[Flag, str]] = {
    Flag.UNKNOWN_ITEM: "item.id is null",
    Flag.NOT_ON_SALE: "item.id is not null and live.id is null",
    Flag.PRICE_DIFFERS: "i.orig_price_cents <> live.price_cents"
    " and i.orig_price_cents <> cast(live.price_cents as numeric) * i.quantity",
    Flag.PAYMENT_NOT_ENABLED: "not game.payment_enabled",
    Flag.PAID_ABOVE_PRICE: "i.actual_price_cents > i.orig_price_cents",
    Flag.PAID_NOTHING: "i.actual_price_cents = 0",
}
_FLAG_WORDS: Final = " || ".join(
    f"case when {condition} then '{flag.value} ' else '' end" for flag, condition in _FLAGS.items()
)
# Sorted: two writers with the same orders take them in the same order, and never deadlock.
_ORDERS: Final = f"""
insert into orders_order ({", ".join(ORDER)}, item_version_id, created_at, flags,
    delivery_status, refunded_cents, refund_state)
select {", ".join(f"i.{name}" for name in ORDER)}, live.id, %s, trim({_FLAG_WORDS}),
    case when config.is_enabled
        and case i.env when '1' then config.test_url else config.url end <> ''
        then 'waiting' else 'held' end,
    0, 'none'
from {{rows}}
join permissions_minigame game on game.id = i.game_id
left join items_item item on item.game_id = i.game_id and item.item_id = i.product_id
    and item.deleted_at is null
left join items_itemversion live on live.item_id = item.id and live.status = 'released'
left join orders_deliveryconfig config on config.game_id = i.game_id
where not exists (select 1 from orders_usednumber used where used.game_id = i.game_id
    and used.env = i.env and used.number = i.number)
order by i.game_id, i.env, i.number
on conflict (game_id, env, number) do nothing
returning {", ".join(_STORED)}, {_AWAITED.format(order="orders_order")} as awaited
"""  # noqa: S608 -- our own names, no values
_DELIVERIES: Final = """
insert into orders_delivery (order_id, game_id, env, status, due_at, attempts, last_verdict)
select id, game_id, env, delivery_status, {now}, 0, '' from {rows}
"""


def insert(orders: Sequence[Row], at: datetime) -> dict[Key, bool]:
    """Store those ORDER rows that are new, each with its delivery; say which were awaited."""
    with _cursor() as cursor:
        cursor.execute(_insertion(connection.vendor), [_moment(at), *_parameters(orders)])
        stored = cursor.fetchall()
        if stored and connection.vendor == "sqlite":
            # SQLite has no insert within a statement; both are one transaction.
            now = "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')"
            cursor.execute(_DELIVERIES.format(now=now, rows=_rows(_STORED)), _parameters(stored))
    return {(row[0], row[1], row[2]): bool(row[-1]) for row in stored}


@cache
def _insertion(vendor: str) -> str:
    """Return the statement that stores ORDER rows, on PostgreSQL with their deliveries."""
    orders = _ORDERS.format(rows=_rows(ORDER))
    if vendor != "postgresql":
        return orders
    owed = _DELIVERIES.format(now="statement_timestamp()", rows="stored")
    return f"with stored as ({orders}), owed as ({owed}) select * from stored"  # noqa: S608 -- our own names, no values


def read_back(keys: Sequence[Key]) -> dict[Key, dict[str, Any]]:
    """Return of stored orders the id, what is compared, and whether they are awaited.

    Of a purged one the id is None, and all that is left to compare is its digest.
    """
    names = ("id", *COMPARED)
    awaited = _AWAITED.format(order="o")
    with _cursor() as cursor:
        cursor.execute(
            f"select i.game_id, i.env, i.number, {', '.join(f'o.{name}' for name in names)}, used.digest, {awaited}"  # noqa: S608 -- our own names, no values
            f" from {_rows(KEY)} left join orders_order o"
            " on o.game_id = i.game_id and o.env = i.env and o.number = i.number"
            " left join orders_usednumber used"
            " on used.game_id = i.game_id and used.env = i.env and used.number = i.number"
            " where o.id is not null or used.id is not null",
            _parameters(keys),
        )
        return {
            (game_id, env, number): dict(zip((*names, "digest", "awaited"), stored, strict=True))
            for game_id, env, number, *stored in cursor.fetchall()
        }


def keep(conflicts: Sequence[Row], *, event: str, at: datetime) -> None:
    """Keep CONFLICT rows: callbacks that tell something else of a stored number, verbatim."""
    names = ", ".join(CONFLICT)
    with _cursor() as cursor:
        cursor.execute(
            f"insert into orders_conflictingcallback ({names}, event, created_at)"  # noqa: S608 -- our own names, no values
            f" select {names}, %s, %s from {_rows(CONFLICT)}",
            [event, _moment(at), *_parameters(conflicts)],
        )


class _Planned(Cursor[Any]):
    """Sends a prepared statement, and remembers it for Django's log of queries."""

    def _send_query_prepared(self, name: bytes, pgq: Any, **options: Any) -> None:
        self._query = pgq
        super()._send_query_prepared(name, pgq, **options)


def _cursor() -> Any:
    """Return Django's cursor; on PostgreSQL one whose statements are planned once a connection.

    Django's own puts values into the text: the plan, made anew each time, then costs twice what
    storing does.
    """
    cursor = connection.cursor()
    raw = connection.connection
    if isinstance(raw, Connection):
        raw.prepare_threshold = PREPARED_AFTER
        cursor.cursor = _Planned(raw)
    return cursor


def _rows(columns: Mapping[str, str]) -> str:
    """Return SQL for a table `i` that is made of parameters."""
    if connection.vendor == "postgresql":
        # In binary: a text's quotes would be escaped one by one.
        arrays = ", ".join(f"%b::{kind}[]" for kind in columns.values())
        return f"unnest({arrays}) as i({', '.join(columns)})"
    fields = ", ".join(f"json_extract(value, '$[{n}]') as {name}" for n, name in enumerate(columns))
    return f"(select {fields} from json_each(%s)) as i"  # noqa: S608 -- our own names, no values


def _parameters(rows: Sequence[Row]) -> list[Any]:
    if connection.vendor == "postgresql":
        return [_array(column) for column in zip(*rows, strict=True)]
    return [json.dumps(rows, ensure_ascii=False)]


def _array(column: Row) -> list[Any]:
    # psycopg sends small numbers as a smaller type, and a plan is kept for each mixture of types.
    return [Int8(value) if isinstance(value, int) else value for value in column]


def _moment(at: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(at)
