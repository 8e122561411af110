"""The broker in files: whoever looks meanwhile finds whole messages, each once."""

from queue import Empty
from threading import Thread

from kombu import Connection

from sasvpay.celery import app
from sasvpay.kit import broker

MESSAGES = 1000


def _channel(folder):
    options = {"data_folder_in": str(folder), "data_folder_out": str(folder)}
    link = Connection(
        "filesystem://",
        transport="sasvpay.kit.broker.Transport",
        transport_options=options | {"control_folder": str(folder / "control")},
    )
    return link.channel()


def test_a_worker_that_looks_while_a_message_is_written_finds_all_of_it_or_nothing(tmp_path):
    channel = _channel(tmp_path)
    writer = Thread(
        target=lambda: [
            channel._put("celery", {"n": n, "body": "x" * 9000}) for n in range(MESSAGES)
        ]
    )
    writer.start()

    found: list[int] = []
    while len(found) < MESSAGES:
        is_writing = writer.is_alive()
        try:
            found.append(channel._get("celery")["n"])
        except Empty:
            assert is_writing
    writer.join()

    assert sorted(found) == list(range(MESSAGES))
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == []


def test_celery_uses_it_where_there_is_no_redis(settings):
    transport = app.connection_for_write().transport

    assert settings.REDIS_URL or isinstance(transport, broker.Transport)
