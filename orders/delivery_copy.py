"""The copy of a delivery's state on its order, for the list's indexes.

It says *retrying* where the delivery waits after an attempt, as people read it. Whoever changes a
delivery copies it in the same transaction; the dispatcher's statements on PostgreSQL do it themselves.
"""

from typing import TYPE_CHECKING, Final

from django.db.models import Case, CharField, F, OuterRef, Subquery, Value, When

from orders.models import Delivery, DeliveryState, DeliveryStatus

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from orders.models import Order

_STATE: Final = Case(
    When(status=DeliveryStatus.WAITING, attempts__gt=0, then=Value(DeliveryState.RETRYING)),
    default=F("status"),
    output_field=CharField(),
)


def copy_to(orders: "QuerySet[Order]") -> int:
    """Write on orders how their delivery stands, and return how many they were."""
    state = Delivery.objects.filter(pk=OuterRef("pk")).values(copied=_STATE)
    return orders.update(delivery_status=Subquery(state))
