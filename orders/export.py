"""The order sheet: its columns, and the rows that a filter of the order record selects."""

from datetime import datetime
from typing import Final

from django.db import models
from django.db.models import Case, Expression, F, Q, Value, When
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.filters import IS_TEST, Environment
from orders.forms import OrderSearchForm
from orders.models import DeliveryState, Flag, OrderSource, RefundState
from permissions.matrix import Capability
from permissions.models import MiniGame
from sasvpay.kit.audit import Event
from sasvpay.kit.export_columns import Column, Kind, label, labels
from sasvpay.kit.exporting import Export, Selection, in_words, refuse_wrong

# Nothing is left of an order that was refunded in full.
_REFUNDABLE: Final = F("actual_price_cents") - F("refunded_cents")


def environment(is_test: Q) -> Expression:
    """Return the label that the filter "Environment" goes by: a marketplace test is a test too."""
    test, live = Environment.TEST.label, Environment.LIVE.label
    return Case(
        When(is_test, then=Value(str(test))),
        default=Value(str(live)),
        output_field=models.TextField(),
    )


def columns() -> list[Column]:
    """Return the columns of the order sheet."""
    return [
        Column("number", _("Order number"), "number", Kind.ID, 26),
        Column("received", _("Received"), "created_at", Kind.TIME, 30),
        Column("env", _("Environment"), environment(IS_TEST), Kind.LABEL, 13),
        Column("open_id", _("Player (OpenId)"), "open_id", Kind.ID, 36),
        Column("item_id", _("Item ID"), "product_id", Kind.ID, 20),
        Column("item", _("Item"), "item_version__name", Kind.TEXT, 24),
        Column("quantity", _("Quantity"), "quantity", Kind.INTEGER, 10),
        Column("zone", _("Zone"), "zone_id", Kind.ID, 10),
        Column("original", _("Original price"), "orig_price_cents", Kind.MONEY, 20),
        Column("paid", _("Paid"), "actual_price_cents", Kind.MONEY, 14),
        Column("refunded", _("Refunded"), "refunded_cents", Kind.MONEY, 16),
        Column("refund", _("Refund state"), label("refund_state", RefundState.choices), Kind.LABEL),
        Column("source", _("Source"), label("order_source", OrderSource.choices), Kind.LABEL),
        Column("pay_model", _("Payment method"), "pay_model"),
        Column(
            "delivery",
            _("Delivery"),
            label("delivery_status", DeliveryState.choices, usual=DeliveryState.DELIVERED),
            Kind.LABEL,
        ),
        Column("flags", _("Attention"), labels("flags", Flag.choices), Kind.LABEL, 24),
        Column("refundable", _("Refundable"), _REFUNDABLE, Kind.MONEY, 16, is_usual=False),
        Column("attempts", _("Attempts"), "delivery__attempts", Kind.INTEGER, 10, is_usual=False),
        Column(
            "delivered",
            _("First delivered at"),
            "delivery__delivered_at",
            Kind.TIME,
            30,
            is_usual=False,
        ),
        Column("attach", _("Attach"), "attach", width=24, is_usual=False),
        Column("request", _("Request ID"), "request_id", Kind.LABEL, 38, is_usual=False),
    ]


def select(game: MiniGame, asked: QueryDict, at: datetime) -> Selection:
    """Return the orders that a query string selects, those that came until a moment.

    Raises ListingError for what the order record refuses too.
    """
    form = OrderSearchForm(asked, at=at)
    refuse_wrong(form)
    search = form.search()
    return Selection(search.rows(game).filter(created_at__lte=at), search.span, in_words(form))


def game_of(subject: str) -> MiniGame:
    """Return the mini game that a job is about."""
    return MiniGame.objects.select_related("team").get(app_id=subject.removeprefix("game:"))


ORDERS = Export(
    kind="orders.export",
    name="orders",
    title=gettext_lazy("Orders"),
    event=Event.ORDERS_EXPORTED,
    capability=Capability.ORDER_EXPORT,
    columns=columns,
    select=select,
    place=game_of,
)
