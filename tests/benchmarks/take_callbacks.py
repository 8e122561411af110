"""Callbacks, HTTP to committed order and delivery: ours, two limits and a usual view, in one run.

    DATABASE_URL=postgres://... python -m tests.benchmarks.take_callbacks --callbacks 2000 --rounds 3

All are served by granian over keep-alive connections, ours by `serve web` itself. The firm figure
is CPU microseconds a callback, of the server's processes and of PostgreSQL together; the sender's
is left out. Every answer must be a success, and make one order with one delivery.
"""

import argparse
import asyncio
import json
import os
import statistics
import time
from contextlib import ExitStack
from functools import partial

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sasvpay.settings")
import django

django.setup()

from django.db import connection  # noqa: E402 -- after the set-up

from orders.models import Delivery, Order  # noqa: E402 -- as above
from tests.benchmarks.measuring import (  # noqa: E402 -- as above
    compare,
    free_port,
    in_turns,
    measured,
    own_database,
    running,
)
from tests.factories import (  # noqa: E402 -- as above
    CALLBACK_SECRET,
    CallbackKeyFactory,
    DeliveryConfigFactory,
    ItemFactory,
    ItemVersionFactory,
    MiniGameFactory,
)
from tests.orders.callbacks import purchase, signed  # noqa: E402 -- as above

WORKERS, THREADS = 2, 8
OTHERS = {
    "single": ("wsgi", "tests.benchmarks.bare_callbacks:single"),
    "batching": ("asgi", "tests.benchmarks.bare_callbacks:batching"),
    "typical": ("wsgi", "tests.benchmarks.typical_callbacks:application"),
}


def granian(interface, application, port):
    # The same server with the same options as `serve web`.
    threads = ["--blocking-threads", str(THREADS)] if interface == "wsgi" else []
    return [
        "-m", "granian", "--interface", interface, "--no-ws", "--port", str(port),
        "--workers", str(WORKERS), *threads, "--backlog", "2048", "--backpressure", "64",
        "--log-level", "error", application,
    ]  # fmt: skip


async def send(port, path, bodies, connections):
    """Return the seconds that each answer took."""
    taken, left = [], iter(bodies)

    async def converse():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body in left:
            began = time.perf_counter()
            writer.write(
                b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (path.encode(), len(body), body)
            )
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            answer = json.loads(await reader.readexactly(int(length)))
            assert head.startswith(b"HTTP/1.1 200 "), (head, answer)
            assert answer["returnCode"] == "0", answer
            taken.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(converse() for _ in range(connections)))
    return sorted(taken)


def clear():
    with connection.cursor() as cursor:
        cursor.execute("truncate orders_order cascade")


def take(pid, port, game, asked):
    clear()
    bodies = [
        signed(purchase(OutTradeNo=f"T2026112800{n:08}", OpenId=f"o_player_{n % 500}"))
        for n in range(asked.callbacks)
    ]
    path = f"/callback/{game.app_id}"
    with measured(asked.callbacks, pid) as found:
        taken = asyncio.run(send(port, path, bodies, asked.connections))
    assert len(taken) == Order.objects.count() == Delivery.objects.count() == asked.callbacks
    return found | {
        "p50_ms": statistics.median(taken) * 1e3,
        "p99_ms": taken[len(taken) * 99 // 100] * 1e3,
    }


def report(asked):
    game = MiniGameFactory(payment_enabled=True)
    CallbackKeyFactory(game=game)
    DeliveryConfigFactory(game=game)
    ItemVersionFactory(item=ItemFactory(game=game, item_id="gold_100"), price_cents=100)
    facts = {"BENCHMARK_GAME": str(game.pk), "BENCHMARK_SECRET": CALLBACK_SECRET}
    with ExitStack() as stack:
        port = free_port()
        web = ["--web-workers", str(WORKERS), "--web-threads", str(THREADS)]
        serve = running("manage.py", "serve", "web", *web, port=port, PORT=str(port))
        ways = {"ours": partial(take, stack.enter_context(serve), port, game, asked)}
        for name, (interface, application) in OTHERS.items():
            port = free_port()
            pid = stack.enter_context(
                running(*granian(interface, application, port), port=port, **facts)
            )
            ways[name] = partial(take, pid, port, game, asked)
        for way in ways.values():
            # Connections, prepared statements and caches, before anything counts.
            way()
        medians = in_turns(ways, asked.rounds)
    compare(medians, "ours", OTHERS)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--callbacks", type=int, default=2000)
    arguments.add_argument("--connections", type=int, default=16)
    arguments.add_argument("--rounds", type=int, default=3)
    asked = arguments.parse_args()
    with own_database():
        report(asked)


if __name__ == "__main__":
    main()
