"""The end of a simulation: three independent counts, and what differs between them."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from django.db import Error

from orders import simulation
from orders.models import Delivery, DeliveryStatus, Order
from orders.simulation import Superapp
from permissions.models import MiniGame

SHOWN: Final = 5
LOOK_SECONDS: Final = 0.5


@dataclass
class Counts:
    """What each of the three witnesses knows: the numbers, or None if it cannot be asked."""

    answered: set[str]
    stored: set[str] | None = None
    delivered: set[str] | None = None
    received: dict[str, int] | None = None
    # What of each order was refunded: as it was told, and as the database says.
    told_refunded: dict[str, int] = field(default_factory=dict)
    refunded: dict[str, int] | None = None
    unasked: list[str] = field(default_factory=list)

    @property
    def is_settled(self) -> bool:
        """Say whether everything that was answered has arrived everywhere."""
        return self.refunded in (None, self.told_refunded) and all(
            seen is None or self.answered <= set(seen)
            for seen in (self.stored, self.delivered, self.received)
        )

    def differences(self) -> list[str]:
        """Return a sentence for each difference from what was answered with success."""
        found = []
        for name, seen in (
            ("in the database", self.stored),
            ("delivered", self.delivered),
            ("at the receiver", self.received),
        ):
            if seen is not None:
                found += _compare(name, self.answered, set(seen))
        if self.refunded is not None:
            found += _compare("refunded", _sums(self.told_refunded), _sums(self.refunded))
        return found


def _sums(refunded: dict[str, int]) -> set[str]:
    return {f"{number} by {cents}" for number, cents in refunded.items()}


def _compare(name: str, answered: set[str], seen: set[str]) -> list[str]:
    lost, extra = answered - seen, seen - answered
    return [
        f"{len(numbers)} {what} {name}: {', '.join(sorted(numbers)[:SHOWN])}"
        for numbers, what in (
            (lost, "answered with success but not"),
            (extra, "not answered with success but"),
        )
        if numbers
    ]


def count(superapp: Superapp, *, app_id: str, receiver: str, seconds: float) -> Counts:
    """Ask the witnesses, again and again for so long, until all is delivered."""
    deadline = time.monotonic() + seconds
    while True:
        counts = _ask(superapp, app_id=app_id, receiver=receiver)
        if counts.is_settled or time.monotonic() > deadline:
            return counts
        time.sleep(LOOK_SECONDS)


def _ask(superapp: Superapp, *, app_id: str, receiver: str) -> Counts:
    scenario = superapp.scenario
    tally = superapp.tally
    counts = Counts(answered=tally.succeeded, told_refunded=tally.refunded)
    try:
        _ask_database(counts, app_id=app_id, env=scenario.env, prefix=scenario.prefix)
    except (Error, MiniGame.DoesNotExist) as problem:
        counts.unasked.append(f"database ({str(problem).strip().splitlines()[0]})")
    if not receiver:
        counts.unasked.append("receiver (none given)")
        return counts
    try:
        counts.received = asyncio.run(
            simulation.received(receiver, env=scenario.env, prefix=scenario.prefix)
        )
    except OSError as problem:
        counts.received = {}
        counts.unasked.append(str(problem))
    return counts


def _ask_database(counts: Counts, *, app_id: str, env: str, prefix: str) -> None:
    game = MiniGame.objects.get(app_id=app_id)
    mine = Order.objects.filter(game=game, env=env, number__startswith=prefix)
    delivered = Delivery.objects.filter(
        order__in=mine,
        status=DeliveryStatus.DELIVERED,
        order__delivery_status=DeliveryStatus.DELIVERED,
    )
    counts.refunded = dict(
        mine.filter(refunded_cents__gt=0).values_list("number", "refunded_cents")
    )
    counts.stored = set(mine.values_list("number", flat=True))
    counts.delivered = set(delivered.values_list("order__number", flat=True))


def describe(superapp: Superapp, counts: Counts, *, say: Callable[[str], None]) -> None:
    """Say what was answered, how fast, and the counts."""
    tally = superapp.tally
    say("Answers (HTTP, returnCode):")
    for answered, times in sorted(tally.answers.items()):
        say(f"  {answered!s:<28} {times:>8,}")
    say(f"Latency: p50 {tally.quantile_ms(0.5):.1f} ms, p99 {tally.quantile_ms(0.99):.1f} ms")
    for name, seen in (
        ("answered with success", counts.answered),
        ("rows in the database", counts.stored),
        ("delivered in the database", counts.delivered),
        ("numbers at the receiver", counts.received),
    ):
        say(f"  {name:<28} {'not asked' if seen is None else f'{len(seen):,}':>8}")
    if counts.received:
        say(f"  {'notifications accepted':<28} {sum(counts.received.values()):>8,}")
    if tally.refund_events:
        _describe_refunds(tally.refund_events, counts, say=say)
    for each in counts.unasked:
        say(f"Not reached: {each}")


def _describe_refunds(events: int, counts: Counts, *, say: Callable[[str], None]) -> None:
    say(f"Refund events answered with success: {events:,}")
    for name, seen in (("told", counts.told_refunded), ("in the database", counts.refunded)):
        told = (
            "not asked" if seen is None else f"{len(seen):,} orders, {sum(seen.values()):,} cents"
        )
        say(f"  {'refunded, ' + name:<28} {told}")
