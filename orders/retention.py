"""What becomes of orders that are older than they are kept: first their numbers are left, then they go.

A callback is stored by one statement, which looks for the number among orders and used numbers as
they were when it began. So a number is left `SETTLED` before its order goes: whatever began before
has ended by then. What is still owed is never purged, however old.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from orders import used_numbers
from orders.models import ConflictingCallback, DeliveryStatus, Order, TestPush, UsedNumber

BATCH: Final = 500
# As long as a statement may last (settings: statement_timeout).
SETTLED: Final = timedelta(seconds=60)
_ENDED: Final = (DeliveryStatus.DELIVERED, DeliveryStatus.FAILED)
_LEFT: Final = UsedNumber.objects.filter(
    game=OuterRef("game"), env=OuterRef("env"), number=OuterRef("number")
)


def due(*, before: datetime, kept: Exists) -> "QuerySet[Order]":
    """Return the orders that may go: nothing of them is owed, and nobody else keeps them."""
    return Order.objects.filter(~kept, created_at__lt=before, delivery_status__in=_ENDED)


def leave_numbers(*, before: datetime, kept: Exists, at: datetime) -> int:
    """Leave the numbers of the orders that may go, and return how many were left anew."""
    left, after = 0, 0
    unmarked = due(before=before, kept=kept).filter(~Exists(_LEFT)).order_by("pk")
    while orders := list(unmarked.filter(pk__gt=after)[:BATCH]):
        rows = [_number_of(order, at) for order in orders]
        UsedNumber.objects.bulk_create(rows, ignore_conflicts=True)
        left, after = left + len(orders), orders[-1].pk
    return left


def remove_orders(*, before: datetime, kept: Exists, at: datetime) -> int:
    """Delete orders whose numbers were left long enough, with all that is of them."""
    removed = 0
    while batch := _remove_batch(before=before, kept=kept, at=at):
        removed += batch
    return removed


def old_conflicts(*, before: datetime) -> "QuerySet[ConflictingCallback]":
    """Return the conflicting callbacks that were kept long enough."""
    return ConflictingCallback.objects.filter(created_at__lt=before)


def old_test_pushes(*, before: datetime) -> "QuerySet[TestPush]":
    """Return old test notifications but each game's last, which its checklist shows."""
    later = TestPush.objects.filter(
        Q(sent_at__gt=OuterRef("sent_at")) | Q(sent_at=OuterRef("sent_at"), pk__gt=OuterRef("pk")),
        game=OuterRef("game"),
    )
    return TestPush.objects.filter(Exists(later), sent_at__lt=before)


@transaction.atomic
def _remove_batch(*, before: datetime, kept: Exists, at: datetime) -> int:
    skips = connection.features.has_select_for_update_skip_locked
    settled = Exists(_LEFT.filter(left_at__lte=at - SETTLED))
    rows = due(before=before, kept=kept).filter(settled).order_by("pk")
    locked = rows.select_for_update(skip_locked=skips).values_list("pk", flat=True)
    # Looked at again under the lock: a refund may have come meanwhile.
    chosen = due(before=before, kept=kept).filter(pk__in=list(locked[:BATCH]))
    pks = list(chosen.values_list("pk", flat=True))
    # A conflict is kept as long as any record, from when it came.
    ConflictingCallback.objects.filter(order__in=pks).update(order=None)
    Order.objects.filter(pk__in=pks).delete()
    return len(pks)


def _number_of(order: Order, at: datetime) -> UsedNumber:
    return UsedNumber(
        game_id=order.game_id,
        env=order.env,
        number=order.number,
        digest=used_numbers.digest_of(order),
        left_at=at,
    )
