"""A year of invented sales, as many as a benchmark needs: by COPY, on PostgreSQL only.

Nothing here is an act of a person: rows are written past the topics, which refuse no such number
but would take days. Each run adds a team of its own.
"""

import itertools
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import connection, transaction

from items.models import Item, ItemVersion
from orders.models import DeliveryState, Env, Flag, OrderSource, RefundState
from permissions.models import MiniGame, Team, User

YEAR: Final = timedelta(days=365)
# Deliveries of older orders have come to an end.
YOUNG: Final = 2 * 86_400
ITEMS: Final = 60
PLAYERS: Final = 50_000
SETTLED: Final = 0.8
_TABLES: Final = ("orders_order", "orders_delivery", "orders_settlement")
# Drawn from again and again: the dice are thrown for so many kinds of sale only.
_KINDS: Final = 1 << 16
_CHUNK: Final = 5_000
_NULL: Final = r"\N"
_TWO_FLAGS: Final = f"{Flag.PRICE_DIFFERS} {Flag.PAID_ABOVE_PRICE}"
_COLUMNS: Final = (
    "id", "game_id", "env", "number", "open_id", "product_id", "item_version_id", "quantity",
    "zone_id", "orig_price_cents", "actual_price_cents", "attach", "order_source", "pay_model",
    "payload", "request_id", "created_at", "flags", "settled_at", "delivery_status",
    "refunded_cents", "refund_state",
)  # fmt: skip
_DELIVERIES: Final = """
insert into orders_delivery
    (order_id, game_id, env, status, due_at, attempts, last_verdict, delivered_at)
select id, game_id, env, case delivery_status when 'retrying' then 'waiting' else delivery_status end,
    created_at, attempts,
    case when delivery_status = 'delivered' then 'delivered' when attempts > 1 then 'timeout'
        else '' end,
    case when delivery_status = 'delivered' then created_at + interval '0.4 s' end
from orders_order, lateral (select case delivery_status
    when 'held' then 0 when 'waiting' then 0 when 'retrying' then 3 when 'failed' then 16 else 1 end)
    as tried(attempts)
where id >= %s
"""
_SETTLEMENTS: Final = """
insert into orders_settlement (order_id, settled_by_id, note)
select id, %s, 'Looked at.' from orders_order where id >= %s and settled_at is not null
"""


class Kind(NamedTuple):
    """What sales have in common, but for who bought what and when."""

    env: str
    source: int
    quantity: int
    flags: str
    is_settled: bool
    refund: str
    # How many halves of what was paid are paid back.
    halves: int
    status: str


class Shop(NamedTuple):
    """A mini game and what it sells: item id, version, price."""

    game_id: int
    shelf: Sequence[tuple[str, int, int]]


def seed(*, orders: int, games: int, at: datetime) -> Team:
    """Add so many orders of the last year in so many mini games, and return their team."""
    with connection.cursor() as cursor:
        # The console's own limit is for pages.
        cursor.execute("set statement_timeout = 0")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local maintenance_work_mem = '512MB'")
        # A table whose references are still to be checked cannot be altered.
        cursor.execute("set constraints all immediate")
        team, keeper = _team(at)
        shops = [_shop(team, number, keeper, at) for number in range(games)]
        with _bare_tables():
            cursor.execute("select coalesce(max(id), 0) + 1 from orders_order")
            [first] = cursor.fetchone()
            with cursor.copy(f"copy orders_order ({', '.join(_COLUMNS)}) from stdin") as copy:
                rows = _rows(shops, first=first, count=orders, at=at)
                while chunk := "".join(itertools.islice(rows, _CHUNK)):
                    copy.write(chunk)
            cursor.execute(_DELIVERIES, [first])
            cursor.execute(_SETTLEMENTS, [keeper.pk, first])
        cursor.execute("select setval('orders_order_id_seq', %s)", [first + orders - 1])
    with connection.cursor() as cursor:
        # What an index alone can answer depends on it.
        cursor.execute(f"vacuum analyze {', '.join(_TABLES)}")
        cursor.execute("reset statement_timeout")
    return team


def _team(at: datetime) -> tuple[Team, User]:
    keeper, _is_new = User.objects.get_or_create(
        email="benchmark@example.com", defaults={"name": "Benchmark"}
    )
    name = f"Benchmark {Team.objects.filter(name__startswith='Benchmark ').count() + 1}"
    return Team.objects.create(name=name, created_at=at), keeper


def _shop(team: Team, number: int, keeper: User, at: datetime) -> Shop:
    game = MiniGame.objects.create(
        team=team, app_id=f"bench_{team.pk}_{number}", name=f"Benchmark game {number}",
        payment_enabled=True, created_at=at,
    )  # fmt: skip
    items = Item.objects.bulk_create(
        Item(game=game, item_id=f"item_{n:03}", created_at=at) for n in range(ITEMS)
    )
    versions = ItemVersion.objects.bulk_create(
        ItemVersion(
            item=item, number=1, name=f"Item {n}", price_cents=n % 40 * 100 + 99,
            status=ItemVersion.Status.RELEASED, created_at=at, changed_by=keeper, changed_at=at,
        )
        for n, item in enumerate(items)
    )  # fmt: skip
    return Shop(game.pk, [(v.item.item_id, v.pk, v.price_cents) for v in versions])


