import asyncio
from ipaddress import ip_network

import pytest
from yarl import URL

from sasvpay.kit import addresses, outbound
from sasvpay.kit.outbound import Client, Failure
from tests.kit.http_server import answering, ok, run


@pytest.fixture
def closed(settings):
    """The rules of production."""
    settings.DELIVERY_ALLOW_PRIVATE = False


@pytest.fixture
def half_closed(closed, monkeypatch):
    """Let 127.0.0.1 count as public, and 127.0.0.2 not: both can be reached in a test."""
    monkeypatch.setattr(addresses, "CLOSED", (ip_network("127.0.0.2/32"),))


def names(hosts, lookup, monkeypatch):
    """Post to host names, with servers at 127.0.0.1 and 127.0.0.2, and return who was asked."""
    asked = {"127.0.0.1": 0, "127.0.0.2": 0}

    async def serve(reader, writer):
        asked[writer.get_extra_info("sockname")[0]] += 1
        await answering(ok())(reader, writer)

    async def main():
        outer = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = outer.sockets[0].getsockname()[1]
        inner = await asyncio.start_server(serve, "127.0.0.2", port)
        monkeypatch.setattr(outbound, "PORTS", frozenset({port}))
        monkeypatch.setattr(addresses, "_checked", lambda url, lifted: URL(url))
        async with Client(lookup=lookup) as client:
            answers = [
                await client.post(f"http://{host}:{port}/", b"", {"Connection": "close"})
                for host in hosts
            ]
        for server in (outer, inner):
            server.close()
            await server.wait_closed()
        return answers

    return run(main()), asked


@pytest.mark.allow_hosts(["127.0.0.1", "127.0.0.2"])
@pytest.mark.parametrize("order", [["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"]])
def test_of_a_name_with_public_and_private_addresses_only_the_public_is_asked(
    half_closed, monkeypatch, order
):
    answers, asked = names(["game.example.com"], lambda host: order, monkeypatch)

    assert [answer.status for answer in answers] == [200]
    assert asked == {"127.0.0.1": 1, "127.0.0.2": 0}


@pytest.mark.allow_hosts(["127.0.0.1", "127.0.0.2"])
def test_a_name_that_flips_between_outside_and_inside_is_never_asked_inside(
    half_closed, monkeypatch
):
    flips = iter(["127.0.0.1", "127.0.0.2"] * 500)
    hosts = [f"h{number}.example.com" for number in range(1000)]

    answers, asked = names(hosts, lambda host: [next(flips)], monkeypatch)

    assert asked == {"127.0.0.1": 500, "127.0.0.2": 0}
    assert {answer.failure for answer in answers[1::2]} == {Failure.REFUSED_ADDRESS}


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::1"]
)
def test_a_public_name_of_an_inner_address_is_refused_at_the_socket(closed, address):
    async def main():
        async with Client(lookup=lambda host: [address]) as client:
            return await client.post("http://game.example.com/", b"", {})

    answer = run(main())

    assert answer.failure == Failure.REFUSED_ADDRESS
    assert "not public" in answer.detail
    assert address not in answer.detail


def test_the_socket_refuses_other_ports_too(closed):
    with pytest.raises(outbound.RefusedAddressError, match="port"):
        outbound._guarded_socket((2, 1, 6, "", ("8.8.8.8", 8080)))
