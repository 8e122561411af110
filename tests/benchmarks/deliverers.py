"""What `deliver` needs beside ours: a fast receiver, the bare loop, and a task for each order.

    python -m tests.benchmarks.deliverers receive|hang|bare PORT
    python -m celery -A tests.benchmarks.deliverers worker

All sign the same envelope with the same key. The limit claims, posts and marks, and keeps nothing
of the answers; it knows neither games nor retries.
"""

import asyncio
import json
import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sasvpay.settings")
import aiohttp  # noqa: TID251 -- what a bare loop posts with
import django
import psycopg

django.setup()

from celery import Celery  # noqa: E402 -- after the set-up
from django.conf import settings  # noqa: E402 -- as above

from orders.envelope import PURCHASE_EVENT, build  # noqa: E402 -- as above
from orders.models import Delivery, DeliveryAttempt  # noqa: E402 -- as above
from tests.factories import DELIVERY_SECRET  # noqa: E402 -- as above

# An optional extra.
requests: Any = import_module("requests") if find_spec("requests") else None

IN_FLIGHT = 256
ANSWER = b'{"returnCode":"0","returnMessage":"","data":"OK","requestId":"1"}'
CLAIM = """
with due as materialized (
  select order_id from orders_delivery where status = 'waiting' and due_at <= statement_timestamp()
  order by due_at limit %s for update skip locked
), taken as (
  update orders_delivery delivery set status = 'sending', attempts = attempts + 1,
         lease_until = statement_timestamp() + interval '30 seconds'
  from due where delivery.order_id = due.order_id returning delivery.order_id, delivery.game_id
)
select taken.order_id, config.url, paid.pay_model, paid.payload
from taken join orders_order paid on paid.id = taken.order_id
join orders_deliveryconfig config on config.game_id = taken.game_id
"""
MARK = """
update orders_delivery set status = 'delivered', lease_until = null,
       delivered_at = statement_timestamp()
where order_id = any(%s)
"""


class Receiver(asyncio.Protocol):
    """Answers at once, and tells whoever asks (GET) how many came and of how many orders."""

    hits, seen = 0, set[bytes]()

    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""

    def data_received(self, data):
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if not end or len(body) < length:
            return
        self.buffer = b""
        content = self.count() if head.startswith(b"GET") else self.take(head)
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content))
        self.transport.write(content)

    def count(self):
        content = json.dumps([Receiver.hits, len(Receiver.seen)]).encode()
        Receiver.hits, Receiver.seen = 0, set()
        return content

    def take(self, head):
        Receiver.hits += 1
        Receiver.seen.add(head.partition(b"X-Delivery-Id: ")[2].partition(b"\r\n")[0])
        return ANSWER


async def receive(port):
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", port)
    await server.serve_forever()


def notification(pay_model, payload, delivery_id):
    body = build(event=PURCHASE_EVENT, pay_model=pay_model, payload=payload, secret=DELIVERY_SECRET)
    return body, {"Content-Type": "application/json", "X-Delivery-Id": str(delivery_id)}


async def bare(_port):
    done, marking, pushes = list[int](), asyncio.Lock(), set[asyncio.Task[None]]()
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        await psycopg.AsyncConnection.connect(os.environ["DATABASE_URL"], autocommit=True) as base,
    ):

        async def push(order_id, url, pay_model, payload):
            body, headers = notification(pay_model, payload, order_id)
            async with session.post(url, data=body, headers=headers) as response:
                assert json.loads(await response.read())["data"] == "OK"
            done.append(order_id)
            async with marking:
                # Whatever was answered while the last batch was marked goes together.
                batch, done[:] = list(done), []
                if batch:
                    await base.execute(MARK, [batch])

        while True:
            found = await (await base.execute(CLAIM, [IN_FLIGHT - len(pushes)])).fetchall()
            for work in found:
                pushes.add(task := asyncio.create_task(push(*work)))
                task.add_done_callback(pushes.discard)
            await asyncio.sleep(0.02 if found or pushes else 0.5)


async def hang(port):
    server = await asyncio.start_server(lambda *_streams: asyncio.sleep(3600), "127.0.0.1", port)
    await server.serve_forever()


app = Celery("peer", broker=settings.REDIS_URL or "memory://")
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=64)


@app.task
def push_all():
    for order_id in Delivery.objects.filter(status="waiting").values_list("pk", flat=True):
        push.delay(order_id)


@app.task
def push(order_id):
    """As most would write it: load, post, save."""
    delivery = Delivery.objects.select_related("order", "game__delivery_config").get(pk=order_id)
    order = delivery.order
    body, headers = notification(order.pay_model, order.payload, order.pk)
    url = delivery.game.delivery_config.url
    answer = requests.post(url, data=body, headers=headers, timeout=3)
    delivery.attempts += 1
    DeliveryAttempt.objects.create(
        delivery=delivery, number=delivery.attempts, started_at=order.created_at, url=url,
        status_code=answer.status_code, answer=answer.text, took_ms=0, verdict="delivered",
    )  # fmt: skip
    delivery.status = delivery.order.delivery_status = "delivered"
    delivery.save()
    order.save(update_fields=["delivery_status"])


if __name__ == "__main__":
    asyncio.run({"receive": receive, "hang": hang, "bare": bare}[sys.argv[1]](int(sys.argv[2])))
