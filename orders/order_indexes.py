"""What the order record is searched by: as few indexes as do, since each of them costs every sale.

What most orders have in common is looked for among all of a mini game's; what few have has an index
of those few. tests/orders/test_indexes.py says which serves which filter.
"""

from typing import Final

from django.db import models
from django.db.models import Q

# The order of the list.
_LISTED: Final = ["game", "-created_at", "-id"]
# What tells sales from tests: with it an index alone counts what the dashboard says of sales.
_SALE: Final = ["env", "order_source"]
ORDER_INDEXES: Final = [
    # With what nearly all orders have in common: so it alone can count them.
    models.Index(
        fields=[*_LISTED, *_SALE, "delivery_status", "refund_state"],
        name="orders_newest",
    ),
    # The player first: one is looked for in all the games that a person may see.
    models.Index(fields=["open_id", "game", "-created_at", "-id"], name="orders_by_player"),
    models.Index(fields=["game", "product_id", "-created_at", "-id"], name="orders_by_item"),
    models.Index(
        fields=["game", "delivery_status", "-created_at", "-id", *_SALE],
        name="orders_undelivered",
        condition=~Q(delivery_status="delivered"),
    ),
    models.Index(fields=[*_LISTED, "flags"], name="orders_flagged", condition=~Q(flags="")),
    models.Index(
        fields=[*_LISTED, *_SALE],
        name="orders_unsettled",
        condition=~Q(flags="") & Q(settled_at=None),
    ),
    models.Index(
        fields=["game", "refund_state", "-created_at", "-id"],
        name="orders_refunded",
        condition=~Q(refund_state="none"),
    ),
    # Few among many: without it their list would walk over every sale.
    models.Index(
        fields=_LISTED,
        name="orders_tests",
        condition=Q(env="1") | Q(order_source=3),
    ),
    models.Index(
        fields=["game", "order_source", "-created_at", "-id"],
        name="orders_by_source",
        condition=~Q(order_source=1),
    ),
]
