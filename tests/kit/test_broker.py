"""The broker without Redis: what is published is read whole, whoever looks meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from queue import Empty
from threading import Barrier, Event

import pytest
from kombu import Connection

from sasvpay.celery import app
from sasvpay.kit import broker

MESSAGES = 400


@pytest.fixture
def channel(tmp_path):
    folder = str(tmp_path)
    options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder}

    def build():
        return Connection(
            "localhost", transport="sasvpay.kit.broker:Transport", transport_options=options
        ).channel()

    return build


def _take(channel, is_published):
    """Return what there is to take, until nothing is left of what was published."""
    got = []
    while True:
        was_all = is_published.is_set()
        try:
            got.append(channel._get("jobs")["number"])
        except Empty:
            if was_all:
                return got


def test_who_never_stops_looking_reads_every_message_once(channel):
    is_published = Event()
    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(_take, channel(), is_published) for _each in range(4)]
        writer = channel()
        for number in range(MESSAGES):
            writer._put("jobs", {"number": number, "body": "x" * 10_000})
        is_published.set()

    got = [number for reader in readers for number in reader.result()]
    assert sorted(got) == list(range(MESSAGES))


@pytest.mark.parametrize("times", range(20))
def test_processes_that_start_at_once_bind_one_table(channel, times):
    start = Barrier(8)

    def bind(number):
        mine = channel()
        start.wait()
        mine._queue_bind("jobs", "jobs", "", f"queue{number}")
        return [row.queue for row in mine.get_table("jobs")]

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(bind, range(8)))

    assert all(f"queue{number}" in queues for number, queues in enumerate(seen))
    assert {row.queue for row in channel().get_table("jobs")} == {f"queue{n}" for n in range(8)}


def test_celery_uses_it_where_there_is_no_redis(settings):
    transport = app.connection_for_write().transport

    assert settings.REDIS_URL or isinstance(transport, broker.Transport)
