"""A superapp for the demo and for tests: signs purchases and sends them until they are answered."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import aiohttp  # noqa: TID251 -- it plays the superapp, which calls the console and the demo receiver

from orders import envelope
from orders.simulated_refunds import Payload, Refunding, Refunds
from sasvpay.kit import crypto

SUCCESS: Final = (200, "0")
FORGED: Final = (401, "40101")
NO_ANSWER: Final = 0
PAUSE_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
ATTACHMENTS: Final = ("", "a=1&b=2", "中文 皮肤", '{"slot": 3}', "=1+1", " spaces ", "😀\u2028")


class Answered(NamedTuple):
    """What one sending came to: HTTP status (0 for none) and returnCode (or why there is none)."""

    status: int
    code: str

    def __str__(self) -> str:
        return f"{self.status or 'none'}, {self.code}"

    @property
    def is_final(self) -> bool:
        """Say whether a superapp would not send it again."""
        return (
            self.status != NO_ANSWER
            and self.status < HTTPStatus.INTERNAL_SERVER_ERROR
            and self.status != HTTPStatus.TOO_MANY_REQUESTS
        )


@dataclass(frozen=True)
class Ware:
    """Something that can be bought."""

    item_id: str
    price_cents: int


@dataclass(frozen=True)
class Scenario:
    """What is to be sent, and how."""

    url: str
    key: str
    wares: Sequence[Ware]
    prefix: str
    env: str = "0"
    count: int = 2000
    rate: float = 0.0
    concurrency: int = 32
    duplicates: float = 0.2
    wrong_signatures: float = 0.0
    refunds: float = 0.0
    give_up_seconds: float = 60.0

    def purchases(self) -> "Iterator[Purchase]":
        """Return the purchases, of which evenly spread shares are forged or sent twice."""
        for index in range(self.count):
            yield Purchase(
                number=f"{self.prefix}{index:06}",
                is_forged=_is_share(index, self.wrong_signatures),
                # From the other end, so that a forged one is not always the doubled one.
                copies=1 + _is_share(self.count - 1 - index, self.duplicates),
                refund_turn=int(index * self.refunds) if _is_share(index, self.refunds) else None,
            )


def _is_share(index: int, share: float) -> bool:
    return int((index + 1) * share) > int(index * share)


@dataclass(frozen=True)
class Purchase:
    """One purchase: its number, how often it is sent at once, and whether by somebody else."""

    number: str
    is_forged: bool
    copies: int
    # The how-manieth refunded one it is, if it is refunded.
    refund_turn: int | None = None


@dataclass
class Tally:
    """What was answered."""

    answers: Counter[Answered] = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)
    succeeded: set[str] = field(default_factory=set)
    # Of each order what its refunds, all answered with success, add up to.
    refunded: dict[str, int] = field(default_factory=dict)
    refund_events: int = 0
    # Numbers with an answer that the protocol does not foresee for them.
    surprises: dict[str, Answered] = field(default_factory=dict)
    finished: int = 0

    def quantile_ms(self, share: float) -> float:
        """Return the time within which that share of the answers came."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


