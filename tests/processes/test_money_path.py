"""What nobody may lose: purchases over HTTP, through the processes that `serve` starts."""

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.processes.purchases import numbers_at_receiver, purchase, send


def test_two_thousand_purchases_are_stored_once_and_delivered(console):
    run = console.manage(
        "simulate", "--count", "2000", "--duplicates", "0.2", "--concurrency", "32",
        "--timeout", "120", "--receiver", console.receiver_url,
    )  # fmt: skip

    assert run.returncode == 0, run.stdout + run.stderr + console.log.read_text()[-3000:]
    assert re.search(r"2,?000", run.stdout)


def test_nothing_is_lost_when_worker_dispatcher_and_web_are_killed_on_the_way(console):
    before = console.stats()["hits"]
    run = console.popen(
        "simulate", "--count", "2000", "--duplicates", "0.2", "--concurrency", "32",
        "--timeout", "120", "--receiver", console.receiver_url,
    )  # fmt: skip
    console.wait_until(lambda: console.stats()["hits"] > before, "nothing was sent")
    for _round in range(3):
        time.sleep(1.5)
        console.kill("sasvpay worker")
        console.kill("manage.py dispatch")
        console.kill("granian")

    printed, _nothing = run.communicate(timeout=240)

    assert run.returncode == 0, printed + console.log.read_text()[-3000:]


@pytest.mark.postgresql
def test_a_thousand_copies_at_once_make_one_order_and_a_thousand_successes(console):
    demo = console.demo()
    numbers = [f"COPIES-{n}" for n in range(20 if os.environ.get("FAULTS") == "full" else 1)]

    for number in numbers:
        body = purchase(demo, number)
        with ThreadPoolExecutor(max_workers=200) as crowd:
            answers = list(
                crowd.map(lambda _n, body=body: send(demo["callback_url"], body), range(1000))
            )
        assert answers == [(200, "0")] * 1000

    console.wait_until(
        lambda: numbers_at_receiver(console, "COPIES-") == dict.fromkeys(numbers, 1),
        "not each order was delivered exactly once",
    )


@pytest.mark.postgresql
def test_two_reviewers_deciding_at_once_make_one_decision(console):
    demo = console.demo()
    password = demo["people"][0]["password"]
    reviewers = [console.browser("reviewer@demo.example", password) for _ in range(2)]
    queue = reviewers[0].get("/review")
    (approve,) = set(re.findall(r"/games/[\w-]+/payment/\d+/approve", queue))

    with ThreadPoolExecutor(max_workers=2) as crowd:
        pages = list(crowd.map(lambda r: r.post(approve, note="Welcome.")[1], reviewers))

    audit = console.manage(
        "shell", "-c",
        "from sasvpay.kit.models import AuditEvent as A;"
        "print(A.objects.filter(event='payment_approved', game='mg_51d0aa').count())",
    )  # fmt: skip
    assert audit.stdout.split()[-1] == "1"
    # The other one is told, and the page shows what was decided.
    assert sum("Payment is enabled for" in page for page in pages) == 1


def _connections(console):
    with psycopg.connect(console.environment["DATABASE_URL"]) as own:
        found = own.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        ).fetchone()
    return found[0] if found else 0


@pytest.mark.postgresql
def test_twenty_dispatchers_never_push_one_order_at_the_same_time(console):
    demo = console.demo()
    before = _connections(console)
    others = [console.popen("dispatch") for _ in range(19)]
    try:
        console.wait_until(lambda: _connections(console) >= before + 19, "not all dispatch", 90)
        with ThreadPoolExecutor(max_workers=16) as crowd:
            answers = list(
                crowd.map(
                    lambda n: send(demo["callback_url"], purchase(demo, f"TWENTY-{n}")),
                    range(400),
                )
            )
        console.wait_until(
            lambda: len(numbers_at_receiver(console, "TWENTY-")) == 400,
            "not every order was delivered",
            seconds=90,
        )
    finally:
        for other in others:
            other.terminate()
        for other in others:
            other.communicate(timeout=30)

    assert answers == [(200, "0")] * 400
    assert set(numbers_at_receiver(console, "TWENTY-").values()) == {1}
