"""The door to addresses that people type in: the only HTTP client.

A URL is judged as text before each use (`addresses.check_url`), and its address again at the moment
a socket is made for it, so that DNS cannot change between the check and the connection.
"""

import asyncio
import errno
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import TracebackType
from typing import Final, Self

import aiohttp  # noqa: TID251 -- this is the door
from aiohttp.abc import AbstractResolver, ResolveResult  # noqa: TID251 -- this is the door
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from yarl import URL

from sasvpay.kit.addresses import PORTS, UnsafeUrlError, check_url, is_public, parsed

__all__ = ["Answer", "Client", "Failure", "UnsafeUrlError", "check_url", "is_public", "post_once"]

READ_BYTES: Final = 64 * 1024
KEEP_BYTES: Final = 16 * 1024


class RefusedAddressError(OSError):
    """The address that was about to be connected to is not public."""


class Failure(models.TextChoices):
    """Why there is no complete answer."""

    TIMEOUT = "timeout", _("No complete answer in time")
    DNS = "dns", _("The host name was not found")
    REFUSED_ADDRESS = "refused_address", _("The address is not allowed")
    CONNECT = "connect", _("The connection was refused")
    TLS = "tls", _("No secure connection")
    PROTOCOL = "protocol", _("The answer was broken off or was not HTTP")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. With a failure, status and body are what had come until then."""

    status: int | None
    body: bytes
    truncated: bool
    took_ms: int
    failure: Failure | None = None
    detail: str = ""
    # The header of that name, as it came.
    retry_after: str = ""

    @property
    def excerpt(self) -> bytes:
        """Return the part of the body that is worth keeping."""
        return self.body[:KEEP_BYTES]


Lookup = Callable[[str], Sequence[str]]


def system_lookup(host: str) -> list[str]:
    """Return the addresses of a host name, as this machine finds them."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [str(address[0]) for *_rest, address in found]


class _Resolver(AbstractResolver):
    """Look each name up in a thread of its own: a dead name server delays no other host.

    The threads are daemons, because nothing can stop a lookup and nobody should wait for one:
    asyncio's own pool would hold up the end of the loop until the last lookup gave up.
    """

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._free = asyncio.Semaphore(64)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found: Future[Sequence[str]] = Future()
        # Marked as running, so that giving up the wait does not cancel what the thread will settle.
        found.set_running_or_notify_cancel()

        def look_up() -> None:
            try:
                found.set_result(self._lookup(host))
            except OSError as problem:
                found.set_exception(problem)

        async with self._free:
            threading.Thread(target=look_up, daemon=True, name="lookup").start()
            return [_resolved(host, each, port) for each in await asyncio.wrap_future(found)]

    async def close(self) -> None:
        pass


def _resolved(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=0,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )


def _guarded_socket(addr_info: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, _name, address = addr_info
    if not settings.DELIVERY_ALLOW_PRIVATE:
        if not is_public(ip_address(address[0])):
            raise RefusedAddressError(errno.EACCES, "The address is not public")
        if address[1] not in PORTS:
            raise RefusedAddressError(errno.EACCES, "The port is neither 80 nor 443")
    return socket.socket(family, kind, protocol)


class Client:
    """Posts to addresses that people typed in. Use it as `async with Client() as client`.

    Of a host with public and private addresses only the public ones are connected to. Redirects
    are not followed, proxies and cookies are not used, answers are not decompressed.
    """

    def __init__(
        self, *, limit: int = 0, limit_per_host: int = 0, lookup: Lookup = system_lookup
    ) -> None:
        self._limit, self._limit_per_host, self._lookup = limit, limit_per_host, lookup

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=self._limit,
            limit_per_host=self._limit_per_host,
            resolver=_Resolver(self._lookup),
            ttl_dns_cache=30,
            socket_factory=_guarded_socket,
            # Less than the common servers' own (gunicorn 2 s, Node 5 s): a POST that meets a
            # connection just being closed would fail, and is not repeated by itself.
            keepalive_timeout=1.5,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"Accept-Encoding": "identity", "User-Agent": "virtual-payment-console"},
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send once, within one deadline around everything. Never raises for the network's sake."""
        clock = asyncio.get_running_loop().time
        start = clock()
        came = _Came()
        failure, detail = None, ""
        try:
            target = parsed(url)
            async with asyncio.timeout(settings.DELIVERY_TIMEOUT_SECONDS):
                await self._exchange(target, body, headers, came)
        except (UnsafeUrlError, aiohttp.ClientError, OSError) as problem:
            failure, detail = _why(problem)
        took_ms = round((clock() - start) * 1000)
        return Answer(
            status=came.status,
            body=bytes(came.body),
            truncated=came.truncated,
            took_ms=took_ms,
            failure=failure,
            detail=detail,
            retry_after=came.retry_after,
        )

    async def _exchange(
        self, url: URL, body: bytes, headers: Mapping[str, str], came: "_Came"
    ) -> None:
        response = await self._session.post(url, data=body, headers=headers, allow_redirects=False)
        # A connection whose answer was read to its end is kept; close() cuts any other.
        try:
            came.status = response.status
            came.retry_after = response.headers.get("Retry-After", "")
            while piece := await response.content.readany():
                came.body += piece
                if len(came.body) > READ_BYTES:
                    del came.body[READ_BYTES:]
                    came.truncated = True
                    break
        finally:
            response.close()


@dataclass(slots=True)
class _Came:
    """What came until now."""

    status: int | None = None
    body: bytearray = field(default_factory=bytearray)
    truncated: bool = False
    retry_after: str = ""


def _why(problem: Exception) -> tuple[Failure, str]:
    if isinstance(problem, aiohttp.ClientConnectorError):
        return _why_unconnected(problem)
    detail = (str(problem) or type(problem).__name__)[:300]
    if isinstance(problem, TimeoutError):
        return Failure.TIMEOUT, f"No complete answer within {settings.DELIVERY_TIMEOUT_SECONDS:g} s"
    if isinstance(problem, UnsafeUrlError | aiohttp.InvalidURL):
        return Failure.REFUSED_ADDRESS, detail
    return Failure.PROTOCOL, detail


def _why_unconnected(problem: aiohttp.ClientConnectorError) -> tuple[Failure, str]:
    # The cause's words only: aiohttp's own add the host name, which the reader knows.
    cause = problem.os_error
    detail = (cause.strerror or str(cause) or type(cause).__name__)[:300]
    if isinstance(cause, RefusedAddressError):
        return Failure.REFUSED_ADDRESS, detail
    if isinstance(problem, aiohttp.ClientConnectorDNSError):
        return Failure.DNS, detail
    return (Failure.TLS if isinstance(problem, aiohttp.ClientSSLError) else Failure.CONNECT), detail


def post_once(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send one request from a page; for more than one keep a Client."""

    async def once() -> Answer:
        async with Client() as client:
            return await client.post(url, body, headers)

    # In a thread of its own: the caller's may have a running loop. The context carries the language.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(copy_context().run, asyncio.run, once()).result()
