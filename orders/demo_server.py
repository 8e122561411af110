"""A developer's server for the demo and for tests: takes notifications, remembers them, misbehaves.

It shows what a partner has to do: verify the signature, hand an order over once however often it is
told, and answer OK again to a repeated notification.
"""

import asyncio
import json
import random
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from aiohttp import web  # noqa: TID251 -- a server, not a client: it calls no address

from orders import envelope
from orders.envelope import EnvelopeError

HANG_SECONDS: Final = 60.0
GARBAGE: Final = (b"", b"OK", b"<html>502</html>", b"\xff\xfe\x00", b"[]", b'{"returnCode":"0"')
NOT_MINE: Final = "PayEventSig does not match."


@dataclass(frozen=True)
class Behaviour:
    """How often it misbehaves; each rate is a share of the authentic notifications."""

    fail_rate: float = 0.0
    hang_rate: float = 0.0
    garbage_rate: float = 0.0
    delay_ms: float = 0.0

    def changed(self, wanted: Mapping[str, Any]) -> "Behaviour":
        """Return it with other figures; raise ValueError for what it does not know."""
        known = {field.name for field in fields(self)}
        if not set(wanted) <= known or not all(_is_figure(value) for value in wanted.values()):
            raise ValueError(f"Send numbers from 0 on for any of {', '.join(sorted(known))}.")
        return replace(self, **wanted)

    def pick(self) -> str:
        """Say what is done with the next notification."""
        dice = random.random()  # noqa: S311 -- a demo's mood
        for name, rate in (
            ("fail", self.fail_rate),
            ("hang", self.hang_rate),
            ("garbage", self.garbage_rate),
        ):
            if dice < rate:
                return name
            dice -= rate
        return "accept"


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


class Sale(NamedTuple):
    """What identifies an order for the developer."""

    env: str
    number: str


class Memory:
    """What was accepted. With a file it outlives the process: one line is added per acceptance."""

    def __init__(self, path: Path | None) -> None:
        self.accepted: Counter[Sale] = Counter()
        self.delivery_ids: dict[Sale, set[str]] = {}
        self.counts: Counter[str] = Counter()
        self._path = path
        told = path.read_text("utf-8") if path and path.exists() else ""
        for line in told.splitlines():
            # A line is cut if the process was killed while it wrote.
            if line.count("\t") == 2:  # noqa: PLR2004 -- three columns
                env, number, delivery_id = line.split("\t")
                self._keep(Sale(env, number), delivery_id)
        self._file = path.open("a", encoding="utf-8", buffering=1) if path else None
        if self._file and told and not told.endswith("\n"):
            self._file.write("\n")

    def accept(self, sale: Sale, delivery_id: str) -> None:
        """Hand the order over, unless it was."""
        if self._file:
            # Before the answer: what was answered OK is never forgotten.
            self._file.write(f"{sale.env}\t{sale.number}\t{delivery_id}\n")
        self._keep(sale, delivery_id)

    def _keep(self, sale: Sale, delivery_id: str) -> None:
        self.accepted[sale] += 1
        self.delivery_ids.setdefault(sale, set()).add(delivery_id)
        self.counts["hits"] += 1

    def reset(self) -> None:
        """Forget everything."""
        self.accepted.clear()
        self.delivery_ids.clear()
        self.counts.clear()
        if self._file:
            self._file.truncate(0)

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

    def stats(self) -> dict[str, int]:
        """Return the figures: `hits` are all authentic notifications, answered well or not."""
        accepted, distinct = self.accepted.total(), len(self.accepted)
        return {
            "hits": self.counts["hits"],
            "distinct": distinct,
            "duplicates": accepted - distinct,
            "refused": self.counts["refused"],
            **{name: self.counts[name] for name in ("fail", "hang", "garbage")},
        }

    def numbers(self, prefix: str) -> list[dict[str, Any]]:
        """Return each accepted order whose number starts so, with its notifications."""
        return [
            {**sale._asdict(), "hits": hits, "delivery_ids": sorted(self.delivery_ids[sale])}
            for sale, hits in self.accepted.items()
            if sale.number.startswith(prefix)
        ]


