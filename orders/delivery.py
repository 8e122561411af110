"""The deliveries that are owed: claim them, note what came of them, release what was lost.

The row is the truth: when it is due, who holds it and until when, how often it was tried. Whatever
the clocks of the processes say, due times and leases follow the database's clock.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

import structlog
from django.conf import settings
from django.db import connection, transaction

from orders import delivery_postgresql, delivery_sqlite
from orders.models import Delivery, DeliveryAttempt, DeliveryStatus, Verdict
from orders.pushes import FAILING_LANE_SLOTS, LANE_SLOTS, LEASE, Lane, Result, Work, delivery_id
from orders.verdicts import explain, judge
from sasvpay.kit import crypto

__all__ = [
    "FAILING_LANE_SLOTS",
    "LANE_SLOTS",
    "LEASE",
    "Lane",
    "Result",
    "Work",
    "claim",
    "delivery_id",
    "explain",
    "judge",
    "next_gap",
    "note",
    "release_expired",
    "secret_of",
]

JITTER: Final = 0.1
# Expired leases that one sweep releases; the next goes on.
RELEASE_LIMIT: Final = 2000
# An order whose process died so often in a row is parked: it may be what kills.
INTERRUPTIONS: Final = 3

log = structlog.get_logger(__name__)

# Every move that the statements of this subject make; a test holds it against the table.
MOVES: Final = frozenset(
    {
        (DeliveryStatus.WAITING, DeliveryStatus.SENDING),
        (DeliveryStatus.SENDING, DeliveryStatus.WAITING),
        (DeliveryStatus.SENDING, DeliveryStatus.FAILED),
        (DeliveryStatus.SENDING, DeliveryStatus.DELIVERED),
        # A late OK: the developer has the order, whatever happened to the lease meanwhile.
        (DeliveryStatus.WAITING, DeliveryStatus.DELIVERED),
        (DeliveryStatus.FAILED, DeliveryStatus.DELIVERED),
        (DeliveryStatus.HELD, DeliveryStatus.DELIVERED),
    }
)


def claim(*, slots: Mapping[Lane, int], limit: int) -> list[Work]:
    """Take what is due and can start now: at most each lane's free slots, and `limit` in all.

    A lane that `slots` does not name is free. Only lanes that are switched on, have a URL and a
    key that signs already. The lanes with the most free slots come first: one that fills its
    slots never keeps another waiting.
    """
    if limit <= 0:
        return []
    if connection.vendor == "postgresql":
        return delivery_postgresql.claim(slots, limit)
    return delivery_sqlite.claim(slots, limit)


def note(results: Sequence[Result]) -> None:
    """Write back what a batch of attempts came to, and when those to be repeated are due.

    A result whose lease ran out changes nothing but its own attempt, unless it is an OK.
    """
    if not results:
        return
    # By order, so that two writers wait for each other instead of deadlocking.
    rows = sorted(results, key=lambda each: (each.order_id, each.attempt))
    pauses = [_pause(each) for each in rows]
    if connection.vendor == "postgresql":
        delivery_postgresql.note(rows, pauses)
    else:
        delivery_sqlite.note(rows, pauses)


def next_gap(counted: int, asked: timedelta = timedelta(0)) -> timedelta | None:
    """Return how long to wait after so many counted attempts, with jitter; None at the plan's end.

    A server may ask to be left alone for longer: up to twice the plan's gap. After a probe of a
    paused URL, which counts for nothing, the order stays due.
    """
    plan = [0, *settings.DELIVERY_RETRY_SECONDS]
    if counted >= len(plan):
        return None
    gap = timedelta(seconds=plan[counted])
    # Of a thousand orders that failed together, not all come back in one instant.
    jitter = random.uniform(0, JITTER)  # noqa: S311 -- spreads load, hides nothing
    return max(gap * (1 + jitter), min(asked, 2 * gap))


def _pause(result: Result) -> timedelta | None:
    if result.verdict == Verdict.DELIVERED or result.is_parked:
        return None
    gap = next_gap(result.counted, result.retry_after)
    return None if gap is None else max(gap - result.waited, timedelta(0))


@transaction.atomic
def release_expired(*, at: datetime) -> int:
    """Note the attempts whose process died as interrupted, and return how many there were.

    `at` is only the clock of an embedded database; a database server is asked for its own.
    """
    now = _clock(at)
    expired = (
        Delivery.objects.select_for_update(
            skip_locked=connection.features.has_select_for_update_skip_locked
        )
        .filter(status=DeliveryStatus.SENDING, lease_until__lt=now)
        .order_by("lease_until")[:RELEASE_LIMIT]
    )
    rows = list(expired)
    poisonous = _poisonous(rows)
    results = [_interrupted(row, now, is_parked=row.pk in poisonous) for row in rows]
    note(results)
    for row in rows:
        if row.pk in poisonous:
            log.error("delivery_parked", order=row.pk, attempts=row.attempts)
    return len(results)


def _poisonous(rows: Sequence[Delivery]) -> set[int]:
    """Return the orders whose attempts were interrupted so often in a row that they may be why."""
    rest = {row.pk: row.attempts - INTERRUPTIONS for row in rows}
    before = DeliveryAttempt.objects.filter(delivery__in=rest, verdict=Verdict.INTERRUPTED)
    tally = Counter(
        pk for pk, number in before.values_list("delivery", "number") if number > rest[pk]
    )
    # The attempt that is about to be noted is one more. A resend gives all of them again.
    return {
        row.pk for row in rows if tally[row.pk] + 1 >= INTERRUPTIONS <= row.attempts - row.uncounted
    }


def _interrupted(row: Delivery, now: datetime, *, is_parked: bool) -> Result:
    started_at = (row.lease_until or now) - LEASE
    return Result(
        order_id=row.pk,
        attempt=row.attempts,
        counted=row.attempts - row.uncounted,
        verdict=Verdict.INTERRUPTED,
        detail="",
        started_at=started_at,
        waited=now - started_at,
        is_parked=is_parked,
    )


def _clock(at: datetime) -> datetime:
    if connection.vendor != "postgresql":
        return at
    with connection.cursor() as cursor:
        cursor.execute("select statement_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def secret_of(work: Work) -> str:
    """Return the key that signs this push."""
    return _decrypted(work.secret_encrypted)


@lru_cache(maxsize=1024)
def _decrypted(token: bytes) -> str:
    return crypto.decrypt(token)


def lag(*, at: datetime) -> timedelta:
    """Return for how long the oldest delivery that somebody should push by now is due."""
    due = Delivery.objects.filter(
        status=DeliveryStatus.WAITING, due_at__lt=at, game__delivery_config__is_enabled=True
    )
    oldest = due.order_by("due_at").values_list("due_at", flat=True).first()
    return at - oldest if oldest else timedelta(0)
