"""A receiving server and a running dispatcher, for tests."""

import asyncio
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.utils import timezone

from orders.dispatcher import Dispatcher
from orders.models import Delivery, DeliveryStatus, Order
from tests.factories import (
    DeliveryConfigFactory,
    DeliveryFactory,
    DeliveryKeyFactory,
    MiniGameFactory,
    OrderFactory,
)

OK = (200, b'{"returnCode":"0","returnMessage":"","data":"OK","requestId":"1"}')


class Receiver(ThreadingHTTPServer):
    """A developer's server: remembers what came, answers what it is told to."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, reply):
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.reply = reply
        self.came = []
        self.url = f"http://127.0.0.1:{self.server_port}/notify"

    def handle_error(self, request, client_address):
        """Say nothing: a sender that gave up is what some tests are about."""


class _Conversation(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append((time.monotonic(), dict(self.headers), body))
        status, content = self.server.reply(body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@contextmanager
def receiving(reply=lambda body: OK):
    server = Receiver(reply)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def dispatching():
    """Run a dispatcher in a thread of its own, as its command does in the main thread."""
    began = threading.Event()
    box: dict[str, Any] = {}

    async def run():
        box["dispatcher"], box["loop"] = Dispatcher(), asyncio.get_running_loop()
        began.set()
        await box["dispatcher"].run()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(asyncio.run, run())
        began.wait()
        try:
            yield
        finally:
            box["loop"].call_soon_threadsafe(box["dispatcher"].stop)
            done.result()


def wait_until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def configured(url):
    game = MiniGameFactory()
    DeliveryConfigFactory(game=game, url=url)
    DeliveryKeyFactory(game=game)
    return game


def owed(game, count=1, **facts):
    return [
        DeliveryFactory(order__game=game, due_at=timezone.now() - timedelta(seconds=1), **facts)
        for _each in range(count)
    ]


def owed_in_bulk(game, count, *, status=DeliveryStatus.WAITING, attempts=0):
    """Make many orders that are due, in two statements."""
    at = timezone.now() - timedelta(seconds=1)
    orders = OrderFactory.build_batch(
        count, game=game, item_version=None, created_at=at, delivery_status=status
    )
    Delivery.objects.bulk_create(
        Delivery(order=order, game=game, env=order.env, status=status, due_at=at, attempts=attempts)
        for order in Order.objects.bulk_create(orders)
    )


def statuses(game):
    return Counter(Delivery.objects.filter(game=game).values_list("status", flat=True))
