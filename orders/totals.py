"""What a selection of orders comes to."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db.models import Count, QuerySet, Sum

from orders.filters import IS_TEST
from sasvpay.kit import listing

if TYPE_CHECKING:
    from orders.models import Order

# An index alone can count; adding up reads each order, and may cost no more than the page itself.
SUMMED: Final = 1_000


@dataclass(frozen=True)
class Totals:
    """How many orders were selected; how many are tests, and what the sales among them brought.

    All but the number is None where there are more than are added up.
    """

    orders: int
    tests: int | None = None
    paid_cents: int | None = None
    refunded_cents: int | None = None


def totals_of(selected: "QuerySet[Order]", *, most: int = SUMMED) -> Totals:
    """Count a selection, up to the cap of lists, and add it up if it is small.

    Test orders are never counted as sales. Figures of many orders are the dashboard's.
    """
    count = listing.capped_count(selected.order_by("-created_at", "-pk"))
    if count > most:
        return Totals(count)
    is_sale = ~IS_TEST
    return Totals(
        **selected.aggregate(
            orders=Count("pk"),
            tests=Count("pk", filter=IS_TEST),
            paid_cents=Sum("actual_price_cents", filter=is_sale, default=0),
            refunded_cents=Sum("refunded_cents", filter=is_sale, default=0),
        )
    )
