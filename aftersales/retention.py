"""What becomes of refunds that are older than they are kept, as `orders.retention` for orders.

A refund goes when it ended and its order may go too; one that is still processing stays.
"""

from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from aftersales import used_numbers
from aftersales.models import Refund, RefundEvent, RefundStatus, UsedRefundNumber
from orders.retention import BATCH, SETTLED

_LEFT: Final = UsedRefundNumber.objects.filter(
    game=OuterRef("game"), env=OuterRef("env"), number=OuterRef("number")
)


def due(*, before: datetime) -> "QuerySet[Refund]":
    """Return the refunds that may go."""
    return Refund.objects.filter(
        Q(order=None) | Q(order__created_at__lt=before),
        ~Q(status=RefundStatus.PROCESSING),
        changed_at__lt=before,
    )


def keeps_order(*, before: datetime) -> Exists:
    """Return the condition that an order has a refund which stays for now."""
    gone = due(before=before).values("pk")
    return Exists(Refund.objects.filter(~Q(pk__in=gone), order=OuterRef("pk")))


def has_refunds() -> Exists:
    """Return the condition that an order has a refund."""
    return Exists(Refund.objects.filter(order=OuterRef("pk")))


def leave_numbers(*, before: datetime, at: datetime) -> int:
    """Leave the numbers of the refunds that may go, and return how many were left anew."""
    left, after = 0, 0
    unmarked = due(before=before).filter(~Exists(_LEFT)).order_by("pk")
    while refunds := list(unmarked.filter(pk__gt=after)[:BATCH]):
        rows = [_number_of(refund, at) for refund in refunds]
        UsedRefundNumber.objects.bulk_create(rows, ignore_conflicts=True)
        left, after = left + len(refunds), refunds[-1].pk
    return left


def remove_refunds(*, before: datetime, at: datetime) -> int:
    """Delete refunds whose numbers were left long enough, with their events."""
    removed = 0
    while batch := _remove_batch(before=before, at=at):
        removed += batch
    return removed


@transaction.atomic
def _remove_batch(*, before: datetime, at: datetime) -> int:
    skips = connection.features.has_select_for_update_skip_locked
    settled = Exists(_LEFT.filter(left_at__lte=at - SETTLED))
    rows = due(before=before).filter(settled).order_by("pk")
    locked = rows.select_for_update(skip_locked=skips, of=("self",)).values_list("pk", flat=True)
    pks = list(locked[:BATCH])
    RefundEvent.objects.filter(refund__in=pks).delete()
    Refund.objects.filter(pk__in=pks).delete()
    return len(pks)


def _number_of(refund: Refund, at: datetime) -> UsedRefundNumber:
    return UsedRefundNumber(
        game_id=refund.game_id,
        env=refund.env,
        number=refund.number,
        digest=used_numbers.digest_of(refund),
        status=refund.status,
        left_at=at,
    )
