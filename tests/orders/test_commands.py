"""The demo receiver and the simulator, as they are run by hand."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import StringIO
from types import SimpleNamespace
from typing import Any
from urllib.request import Request, urlopen

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from orders import envelope
from orders.demo_server import Behaviour, Memory, Receiver, serve
from orders.management.commands.simulate import Command as Simulate
from orders.models import Delivery, Order
from sasvpay.kit import outbound
from tests.factories import (
    CALLBACK_SECRET,
    DELIVERY_SECRET,
    CallbackKeyFactory,
    DeliveryConfigFactory,
    DeliveryKeyFactory,
    MiniGameFactory,
)
from tests.orders.dispatching import dispatching, wait_until


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def receiver_process(*options):
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo_receiver", "--port", str(port), *options],
        cwd=django_settings.BASE_DIR,
        env=os.environ | {"LOG_LEVEL": "WARNING"},
    )
    server = SimpleNamespace(process=process, address=f"http://127.0.0.1:{port}")
    try:
        wait_until(lambda: process.poll() is not None or is_listening(port), seconds=20)
        yield server
    finally:
        process.terminate()
        process.wait(5)


@contextmanager
def demo_receiver(*, key="", log=None, **behaviour):
    """Run the same server in a thread."""
    port, began = free_port(), threading.Event()
    box: dict[str, Any] = {}

    async def run():
        box["until"], box["loop"] = asyncio.Event(), asyncio.get_running_loop()
        receiver = Receiver(behaviour=Behaviour(**behaviour), memory=Memory(None), key=key, log=log)
        began.set()
        await serve(receiver, host="127.0.0.1", port=port, until=box["until"])

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(asyncio.run, run())
        began.wait()
        try:
            wait_until(lambda: done.done() or is_listening(port))
            yield SimpleNamespace(address=f"http://127.0.0.1:{port}")
        finally:
            box["loop"].call_soon_threadsafe(box["until"].set)
            done.result()


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(address, content=None):
    body = None if content is None else json.dumps(content).encode()
    with urlopen(Request(address, data=body), timeout=5) as response:
        return json.load(response)


def push(address, number="T1", secret=DELIVERY_SECRET, env="0"):
    goods = {
        "ProductId": "gold_100", "Quantity": 1, "ZoneId": "1", "OrigPrice": 100,
        "ActualPrice": 100, "Attach": "", "OrderSource": 1,
    }  # fmt: skip
    payload = {"OpenId": "o_1", "Env": env, "OutTradeNo": number, "GoodsInfo": goods}
    body = envelope.build(
        event=envelope.PURCHASE_EVENT, pay_model="m", payload=json.dumps(payload), secret=secret
    )
    headers = {"Content-Type": "application/json", "X-Delivery-Id": f"id-{number}"}
    return outbound.post_once(f"{address}/notify", body, headers)


def test_demo_receiver_accepts_verifies_counts_and_misbehaves(tmp_path):
    log = tmp_path / "log"
    with demo_receiver(key=DELIVERY_SECRET, log=log) as server:
        answers = [push(server.address), push(server.address), push(server.address, "T2", env="1")]
        forged = push(server.address, "T3", secret="other")
        garbage = outbound.post_once(f"{server.address}/notify", b"{}", {})
        stats = ask(f"{server.address}/stats")
        numbers = ask(f"{server.address}/numbers?prefix=T1")
        behaviour = ask(f"{server.address}/behave", {"fail_rate": 1})
        failed = push(server.address, "T4")
        ask(f"{server.address}/behave", {"fail_rate": 0, "garbage_rate": 1})
        odd = push(server.address, "T4")
        later = ask(f"{server.address}/stats")
        cleared = ask(f"{server.address}/reset", {})

    assert {answer.status for answer in answers} == {200}
    told = json.loads(answers[0].body)
    assert set(told) == {"returnCode", "returnMessage", "data", "requestId"}
    assert (told["returnCode"], told["data"]) == ("0", "OK")
    assert (forged.status, garbage.status) == (401, 400)
    assert stats == {
        "hits": 3, "distinct": 2, "duplicates": 1, "refused": 2, "fail": 0, "hang": 0, "garbage": 0
    }  # fmt: skip
    assert numbers == {
        "numbers": [{"env": "0", "number": "T1", "hits": 2, "delivery_ids": ["id-T1"]}]
    }
    assert behaviour["fail_rate"] == 1
    assert failed.status == 500
    assert b'"OK"' not in odd.body
    assert (later["hits"], later["distinct"], later["fail"], later["garbage"]) == (5, 2, 1, 1)
    assert cleared["hits"] == 0
    assert len(log.read_text().splitlines()) == 7


def test_demo_receiver_hangs_when_told_to(settings):
    settings.DELIVERY_TIMEOUT_SECONDS = 0.3
    with demo_receiver(hang_rate=1) as server:
        answer = push(server.address)

    assert answer.failure == outbound.Failure.TIMEOUT


def test_demo_receiver_forgets_nothing_that_it_accepted(tmp_path):
    state = tmp_path / "state"
    with receiver_process("--state", str(state)) as server:
        push(server.address)
        push(server.address, "T2")
        server.process.kill()
        server.process.wait()
    with state.open("a") as file:
        file.write("0\tT3")

    with receiver_process("--state", str(state)) as server:
        push(server.address)
        push(server.address, "T4")
        stats = ask(f"{server.address}/stats")
        found = ask(f"{server.address}/numbers")["numbers"]

    assert (stats["distinct"], stats["duplicates"]) == (3, 1)
    assert {each["number"]: each["hits"] for each in found} == {"T1": 2, "T2": 1, "T4": 1}
    assert server.process.returncode == 0


def test_demo_receiver_says_that_its_port_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(CommandError, match=r"cannot start.*in use"):
            call_command("demo_receiver", port=port)


@pytest.mark.parametrize(
    "wanted", [{"fail_rate": -1}, {"x": 1}, {"hang_rate": "1"}, {"delay_ms": True}]
)
def test_behaviour_refuses_what_it_does_not_know(wanted):
    with pytest.raises(ValueError, match="Send numbers from 0 on"):
        Behaviour().changed(wanted)


# --- The simulator ----------------------------------------------------------------------------


@pytest.fixture
def shop(transactional_db, settings, live_server):
    settings.ROOT_URLCONF = "orders.urls"
    game = MiniGameFactory()
    CallbackKeyFactory(game=game)
    DeliveryKeyFactory(game=game)
    game.callback_url = f"{live_server.url}/callback/{game.app_id}"
    return game


def simulate(shop, receiver, **options):
    out = StringIO()
    facts = {
        "url": shop.callback_url, "key": CALLBACK_SECRET, "items": "gold_100:100,gem_60:60",
        "receiver": receiver, "count": 30, "concurrency": 8, "timeout": 20, "stdout": out,
    }  # fmt: skip
    try:
        call_command("simulate", **(facts | options))
    finally:
        shop.said = out.getvalue()


def test_simulate_agrees_when_everything_arrives(shop):
    with demo_receiver(key=DELIVERY_SECRET) as server:
        DeliveryConfigFactory(game=shop, url=f"{server.address}/notify")

        with dispatching():
            simulate(shop, server.address, duplicates=0.5, wrong_signatures=0.1)
        stats = ask(f"{server.address}/stats")

    assert "All counts agree." in shop.said
    assert Order.objects.count() == Delivery.objects.filter(status="delivered").count() == 27
    assert (stats["distinct"], stats["duplicates"]) == (27, 0)
    answers = [line.split() for line in shop.said.splitlines() if line.startswith("  ")]
    # 15 are sent twice, none of them forged.
    assert ["200,", "0", "42"] in answers
    assert ["401,", "40101", "3"] in answers


def test_simulate_refunds_early_by_halves_too_much_and_agrees_on_the_sums(shop):
    DeliveryConfigFactory(game=shop)
    Order.objects.all().delete()

    with dispatching(), demo_receiver(key=DELIVERY_SECRET) as server:
        shop.delivery_config.url = f"{server.address}/notify"
        shop.delivery_config.save()
        simulate(shop, server.address, count=12, refunds=1.0)

    assert "All counts agree." in shop.said
    assert "refunded, in the database    10 orders" in shop.said
    states = Counter(Order.objects.values_list("refund_state", flat=True))
    assert states == {"fully": 6, "partly": 4, "none": 2}


def test_simulate_says_what_was_not_delivered(shop):
    DeliveryConfigFactory(game=shop, is_enabled=False)

    with pytest.raises(CommandError, match="5 answered with success but not delivered: X000000"):
        simulate(shop, "", count=5, duplicates=0, timeout=0.1, prefix="X")

    assert "Not reached: receiver (none given)" in shop.said


def test_simulate_says_that_a_key_is_wrong_and_a_receiver_away(shop):
    with pytest.raises(CommandError, match="X000000: answered 401, 40101"):
        simulate(shop, "http://127.0.0.1:9", count=2, key="wrong", timeout=0.1, prefix="X")

    assert "No demo receiver at http://127.0.0.1:9" in shop.said
    assert Order.objects.count() == 0


def test_simulate_needs_a_demo_game_or_url_and_key(db):
    with pytest.raises(CommandError, match="give --url and --key"):
        call_command("simulate")


def test_simulate_refuses_odd_items(db):
    with pytest.raises(CommandError, match="--items is id:price_in_cents"):
        call_command("simulate", url="http://127.0.0.1:9/callback/x", key="k", items="gold")


def test_simulate_takes_what_was_not_given_from_the_demo_game(
    transactional_db, live_server, settings
):
    game = MiniGameFactory(app_id="mg_8f21c4")
    CallbackKeyFactory(game=game)
    DeliveryConfigFactory(game=game, url="http://127.0.0.1:9/notify")
    out = StringIO()
    settings.SITE_URL = live_server.url

    with pytest.raises(CommandError, match="1 answered with success but not delivered"):
        call_command("simulate", count=1, duplicates=0, timeout=0.1, stdout=out)

    assert Order.objects.get().game == game
    assert "No demo receiver at http://127.0.0.1:9" in out.getvalue()
    assert Simulate.help


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/callback/x", "nonsense", "http://a:b/c"])
def test_simulate_says_at_once_that_no_console_is_there(db, url):
    with pytest.raises(CommandError, match=f"Nothing listens at {url} .*with this PORT"):
        call_command("simulate", url=url, key="k", stdout=StringIO())
