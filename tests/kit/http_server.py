"""Servers on loopback that answer well or badly."""

import asyncio
from concurrent.futures import ThreadPoolExecutor


class answering:  # noqa: N801 -- reads as the phrase it is: post_to(answering(ok()))
    """A server that reads one request, writes `raw`, and does `then` with the writer."""

    def __init__(self, raw, *, then=None):
        self.raw, self.then, self.requests = raw, then, []

    async def __call__(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            self.requests.append((head, await reader.readexactly(size)))
            writer.write(self.raw)
            await writer.drain()
            if self.then:
                await self.then(writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client hung up, or the test is over
        finally:
            writer.close()


def ok(body=b'{"ErrCode":0}', *, headers=b""):
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\n%bContent-Length: %d\r\n\r\n%b" % (
        headers,
        len(body),
        body,
    )


def run(scenario):
    """Run a coroutine in a thread of its own: the browser tests keep a loop running in ours."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, scenario).result()