class Receiver:
    """The server: one address takes notifications, a few others are for whoever runs the demo."""

    def __init__(
        self, *, behaviour: Behaviour, memory: Memory, key: str = "", log: Path | None = None
    ) -> None:
        self.behaviour, self.memory, self._key = behaviour, memory, key
        self._log = log.open("a", encoding="utf-8", buffering=1) if log else None

    def app(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(client_max_size=256 * 1024)
        app.router.add_get("/stats", self._stats)
        app.router.add_get("/numbers", self._numbers)
        app.router.add_post("/behave", self._behave)
        app.router.add_post("/reset", self._reset)
        app.router.add_post("/{path:.*}", self._notified)
        app.on_cleanup.append(self._close)
        return app

    async def _stats(self, request: web.Request) -> web.Response:
        return web.json_response(self.memory.stats())

    async def _numbers(self, request: web.Request) -> web.Response:
        found = self.memory.numbers(request.query.get("prefix", ""))
        return web.json_response({"numbers": found})

    async def _behave(self, request: web.Request) -> web.Response:
        try:
            wanted = json.loads(await request.text() or "{}")
            self.behaviour = self.behaviour.changed(wanted)
        except (ValueError, TypeError) as problem:
            return web.json_response({"error": str(problem)}, status=400)
        return web.json_response(asdict(self.behaviour))

    async def _reset(self, request: web.Request) -> web.Response:
        self.memory.reset()
        return web.json_response(self.memory.stats())

    async def _notified(self, request: web.Request) -> web.Response:
        delivery_id = request.headers.get("X-Delivery-Id", "")
        try:
            sale = self._read(await request.read())
        except EnvelopeError as problem:
            self.memory.counts["refused"] += 1
            self._note(what="refused", why=problem.message, delivery_id=delivery_id)
            return _answer(problem.code, problem.message, status=problem.status)
        if self.behaviour.delay_ms:
            await asyncio.sleep(self.behaviour.delay_ms / 1000)
        what = self.behaviour.pick()
        self._note(what=what, delivery_id=delivery_id, **sale._asdict())
        if what == "accept":
            self.memory.accept(sale, delivery_id)
            return _answer("0", "")
        return await self._misbehave(what)

    async def _misbehave(self, what: str) -> web.Response:
        self.memory.counts["hits"] += 1
        self.memory.counts[what] += 1
        if what == "fail":
            return _answer("50001", "Told to fail.", status=500)
        if what == "hang":
            await asyncio.sleep(HANG_SECONDS)
        return web.Response(body=random.choice(GARBAGE))  # noqa: S311 -- a demo's mood

    def _read(self, body: bytes) -> Sale:
        told = envelope.parse_envelope(body)
        if self._key and not envelope.verify(self._key, told):
            raise EnvelopeError("40101", 401, NOT_MINE)
        paid = envelope.parse_purchase(told.payload)
        return Sale(str(paid.env), paid.out_trade_no)

    def _note(self, **facts: str) -> None:
        if self._log:
            self._log.write(json.dumps({"at": datetime.now(UTC).isoformat(), **facts}) + "\n")

    async def _close(self, app: web.Application) -> None:
        self.memory.close()
        if self._log:
            self._log.close()


def _answer(code: str, message: str, *, status: int = 200) -> web.Response:
    return web.json_response(
        {
            "returnCode": code,
            "returnMessage": message,
            "data": "OK" if code == "0" else "",
            "requestId": str(uuid.uuid4()),
        },
        status=status,
    )


async def serve(receiver: Receiver, *, host: str, port: int, until: asyncio.Event) -> None:
    """Listen until told otherwise. Raises OSError if the port cannot be had."""
    runner = web.AppRunner(
        receiver.app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.5
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        await until.wait()
    finally:
        await runner.cleanup()
