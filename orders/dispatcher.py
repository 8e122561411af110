"""The loop of `manage.py dispatch`: claim, push, write back.

One event loop pushes; one thread speaks with the database. Nothing that goes wrong here ends it:
what it could not note is released by a sweep once the lease has run out.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

import structlog
from django.db import DEFAULT_DB_ALIAS, DataError, IntegrityError, connections
from django.utils import timezone

from orders import delivery, envelope
from orders.delivery import FAILING_LANE_SLOTS, LANE_SLOTS, Lane, Result, Work
from orders.models import Verdict
from sasvpay.kit import heartbeat
from sasvpay.kit.outbound import Client

IN_FLIGHT: Final = 256
IDLE_SECONDS: Final = 0.5
# Between two claims while there is work.
BUSY_SECONDS: Final = 0.02
# Slots that become free within this time are filled by one statement.
GATHER_SECONDS: Final = 0.005
BEAT_SECONDS: Final = 10.0
BACK_OFF_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)
# When stopping: for the pushes in flight, and then for the last batches.
FINISH_SECONDS: Final = 4.0
WRITE_SECONDS: Final = 3.0

EVENT: Final = envelope.PURCHASE_EVENT

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Database:
    """The one thread, with the one connection, that speaks with the database."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="database")

    async def once(self, call: Callable[[], T]) -> T:
        """Do it, or raise."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def insist(self, call: Callable[[], T], *, final: tuple[type[Exception], ...] = ()) -> T:
        """Do it, again and again while the database is away; raise only what is final."""
        failures = 0
        while True:
            try:
                return await self.once(call)
            except final:
                raise
            except Exception as problem:  # noqa: BLE001 -- a database is away in many ways, and comes back
                log.warning("database_away", reason=str(problem).strip()[:200])
            await self.once(_disconnect)
            await asyncio.sleep(BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)])
            failures += 1

    async def close(self) -> None:
        """Give the connection back and end the thread."""
        await self.once(connections.close_all)
        self._thread.shutdown()


def _disconnect() -> None:
    connections.close_all()
    # A pool that lost its server waits longer and longer before it tries again, and finds its dead
    # connections one by one: a new pool connects at once.
    close_pool = getattr(connections[DEFAULT_DB_ALIAS], "close_pool", None)
    if close_pool:
        close_pool()


class Dispatcher:
    """One process's share of the work."""

    def __init__(self) -> None:
        self._database = Database()
        self._stopping = asyncio.Event()
        self._wake = asyncio.Event()
        self._results: asyncio.Queue[Result] = asyncio.Queue()
        self._pushes: set[asyncio.Task[None]] = set()
        self._busy: Counter[Lane] = Counter()
        # Lanes whose last attempt failed: they get few slots until one succeeds.
        self._failing: set[Lane] = set()
        # Lanes that may have more due than they had free slots at the last claim.
        self._hungry: set[Lane] = set()
        self._is_full = False

    def stop(self) -> None:
        """Claim no more, finish what is in flight, write it back, return from `run`."""
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        """Deliver until `stop`, which is to be called in the same event loop."""
        helpers = [asyncio.create_task(self._write_back()), asyncio.create_task(self._beat())]
        claiming = asyncio.create_task(self._claim())
        try:
            async with Client() as self._client:
                await self._stopping.wait()
                # What a claim under way has taken is pushed as well.
                await asyncio.wait([claiming], timeout=WRITE_SECONDS)
                if self._pushes:
                    await asyncio.wait(self._pushes, timeout=FINISH_SECONDS)
                await asyncio.wait(
                    [asyncio.create_task(self._results.join())], timeout=WRITE_SECONDS
                )
        finally:
            for task in (*helpers, claiming, *self._pushes):
                task.cancel()
            await self._database.close()

    async def _claim(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            slots, limit = self._slots(), IN_FLIGHT - len(self._pushes)
            found = await self._database.insist(partial(delivery.claim, slots=slots, limit=limit))
            for work in found:
                self._start(work)
            taken = Counter(work.lane for work in found)
            self._hungry = {
                lane for lane in {*slots, *taken} if taken[lane] >= slots.get(lane, LANE_SLOTS)
            }
            self._is_full = len(found) >= limit
            await self._rest(BUSY_SECONDS if found else IDLE_SECONDS)

    def _slots(self) -> dict[Lane, int]:
        return {
            lane: (FAILING_LANE_SLOTS if lane in self._failing else LANE_SLOTS) - self._busy[lane]
            for lane in {*self._busy, *self._failing}
        }

    async def _rest(self, seconds: float) -> None:
        """Wait, but not when a slot becomes free for which there may be work."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        await asyncio.sleep(GATHER_SECONDS)

    def _start(self, work: Work) -> None:
        self._busy[work.lane] += 1
        push = asyncio.create_task(self._push(work))
        self._pushes.add(push)
        push.add_done_callback(partial(self._finish, work.lane))

    def _finish(self, lane: Lane, push: asyncio.Task[None]) -> None:
        self._pushes.discard(push)
        self._busy[lane] -= 1
        if not self._busy[lane]:
            del self._busy[lane]
        if self._is_full or lane in self._hungry:
            self._wake.set()

    async def _push(self, work: Work) -> None:
        try:
            result = await self._pushed(work)
        except Exception:
            # For example a key that no master key opens. The sweep notes it as interrupted.
            log.exception("push_failed", order=work.order_id, attempt=work.attempt)
            self._failing.add(work.lane)
            return
        if result.verdict == Verdict.DELIVERED:
            self._failing.discard(work.lane)
        else:
            self._failing.add(work.lane)
        self._results.put_nowait(result)

    async def _pushed(self, work: Work) -> Result:
        secret = delivery.secret_of(work)
        body = envelope.build(
            event=EVENT, pay_model=work.pay_model, payload=work.payload, secret=secret
        )
        headers = {"Content-Type": "application/json", "X-Delivery-Id": work.delivery_id}
        answer = await self._client.post(work.url, body, headers)
        return Result.of(work, answer, signature=envelope.sign(secret, EVENT, work.payload))

    async def _write_back(self) -> None:
        while True:
            batch = [await self._results.get()]
            # Whatever came in while the last batch was written goes together.
            while not self._results.empty():
                batch.append(self._results.get_nowait())
            await self._note(batch)
            for _each in batch:
                self._results.task_done()

    async def _note(self, batch: Sequence[Result]) -> None:
        try:
            await self._database.insist(
                partial(delivery.note, batch), final=(DataError, IntegrityError)
            )
        except (DataError, IntegrityError):
            if len(batch) == 1:
                log.exception("note_failed", order=batch[0].order_id, attempt=batch[0].attempt)
                return
            # One of them cannot be stored: it fails alone.
            for each in batch:
                await self._note([each])

    async def _beat(self) -> None:
        while True:
            await self._database.insist(lambda: heartbeat.beat("dispatcher", at=timezone.now()))
            await asyncio.sleep(BEAT_SECONDS)
