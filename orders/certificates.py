"""Certificates that end soon: the page says so, and the team's administrators get one letter."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from orders.models import DeliveryKey
from permissions import administrators
from permissions.models import MiniGame

WARNED_BEFORE: Final = timedelta(days=30)
# A sweep takes so many; the next goes on.
AT_ONCE: Final = 100


def ending(game: MiniGame, at: datetime) -> DeliveryKey | None:
    """Return the newest certificate if it ends within 30 days, or has ended."""
    return _ending(at).filter(game=game).first()


def warn(*, at: datetime) -> int:
    """Write to the administrators once for each certificate that ends soon; return for how many."""
    due = _ending(at).filter(end_told_at=None).order_by("pk").values_list("pk", flat=True)
    return sum(_warn(pk, at=at) for pk in list(due[:AT_ONCE]))


@transaction.atomic
def _warn(pk: int, *, at: datetime) -> bool:
    # Compare and set: of two sweeps one writes.
    if not DeliveryKey.objects.filter(pk=pk, end_told_at=None).update(end_told_at=at):
        return False
    key = DeliveryKey.objects.select_related("game__team").get(pk=pk)
    administrators.tell(key.game, template="orders/certificate_ending", context={"key": key}, at=at)
    return True


def _ending(at: datetime) -> "QuerySet[DeliveryKey]":
    newer = DeliveryKey.objects.filter(game=OuterRef("game"), pk__gt=OuterRef("pk"))
    return DeliveryKey.objects.filter(~Exists(newer), expires_at__lte=at + WARNED_BEFORE)
