"""Deliveries, claim to noted answer: our dispatcher, the bare loop, and a Celery task for each.

    DATABASE_URL=postgres://... REDIS_URL=redis://... \\
        python -m tests.benchmarks.deliver --orders 5000 --rounds 3

One process each, all to one fast receiver. The firm figure is CPU microseconds an order, of that
process and of PostgreSQL together; Redis and the receiver are left out. `with_dead` is ours while
one more game's server takes everything and answers nothing. Every order must come once, and be
noted. The peer needs Redis and an optional extra: `pip install requests`, or PYTHONPATH to it.
"""

import argparse
import json
import os
import time
from contextlib import ExitStack
from functools import partial
from urllib.request import urlopen

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sasvpay.settings")
import django

django.setup()

from django.conf import settings  # noqa: E402 -- after the set-up
from django.db import connection  # noqa: E402 -- as above
from django.utils import timezone  # noqa: E402 -- as above

from orders import intake  # noqa: E402 -- as above
from orders.models import Delivery, DeliveryAttempt  # noqa: E402 -- as above
from tests.benchmarks import deliverers  # noqa: E402 -- as above
from tests.benchmarks.measuring import (  # noqa: E402 -- as above
    compare,
    free_port,
    in_turns,
    measured,
    own_database,
    running,
    say,
    wait_until_idle,
)
from tests.factories import (  # noqa: E402 -- as above
    DeliveryConfigFactory,
    DeliveryKeyFactory,
    MiniGameFactory,
)
from tests.orders.callbacks import purchase_of  # noqa: E402 -- as above

# As many as fill the dispatcher, with 16 in flight each.
GAMES = 16
DEAD_ORDERS = 200
MODULE = "tests.benchmarks.deliverers"
COMMANDS = {
    "ours": ["manage.py", "dispatch"],
    "bare": ["-m", MODULE, "bare", "0"],
    "celery": [
        "-m",
        "celery",
        "--quiet",
        "-A",
        MODULE,
        "worker",
        "--pool",
        "threads",
        "--concurrency",
        "8",
    ],
}
LEFT = "select count(*) from orders_delivery where game_id = any(%s) and status <> 'delivered'"


def seed(url, orders, number=GAMES):
    """Return the ids of games that are owed so many orders together."""
    games = [MiniGameFactory() for _ in range(number)]
    for game in games:
        DeliveryConfigFactory(game=game, url=url)
        DeliveryKeyFactory(game=game)
        told = [purchase_of(game, OutTradeNo=f"T{n:012}") for n in range(orders // number)]
        intake.store(told, at=timezone.now())
    return [game.pk for game in games]


def execute(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def hold():
    """Owe nothing, as if nothing had been tried."""
    execute("truncate orders_deliveryattempt, orders_receiver")
    execute(
        "update orders_delivery set status = 'held', attempts = 0, uncounted = 0, last_verdict = '',"
        " lease_until = null, delivered_at = null"
    )
    execute("update orders_order set delivery_status = 'held'")
    execute("vacuum analyze orders_order, orders_delivery")


def deliver(name, games, receiver, asked, *, also=()):
    hold()
    with running(*COMMANDS[name]) as pid:
        wait_until_idle(pid)
        urlopen(receiver).read()
        with measured(asked.orders, pid) as found:
            execute(
                "update orders_delivery set status = 'waiting', due_at = statement_timestamp()"
                " where game_id = any(%s)",
                [*games, *also],
            )
            if name == "celery":
                deliverers.push_all.delay()
            while execute(LEFT, games) != [(0,)]:
                time.sleep(0.05)
    # Once each, and noted: the limit keeps no attempts.
    assert json.load(urlopen(receiver)) == [asked.orders] * 2
    delivered = Delivery.objects.filter(game__in=games, status="delivered", attempts=1)
    kept = DeliveryAttempt.objects.filter(delivery__game__in=games, verdict="delivered")
    assert delivered.count() == asked.orders
    assert kept.count() == (0 if name == "bare" else asked.orders)
    return found | {"per_core": 1e6 / found["own"]}


def report(asked):
    with ExitStack() as stack:
        urls = {}
        for kind in ("receive", "hang"):
            port = free_port()
            stack.enter_context(running("-m", MODULE, kind, str(port), port=port))
            urls[kind] = f"http://127.0.0.1:{port}/"
        games = seed(urls["receive"], asked.orders)
        dead = seed(urls["hang"], DEAD_ORDERS, number=1)
        ways = {
            name: partial(deliver, name, games, urls["receive"], asked)
            for name in COMMANDS
            if name != "celery" or (deliverers.requests and settings.REDIS_URL)
        }
        ways["with_dead"] = partial(deliver, "ours", games, urls["receive"], asked, also=dead)
        medians = in_turns(ways, asked.rounds)
    compare(medians, "ours", [name for name in ways if name != "ours"])
    say(f"ours, on a core of its own: {medians['ours']['per_core']:.0f} a second")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--orders", type=int, default=5000)
    arguments.add_argument("--rounds", type=int, default=3)
    asked = arguments.parse_args()
    asked.orders -= asked.orders % GAMES
    with own_database():
        report(asked)


if __name__ == "__main__":
    main()
