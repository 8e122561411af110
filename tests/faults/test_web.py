"""The web server under a stop, under a proxy that doubles requests, and under senders that hang up."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import psycopg

from tests.faults.servers import wait_until
from tests.processes.console import ROOT, free_ports
from tests.processes.purchases import purchase, send


def _stored(postgresql, number):
    return postgresql.one(f"select count(*) from orders_order where number = '{number}'")  # noqa: S608 -- our own number


def _request(console, demo, number):
    """Return a callback as it goes over the wire."""
    url, body = urlsplit(demo["callback_url"]), purchase(demo, number)
    head = (
        f"POST {url.path} HTTP/1.1\r\nHost: 127.0.0.1:{console.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _answers(sending, wanted):
    """Return the code of each answer that comes, up to so many, until the server hangs up."""
    came = b""
    codes: list[str] = []
    while len(codes) < wanted and (piece := sending.recv(65536)):
        came += piece
        codes = [
            json.loads(answer.partition(b"\r\n\r\n")[2][: answer.index(b"}") + 1])["returnCode"]
            for answer in (b"HTTP/1.1 " + part for part in came.split(b"HTTP/1.1 ")[1:])
            if b"}" in answer
        ]
    return codes


def test_a_doubled_request_makes_one_order(console, postgresql):
    raw = _request(console, console.demo(), "R36-doubled")

    with socket.create_connection(("127.0.0.1", console.port), timeout=30) as sending:
        sending.sendall(raw * 2)
        codes = _answers(sending, 2)

    assert codes == ["0", "0"]
    assert _stored(postgresql, "R36-doubled") == 1


def test_a_sender_that_hangs_up_within_the_body_leaves_nothing(console, postgresql):
    demo = console.demo()
    raw = _request(console, demo, "R36-cut")

    for hangs_up in (socket.SHUT_WR, socket.SHUT_RDWR):
        with socket.create_connection(("127.0.0.1", console.port), timeout=30) as sending:
            sending.sendall(raw[:-40])
            sending.shutdown(hangs_up)
            # The server may hang up just as roughly, or have been flooded with junk by another test.
            with suppress(ConnectionResetError):
                assert _answers(sending, 1) in ([], ["40001"], ["42901"])
    assert _stored(postgresql, "R36-cut") == 0

    assert send(demo["callback_url"], purchase(demo, "R36-cut")) == (200, "0")


def test_of_two_contents_of_one_number_at_once_one_wins_all(console, postgresql, full):
    demo = console.demo()
    for n in range(20 if full else 1):
        told = [purchase(demo, f"R3-{n}", quantity=1 + each % 2) for each in range(100)]

        with ThreadPoolExecutor(100) as crowd:
            answers = list(crowd.map(lambda body: send(demo["callback_url"], body), told))

        bought = postgresql.one(f"select quantity from orders_order where number = 'R3-{n}'")  # noqa: S608 -- our own number
        expected = [(200, "0"), (409, "40901")]
        assert answers == (expected if bought == 1 else expected[::-1]) * 50


@contextmanager
def _another_web(console):
    port = free_ports()
    serving = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "web", "--web-workers", "1"],
        cwd=ROOT, env=console.environment | {"PORT": str(port)}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    base = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: console.get("/healthz", base=base)[0] == 200, 180)
        yield serving, base
    finally:
        if serving.poll() is None:
            os.killpg(serving.pid, signal.SIGKILL)
            serving.wait()


def _waiting(postgresql):
    return postgresql.one(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%orders_order%'"
    )


def test_stopping_the_web_server_cuts_no_request(console, postgresql):
    demo = console.demo()
    with (
        _another_web(console) as (serving, base),
        psycopg.connect(postgresql.url) as holding,
        ThreadPoolExecutor(6) as crowd,
    ):
        url = base + urlsplit(demo["callback_url"]).path
        # What is under way is held up until the stop has begun.
        holding.execute("lock table orders_order in exclusive mode")
        under_way = [crowd.submit(send, url, purchase(demo, f"R5-{n}")) for n in range(6)]
        wait_until(lambda: _waiting(postgresql) >= 1)
        serving.terminate()
        time.sleep(0.5)
        holding.rollback()
        answers = [one.result(60) for one in under_way]
        serving.wait(30)

    # One that waited for the lock for more than 2 s was told to come again.
    assert set(answers) <= {(200, "0"), (503, "50301")}
    stored = postgresql.one("select count(*) from orders_order where number like 'R5-%'")
    assert stored == answers.count((200, "0"))
