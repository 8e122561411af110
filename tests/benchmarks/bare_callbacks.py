"""The limits of `take_callbacks`: what remains of it without a framework.

    granian --interface wsgi tests.benchmarks.bare_callbacks:single
    granian --interface asgi tests.benchmarks.bare_callbacks:batching

They verify as ours does, but know game and key beforehand and look for no flags. Order and delivery
go into our tables by one statement: one each, or one for all callbacks that came while the last one
was stored.
"""

import asyncio
import json
import os
import threading
import uuid

import psycopg
from psycopg.types.numeric import Int8

from orders import envelope

GAME = int(os.environ["BENCHMARK_GAME"])
SECRET = os.environ["BENCHMARK_SECRET"]
COLUMNS = {
    "number": "text", "open_id": "text", "product_id": "text", "quantity": "bigint",
    "zone_id": "text", "orig_price_cents": "bigint", "actual_price_cents": "bigint",
    "attach": "text", "order_source": "bigint", "pay_model": "text", "payload": "text",
    "request_id": "text",
}  # fmt: skip
STORE = f"""
with stored as (
  insert into orders_order ({", ".join(COLUMNS)}, game_id, env, created_at, flags, delivery_status,
                            refunded_cents, refund_state)
  select {", ".join(COLUMNS)}, {GAME}, '0', statement_timestamp(), '', 'waiting', 0, 'none'
  from unnest({", ".join(f"%s::{kind}[]" for kind in COLUMNS.values())}) given({", ".join(COLUMNS)})
  on conflict (game_id, env, number) do nothing returning id
)
insert into orders_delivery (order_id, game_id, env, status, due_at, attempts, last_verdict)
select id, {GAME}, '0', 'waiting', statement_timestamp(), 0, '' from stored
"""  # noqa: S608 -- our own names, no values


def row_of(body):
    told = envelope.parse_envelope(body)
    assert envelope.verify(SECRET, told)
    paid = envelope.parse_purchase(told.payload)
    goods = paid.goods_info
    return (
        paid.out_trade_no, paid.open_id, goods.product_id, Int8(goods.quantity), goods.zone_id,
        Int8(goods.orig_price), Int8(goods.actual_price), goods.attach, Int8(goods.order_source),
        told.pay_model, told.payload, str(uuid.uuid4()),
    )  # fmt: skip


def arrays(rows):
    return [list(column) for column in zip(*rows, strict=True)]


def answer_to(request_id):
    answer = {"returnCode": "0", "returnMessage": "", "data": "OK", "requestId": request_id}
    return json.dumps(answer).encode()


_mine = threading.local()


def single(environ, start_response):
    if not hasattr(_mine, "connection"):
        _mine.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
        _mine.connection.prepare_threshold = 0
    row = row_of(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    _mine.connection.execute(STORE, arrays([row]))
    content = answer_to(row[-1])
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
    )
    return [content]


class Batches:
    """One task and one connection that store whatever waits, all of it at once."""

    def __init__(self):
        self.waiting = []
        self.wake = asyncio.Event()
        self.task = None

    async def store(self, row):
        stored = asyncio.get_running_loop().create_future()
        self.waiting.append((row, stored))
        self.task = self.task or asyncio.create_task(self.write())
        self.wake.set()
        await stored

    async def write(self):
        async with await psycopg.AsyncConnection.connect(
            os.environ["DATABASE_URL"], autocommit=True
        ) as connection:
            connection.prepare_threshold = 0
            while True:
                self.wake.clear()
                batch, self.waiting = sorted(self.waiting, key=lambda each: each[0]), []
                if batch:
                    await connection.execute(STORE, arrays([row for row, _stored in batch]))
                for _row, stored in batch:
                    stored.set_result(None)
                if not self.waiting:
                    await self.wake.wait()


_batches = Batches()


async def batching(scope, receive, send):
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message.get("more_body", False)
    row = row_of(body)
    await _batches.store(row)
    content = answer_to(row[-1])
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
