import asyncio
import gzip
import time

import pytest

from sasvpay.kit import outbound
from sasvpay.kit.outbound import Client, Failure
from tests.kit.http_server import answering, ok, run


@pytest.fixture(autouse=True)
def _lifted(settings):
    settings.DELIVERY_ALLOW_PRIVATE = True
    settings.DELIVERY_TIMEOUT_SECONDS = 1.0


def post_to(serve, *, times=1, body=b"{}", headers=None):
    """Post to a server on loopback, and return the last answer."""

    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            async with Client() as client:
                for _ in range(times):
                    answer = await client.post(f"http://127.0.0.1:{port}/pay", body, headers or {})
        finally:
            server.close()
            await server.wait_closed()
        return answer

    return run(main())


def test_post_sends_the_body_and_headers_and_returns_the_answer():
    serve = answering(ok())

    answer = post_to(serve, body=b'{"a": 1}', headers={"X-Delivery-Id": "7"})

    assert (answer.status, answer.body) == (200, b'{"ErrCode":0}')
    assert (answer.failure, answer.detail, answer.truncated) == (None, "", False)
    [(head, body)] = serve.requests
    assert head.startswith(b"POST /pay HTTP/1.1\r\n")
    assert b"\r\nX-Delivery-Id: 7\r\n" in head
    assert b"\r\nAccept-Encoding: identity\r\n" in head
    assert body == b'{"a": 1}'


async def hang(writer):
    await asyncio.sleep(20)


async def drip(writer):
    for _ in range(200):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("raw", "then", "status"),
    [
        (b"", hang, None),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", drip, None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", drip, 200),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", hang, 200),
    ],
    ids=["hang", "headers drip", "body drips", "body hangs"],
)
def test_post_cuts_a_slow_server_at_the_deadline(raw, then, status):
    start = time.monotonic()

    answer = post_to(answering(raw, then=then))

    assert answer.failure == Failure.TIMEOUT
    assert answer.status == status
    assert 900 <= answer.took_ms <= 2000
    assert time.monotonic() - start < 4


def test_post_cuts_a_name_server_that_is_silent():
    start = time.monotonic()

    def silent(host):
        time.sleep(2)
        return []

    async def main():
        async with Client(lookup=silent) as client:
            return await client.post("http://game.example.com/", b"", {})

    answer = run(main())

    assert answer.failure == Failure.TIMEOUT
    assert time.monotonic() - start < 1.9


def test_post_reads_no_more_than_64_kilobytes():
    answer = post_to(answering(ok(b"x" * 200_000)))

    assert answer.body == b"x" * 65536
    assert answer.excerpt == b"x" * 16384
    assert answer.truncated
    assert answer.failure is None


def test_post_takes_64_kilobytes_whole():
    answer = post_to(answering(ok(b"x" * 65536)))

    assert len(answer.body) == 65536
    assert not answer.truncated


def test_post_hangs_up_on_an_endless_answer():
    sent = []

    async def flood(writer):
        for _ in range(200 * 16):
            writer.write(b"x" * 65536)
            await writer.drain()
            sent.append(65536)

    answer = post_to(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 209715200\r\n\r\n", then=flood))

    assert answer.truncated
    assert sum(sent) < 20_000_000


def test_post_does_not_decompress():
    bomb = gzip.compress(bytes(30_000_000))

    answer = post_to(answering(ok(bomb, headers=b"Content-Encoding: gzip\r\n")))

    assert answer.body == bomb[:65536]


def test_post_brings_what_a_busy_server_asks_for():
    answer = post_to(answering(ok(headers=b"Retry-After: 120\r\n")))

    assert answer.retry_after == "120"
    assert post_to(answering(ok())).retry_after == ""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_post_does_not_follow_a_redirect(status):
    raw = b"HTTP/1.1 %d Go\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n" % status
    serve = answering(raw)

    answer = post_to(serve)

    assert (answer.status, answer.failure) == (status, None)
    assert len(serve.requests) == 1


async def reset(writer):
    writer.transport.abort()


@pytest.mark.parametrize(
    ("raw", "then"),
    [
        (b"", None),
        (b"", reset),
        (b"\x00\x01garbage\r\n\r\n", None),
        (b"SSH-2.0-OpenSSH_9.2\r\n", None),
        (b"HTTP/1.1 abc OK\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", None),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", None),
    ],
    ids=[
        "closed",
        "reset",
        "garbage",
        "ssh",
        "status",
        "short",
        "negative",
        "chunk",
        "huge header",
    ],
)
def test_post_tells_a_broken_answer(raw, then):
    answer = post_to(answering(raw, then=then))

    assert answer.failure == Failure.PROTOCOL
    assert answer.detail


def test_post_keeps_no_cookies():
    cookie = b"Set-Cookie: a=b; Path=/\r\n"

    serve = answering(ok(headers=cookie))
    post_to(serve, times=2)

    assert len(serve.requests) == 2
    assert not any(b"cookie" in head.lower() for head, _ in serve.requests)


def test_post_keeps_the_connection():
    connections = []

    async def serve(reader, writer):
        connections.append(writer)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(2)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.close()

    answer = post_to(serve, times=5)

    assert answer.body == b"ok"
    assert len(connections) == 1


def test_post_ignores_proxies_from_the_environment(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    monkeypatch.delenv("no_proxy", raising=False)
    serve = answering(ok())

    answer = post_to(serve)

    assert answer.status == 200
    assert serve.requests[0][0].startswith(b"POST /pay ")


def test_post_tells_a_closed_port_and_an_unknown_name():
    def unknown(host):
        raise OSError("Name or service not known")

    async def main():
        server = await asyncio.start_server(answering(b""), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        async with Client(lookup=unknown) as client:
            return (
                await client.post(f"http://127.0.0.1:{port}/", b"", {}),
                await client.post("http://game.example.com/", b"", {}),
            )

    refused, nameless = run(main())

    assert refused.failure == Failure.CONNECT
    assert nameless.failure == Failure.DNS


@pytest.mark.allow_hosts(["127.0.0.0/8"])
def test_post_finds_the_one_of_fifty_addresses_that_answers():
    closed = [f"127.0.1.{n}" for n in range(1, 50)]

    async def main():
        server = await asyncio.start_server(answering(ok()), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with Client(lookup=lambda host: [*closed, "127.0.0.1"]) as client:
            answer = await client.post(f"http://game.example.com:{port}/", b"", {})
        server.close()
        return answer

    answer = run(main())

    assert (answer.status, answer.failure) == (200, None)


def test_post_tells_a_server_without_tls():
    async def plain(reader, writer):
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def main():
        server = await asyncio.start_server(plain, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with Client() as client:
            answer = await client.post(f"https://127.0.0.1:{port}/", b"", {})
        server.close()
        await server.wait_closed()
        return answer

    assert run(main()).failure == Failure.TLS


def test_system_lookup_finds_this_machine():
    assert "127.0.0.1" in outbound.system_lookup("localhost")


def test_post_once_works_where_a_loop_is_running(settings):
    settings.DELIVERY_ALLOW_PRIVATE = False

    async def page():
        return outbound.post_once("http://10.0.0.1/", b"", {})

    assert run(page()).failure == Failure.REFUSED_ADDRESS
