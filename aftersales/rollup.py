"""The daily figures of refunds, by the day on which they were initiated.

The only writer of DailyRefunds; the rules are those of `orders.rollup`. A refund counts when it
counts for its order: it succeeded, its order is known, and it is within what was paid. Whatever
changes that, on whichever old day, moves the refund's `changed_at`.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import Count, Q, Sum

from aftersales.models import DailyRefunds, Refund, RefundFlag, RefundStatus
from orders import rollup
from orders.rollup import Days
from permissions.models import MiniGame
from sasvpay.kit import listing

NAME: Final = "refunds"
# For what was committed late, and for clocks that differ.
OVERLAP: Final = timedelta(minutes=10)


def sweep(*, at: datetime) -> int:
    """Compute the days that may have changed, and return how many; 0 if another sweep is at it."""
    with rollup.turn(NAME, waits=False) as mine:
        if mine is None:
            return 0
        changed = Refund.objects.all()
        if mine.swept_at is not None:
            changed = changed.filter(changed_at__gte=mine.swept_at - OVERLAP)
        days = _days_of(changed.values_list("game_id", "initiated_at").iterator())
        _compute(days)
        mine.swept_at = at
        mine.save()
    return sum(map(len, days.values()))


def rebuild(*, game: MiniGame | None = None, since: date | None = None) -> int:
    """Forget the days of one game or of all, compute them from the refunds, and return how many."""
    chosen = Q(game=game) if game else Q()
    refunds = Refund.objects.filter(chosen)
    if since:
        refunds = refunds.filter(initiated_at__gte=listing.whole_day(since).since)
    with rollup.turn(NAME, waits=True):
        DailyRefunds.objects.filter(chosen, day__gte=since or date.min).delete()
        days = _days_of(refunds.values_list("game_id", "initiated_at").iterator())
        _compute(days)
    return sum(map(len, days.values()))


def _days_of(refunds: Iterable[tuple[int, datetime]]) -> Days:
    days: Days = defaultdict(set)
    for game_id, initiated_at in refunds:
        days[listing.day_of(initiated_at)].add(game_id)
    return days


def _compute(days: Days) -> None:
    for day, games in sorted(days.items()):
        _compute_day(day, sorted(games))


def _compute_day(day: date, games: list[int]) -> None:
    span = listing.whole_day(day)
    counted = Refund.objects.filter(
        ~Q(flags__contains=RefundFlag.EXCEEDS_PAID),
        game__in=games,
        status=RefundStatus.SUCCEEDED,
        initiated_at__gte=span.since,
        initiated_at__lt=span.until,
        order__isnull=False,
    )
    sums = (
        counted.values("game_id", "is_test")
        .annotate(refunds=Count("pk"), refunded_cents=Sum("amount_cents"))
        .order_by()
    )
    DailyRefunds.objects.filter(day=day, game__in=games).delete()
    DailyRefunds.objects.bulk_create([DailyRefunds(day=day, **row) for row in sums])
