"""What a selection of orders comes to."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Q, QuerySet, Sum

from orders.filters import IS_TEST
from sasvpay.kit.listing import COUNT_CAP

if TYPE_CHECKING:
    from orders.models import Order


@dataclass(frozen=True)
class Totals:
    """How many orders were selected, and what the sales among them brought.

    Counting ends at one more than the cap: then the sums are unknown, and None.
    """

    orders: int
    tests: int
    paid_cents: int | None
    refunded_cents: int | None


def totals_of(selected: "QuerySet[Order]", *, cap: int = COUNT_CAP) -> Totals:
    """Add up a selection, in one query that reads no more than the cap.

    Test orders are never counted as sales. Nothing is added up past the cap: there the sums would
    be a scan of the orders, which is what the dashboard's daily figures are for.
    """
    # In the order of the list: else the database may look through all orders for the first ones.
    read = selected.annotate(is_test=IS_TEST).order_by("-created_at", "-pk")[: cap + 1]
    is_sale = Q(is_test=False)
    found = read.aggregate(
        orders=Count("pk"),
        tests=Count("pk", filter=~is_sale),
        paid_cents=Sum("actual_price_cents", filter=is_sale, default=0),
        refunded_cents=Sum("refunded_cents", filter=is_sale, default=0),
    )
    if found["orders"] > cap:
        return Totals(found["orders"], found["tests"], None, None)
    return Totals(**found)
