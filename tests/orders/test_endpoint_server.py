"""What only the real server shows: how it hands over bodies without a length, and odd paths."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest
from django.conf import settings

HEAD = "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """Serve on a free port; no callback of this file gets as far as the database."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "DATA_DIR": str(tmp_path_factory.mktemp("web")),
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "sasvpay.settings"),
    }
    command = [
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--port",
        str(port),
        "sasvpay.wsgi:application",
    ]
    server = subprocess.Popen([sys.executable, *command], cwd=settings.BASE_DIR, env=environment)
    try:
        _wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(port):
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("The server did not start.")


def ask(port, rest, path="/callback/game"):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall((HEAD.format(path=path) + rest).encode())
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["returnCode"]


@pytest.mark.processes
@pytest.mark.parametrize(
    ("rest", "answer"),
    [
        ("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", (411, "41101")),
        ("\r\n", (411, "41101")),
        ("Content-Length: 0\r\n\r\n", (400, "40001")),
        ("Content-Length: 99999999\r\n\r\n{", (413, "41301")),
        ("Content-Length: 2\r\nContent-Encoding: gzip\r\n\r\n{}", (400, "40002")),
    ],
)
def test_server_hands_over_what_the_length_promises(port, rest, answer):
    assert ask(port, rest) == answer


@pytest.mark.processes
@pytest.mark.parametrize(
    "path", ["/callback/a/b", "/callback/%00", "/callback/%ff", "/callback/a?format=xml"]
)
def test_server_hands_over_odd_paths(port, path):
    assert ask(port, "Content-Length: 2\r\n\r\n{}", path=path) == (400, "40002")
