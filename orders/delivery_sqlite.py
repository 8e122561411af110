"""Claim and write back on SQLite: the same moves in one IMMEDIATE transaction.

An embedded database has no other clock than this machine's.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from orders import receivers_sqlite
from orders.daily import LateOutcome
from orders.delivery_copy import copy_to
from orders.models import (
    Delivery,
    DeliveryAttempt,
    DeliveryConfig,
    DeliveryKey,
    DeliveryStatus,
    Env,
    Order,
    Verdict,
)
from orders.pushes import LANE_SLOTS, LATE, LEASE, Lane, Result, Work


class _Target(NamedTuple):
    lane: Lane
    url: str


def claim(slots: Mapping[Lane, int], limit: int) -> list[Work]:
    """Take what is due; see `delivery.claim`."""
    now = timezone.now()
    # Outside of the transaction first: an idle dispatcher does not take the only write lock.
    if not (receivers_sqlite.are_to_end(now) or _due(slots, limit, now)):
        return []
    with transaction.atomic():
        due = _due(slots, limit, now)
        Delivery.objects.filter(pk__in=due).update(
            status=DeliveryStatus.SENDING, attempts=F("attempts") + 1, lease_until=now + LEASE
        )
        Order.objects.filter(pk__in=due).update(delivery_status=DeliveryStatus.SENDING)
        probed = _pace(due, slots, limit, now)
        rows = Delivery.objects.filter(pk__in=due).select_related("order").order_by("due_at", "pk")
        keys = _keys({row.game_id for row in rows}, now)
        return [
            _work(row, due[row.pk].url, keys[row.game_id], now, is_probe=row.pk in probed)
            for row in rows
        ]


def _due(slots: Mapping[Lane, int], limit: int, now: datetime) -> dict[int, _Target]:
    """Return where each order goes that can start now."""
    due: dict[int, _Target] = {}
    lanes = sorted(_lanes(now).items(), key=lambda it: -slots.get(it[0], LANE_SLOTS))
    slow = receivers_sqlite.slow()
    for lane, url in lanes:
        room = receivers_sqlite.room(slow.get(lane), now)
        free = min(slots.get(lane, LANE_SLOTS), room, limit - len(due))
        if free > 0:
            waiting = Delivery.objects.filter(
                game=lane.game_id, env=lane.env, status=DeliveryStatus.WAITING, due_at__lte=now
            )
            found = waiting.order_by("due_at").values_list("pk", flat=True)[:free]
            due.update(dict.fromkeys(found, _Target(lane, url)))
    return due


def _pace(
    due: Mapping[int, _Target], slots: Mapping[Lane, int], limit: int, now: datetime
) -> set[int]:
    """Say from when on the next may be taken of each slow lane; return which orders are probes."""
    taken = Counter(target.lane for target in due.values())
    slow = receivers_sqlite.slow()
    for lane, receiver in slow.items():
        room = min(receivers_sqlite.room(receiver, now), slots.get(lane, LANE_SLOTS))
        is_done = taken[lane] < room and len(due) < limit
        receivers_sqlite.take(receiver, taken[lane], is_done=is_done, now=now)
    probed = {
        pk for pk, target in due.items() if target.lane in slow and slow[target.lane].paused_at
    }
    Delivery.objects.filter(pk__in=probed).update(uncounted=F("uncounted") + 1)
    return probed


def _lanes(now: datetime) -> dict[Lane, str]:
    """Return the URL of each lane that is switched on and has a key that signs already."""
    signed = DeliveryKey.objects.filter(active_from__lte=now).values("game")
    configs = DeliveryConfig.objects.filter(is_enabled=True, game__in=signed).order_by("?")
    return {
        Lane(config.game_id, env): url
        for config in configs
        for env, url in ((Env.LIVE.value, config.url), (Env.TEST.value, config.test_url))
        if url
    }


def _keys(games: set[int], now: datetime) -> dict[int, DeliveryKey]:
    active = DeliveryKey.objects.filter(game__in=games, active_from__lte=now)
    return {key.game_id: key for key in active.order_by("active_from", "pk")}


def _work(row: Delivery, url: str, key: DeliveryKey, now: datetime, *, is_probe: bool) -> Work:
    return Work(
        order_id=row.pk,
        lane=Lane(row.game_id, row.env),
        attempt=row.attempts,
        counted=0 if is_probe else row.attempts - row.uncounted,
        claimed_at=now,
        url=url,
        number=row.order.number,
        pay_model=row.order.pay_model,
        payload=row.order.payload,
        key_id=key.pk,
        secret_encrypted=bytes(key.secret_encrypted),
    )


@transaction.atomic
def note(results: Sequence[Result], pauses: Sequence[timedelta | None]) -> None:
    """Write back a batch; see `delivery.note`."""
    now = timezone.now()
    moved = [
        result
        for result, pause in zip(results, pauses, strict=True)
        if _move(result, pause, now) and result.verdict != Verdict.INTERRUPTED
    ]
    ids = {result.order_id for result in results}
    lanes = Delivery.objects.filter(pk__in=ids).values_list("pk", "game_id", "env")
    receivers_sqlite.hear(moved, {pk: Lane(game_id, env) for pk, game_id, env in lanes}, now)
    copy_to(Order.objects.filter(pk__in=ids))
    _tell_late(ids, now)
    _keep_attempts(results)


def _move(result: Result, pause: timedelta | None, now: datetime) -> int:
    mine = Q(status=DeliveryStatus.SENDING, attempts=result.attempt)
    row = Delivery.objects.filter(pk=result.order_id)
    common = {"last_verdict": result.verdict, "lease_until": None}
    if result.verdict == Verdict.DELIVERED:
        return row.filter(mine | ~Q(status=DeliveryStatus.DELIVERED)).update(
            status=DeliveryStatus.DELIVERED, delivered_at=Coalesce("delivered_at", now), **common
        )
    if pause is None:
        return row.filter(mine).update(status=DeliveryStatus.FAILED, **common)
    return row.filter(mine).update(status=DeliveryStatus.WAITING, due_at=now + pause, **common)


def _tell_late(ids: set[int], now: datetime) -> None:
    late = Order.objects.filter(pk__in=ids, created_at__lt=now - LATE)
    LateOutcome.objects.bulk_create(
        LateOutcome(game_id=game_id, ordered_at=ordered_at)
        for game_id, ordered_at in late.values_list("game_id", "created_at")
    )


def _keep_attempts(results: Sequence[Result]) -> None:
    for result in results:
        # What really came of an attempt replaces the guess of the sweep.
        DeliveryAttempt.objects.filter(
            delivery=result.order_id, number=result.attempt, verdict=Verdict.INTERRUPTED
        ).delete()
    DeliveryAttempt.objects.bulk_create(
        [
            DeliveryAttempt(
                delivery_id=result.order_id,
                number=result.attempt,
                started_at=result.started_at,
                url=result.url,
                key_id=result.key_id,
                signature=result.signature,
                status_code=result.status_code,
                answer=result.answer,
                took_ms=result.took_ms,
                verdict=result.verdict,
                detail=result.detail,
            )
            for result in results
        ],
        ignore_conflicts=True,
    )