class Superapp:
    """Sends a scenario's purchases; `tally` can be watched meanwhile."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.tally = Tally()
        self._refunds = Refunds(began=int(time.time()))

    async def run(self) -> None:
        """Send everything, and return when all was answered or given up."""
        began = time.monotonic()
        waiting = enumerate(self.scenario.purchases())
        connector = aiohttp.TCPConnector(limit=self.scenario.concurrency)
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

            async def work() -> None:
                for index, purchase in waiting:
                    if self.scenario.rate:
                        await asyncio.sleep(began + index / self.scenario.rate - time.monotonic())
                    await self._buy(session, purchase)

            await asyncio.gather(*(work() for _each in range(self.scenario.concurrency)))

    async def _buy(self, session: aiohttp.ClientSession, purchase: Purchase) -> None:
        body = self._body(purchase)
        refunding = self._refunding(purchase)
        await self._tell(session, refunding.before)
        last = await asyncio.gather(
            *(self._send_until_answered(session, body) for _copy in range(purchase.copies))
        )
        expected = FORGED if purchase.is_forged else SUCCESS
        if SUCCESS in last:
            self.tally.succeeded.add(purchase.number)
        for answered in last:
            if answered != expected:
                self.tally.surprises[purchase.number] = answered
        await self._tell(session, refunding.after)
        if refunding.refunded_cents and purchase.number in self.tally.succeeded:
            self.tally.refunded[purchase.number] = refunding.refunded_cents
        self.tally.finished += 1

    def _refunding(self, purchase: Purchase) -> Refunding:
        if purchase.refund_turn is None or purchase.is_forged:
            return Refunding()
        return self._refunds.of(self._payload(purchase), purchase.refund_turn)

    async def _tell(self, session: aiohttp.ClientSession, refunds: Sequence[Payload]) -> None:
        for payload in refunds:
            body = self._signed(envelope.REFUND_EVENT, payload, self.scenario.key)
            answered = await self._send_until_answered(session, body)
            self.tally.refund_events += answered == SUCCESS
            if answered != SUCCESS:
                self.tally.surprises[payload["RefundNo"]] = answered

    async def _send_until_answered(self, session: aiohttp.ClientSession, body: bytes) -> Answered:
        deadline = time.monotonic() + self.scenario.give_up_seconds
        attempt = 0
        while True:
            answered = await self._send(session, body)
            self.tally.answers[answered] += 1
            if answered.is_final or time.monotonic() > deadline:
                return answered
            await asyncio.sleep(PAUSE_SECONDS[min(attempt, len(PAUSE_SECONDS) - 1)])
            attempt += 1

    async def _send(self, session: aiohttp.ClientSession, body: bytes) -> Answered:
        began = time.monotonic()
        headers = {"Content-Type": "application/json"}
        try:
            async with session.post(self.scenario.url, data=body, headers=headers) as response:
                content = await response.read()
        except (aiohttp.ClientError, OSError) as problem:
            return Answered(NO_ANSWER, type(problem).__name__)
        self.tally.latencies_ms.append((time.monotonic() - began) * 1000)
        return Answered(response.status, _code_of(content))

    def _body(self, purchase: Purchase) -> bytes:
        key = crypto.new_secret() if purchase.is_forged else self.scenario.key
        return self._signed(envelope.PURCHASE_EVENT, self._payload(purchase), key)

    def _signed(self, event: str, content: Payload, key: str) -> bytes:
        payload = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return envelope.build(event=event, pay_model="simulated", payload=payload, secret=key)

    def _payload(self, purchase: Purchase) -> dict[str, Any]:
        # By number, so that a repeated run with the same prefix sends the same content.
        dice = random.Random(purchase.number)  # noqa: S311 -- makes up purchases
        ware, quantity = dice.choice(self.scenario.wares), dice.randint(1, 3)
        return {
            "OpenId": f"o_simulated_{dice.randint(1, 200)}",
            "Env": self.scenario.env,
            "OutTradeNo": purchase.number,
            "GoodsInfo": {
                "ProductId": ware.item_id,
                "Quantity": quantity,
                "ZoneId": str(dice.randint(1, 4)),
                "OrigPrice": ware.price_cents * quantity,
                "ActualPrice": ware.price_cents * quantity,
                "Attach": dice.choice(ATTACHMENTS),
                "OrderSource": 1,
            },
        }


def _code_of(content: bytes) -> str:
    """Return the returnCode of a proper answer, else what is wrong with it."""
    try:
        answer = json.loads(content)
    except ValueError:
        return "not JSON"
    names = {"returnCode", "returnMessage", "data", "requestId"}
    if not isinstance(answer, dict) or set(answer) != names:
        return "not the envelope"
    if not all(isinstance(value, str) for value in answer.values()):
        return "not four strings"
    code: str = answer["returnCode"]
    return code if (answer["data"] == "OK") == (code == "0") else "code and data disagree"


async def received(receiver: str, *, env: str, prefix: str) -> dict[str, int]:
    """Return how often the demo receiver accepted each number. Raises OSError without one."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
            session.get(f"{receiver}/numbers", params={"prefix": prefix}) as response,
        ):
            found = (await response.json())["numbers"]
    except (aiohttp.ClientError, ValueError, KeyError) as problem:
        raise OSError(f"No demo receiver at {receiver}: {problem}") from problem
    return {each["number"]: each["hits"] for each in found if each["env"] == env}