@contextmanager
def _bare_tables() -> Iterator[None]:
    """Take indexes and constraints away, and make them again once the rows are there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint"
            " where conrelid::regclass::text = any(%s) and contype in ('c', 'f', 'u')"
            " order by contype desc",
            [list(_TABLES)],
        )
        constraints = cursor.fetchall()
        for table, name, _definition in constraints:
            cursor.execute(f'alter table {table} drop constraint "{name}"')
        cursor.execute(
            "select indexname, indexdef from pg_indexes where tablename = any(%s)"
            " and indexname not in (select conname from pg_constraint)",
            [list(_TABLES)],
        )
        indexes = cursor.fetchall()
        for name, _definition in indexes:
            cursor.execute(f'drop index "{name}"')
        yield
        for _name, definition in indexes:
            cursor.execute(definition)
        for table, name, definition in constraints:
            cursor.execute(f'alter table {table} add constraint "{name}" {definition}')


def _rows(shops: Sequence[Shop], *, first: int, count: int, at: datetime) -> Iterator[str]:
    """Yield the rows as COPY reads them, the oldest first."""
    dice = random.Random(first)  # noqa: S311 -- the same sales each time
    old, young = _kinds(dice, is_young=False), _kinds(dice, is_young=True)
    # A few games sell most.
    weights = [1 / (rank + 1) for rank in range(len(shops))]
    crowd = dice.choices(shops, weights, k=4096)
    chance, bits = dice.random, dice.getrandbits
    ends, lasts = at.timestamp(), YEAR.total_seconds()
    for n in range(count):
        age = lasts * (count - n) / count
        kind = (young if age < YOUNG else old)[bits(16)]
        # Seconds are enough, and formatting a moment properly is half of the work.
        when = time.strftime("%Y-%m-%d %H:%M:%S+00", time.gmtime(ends - age))
        yield _row(first + n, crowd[bits(12)], kind, when, chance())


def _row(pk: int, shop: Shop, kind: Kind, when: str, luck: float) -> str:
    env, source, quantity, flags, is_settled, refund, halves, status = kind
    # Squared: few items and few players make most of the sales.
    product, version, price = shop.shelf[int(luck * luck * ITEMS)]
    player = f"o_{shop.game_id}_{int((luck * 7919 % 1) ** 2 * PLAYERS)}"
    paid, number = price * quantity, f"S{pk:012}"
    return (
        f"{pk}\t{shop.game_id}\t{env}\t{number}\t{player}\t{product}\t{version}\t{quantity}\t1"
        f"\t{paid}\t{paid}\t\t{source}\twallet"
        f'\t{{"OpenId":"{player}","Env":"{env}","OutTradeNo":"{number}","GoodsInfo":{{"ProductId":'
        f'"{product}","Quantity":{quantity},"ZoneId":"1","OrigPrice":{paid},"ActualPrice":{paid},'
        f'"Attach":"","OrderSource":{source}}}}}\t00000000-0000-4000-8000-{pk:012x}\t{when}'
        f"\t{flags}\t{when if is_settled else _NULL}\t{status}\t{paid * halves // 2}\t{refund}\n"
    )


def _kinds(dice: random.Random, *, is_young: bool) -> list[Kind]:
    """Return kinds of sale as often as they occur: most are as they should be."""
    status = _drawn(
        dice,
        {
            DeliveryState.DELIVERED.value: 850 if is_young else 988,
            DeliveryState.WAITING.value: 52 if is_young else 0,
            DeliveryState.RETRYING.value: 78 if is_young else 0,
            DeliveryState.SENDING.value: 10 if is_young else 0,
            DeliveryState.FAILED.value: 8,
            DeliveryState.HELD.value: 4,
        },
    )
    flags = _drawn(dice, {"": 985, **{flag.value: 2 for flag in Flag}, _TWO_FLAGS: 3})
    refunds = _drawn(
        dice,
        {
            (RefundState.NONE.value, 0): 975,
            (RefundState.FULLY.value, 2): 18,
            (RefundState.PARTLY.value, 1): 5,
            (RefundState.PROCESSING.value, 0): 2,
        },
    )
    columns = (
        _drawn(dice, {Env.LIVE.value: 99, Env.TEST.value: 1}),
        _drawn(
            dice,
            {
                OrderSource.IN_GAME.value: 960,
                OrderSource.MARKETPLACE.value: 35,
                OrderSource.MARKETPLACE_TEST.value: 5,
            },
        ),
        _drawn(dice, {1: 85, 2: 10, 10: 5}),
        flags,
        [bool(flag) and dice.random() < SETTLED for flag in flags],
        *zip(*refunds, strict=True),
        status,
    )
    return [Kind(*each) for each in zip(*columns, strict=True)]


def _drawn(dice: random.Random, shares: Mapping[Any, int]) -> list[Any]:
    return dice.choices(list(shares), list(shares.values()), k=_KINDS)
