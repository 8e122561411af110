"""The refund sheet: its columns, and the rows that a filter of the after-sales record selects."""

from datetime import datetime

from django.db.models import Q
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from aftersales.forms import RefundSearchForm
from aftersales.models import RefundFlag, RefundStatus
from orders.export import environment, game_of
from permissions.matrix import Capability
from permissions.models import MiniGame
from sasvpay.kit.audit import Event
from sasvpay.kit.export_columns import Column, Kind, label, labels
from sasvpay.kit.exporting import Export, Selection, in_words, refuse_wrong


def columns() -> list[Column]:
    """Return the columns of the refund sheet."""
    return [
        Column("number", _("Refund number"), "number", Kind.ID, 26),
        Column("order", _("Order number"), "order_number", Kind.ID, 26),
        Column("initiated", _("Initiated"), "initiated_at", Kind.TIME, 30),
        Column("finished", _("Finished"), "finished_at", Kind.TIME, 30),
        Column("status", _("Status"), label("status", RefundStatus.choices), Kind.LABEL),
        Column("amount", _("Amount"), "amount_cents", Kind.MONEY, 16),
        Column("paid", _("Paid for the order"), "order__actual_price_cents", Kind.MONEY, 24),
        Column("env", _("Environment"), environment(Q(is_test=True)), Kind.LABEL, 13),
        Column("open_id", _("Player (OpenId)"), "open_id", Kind.ID, 36),
        Column("item_id", _("Item ID"), "order__product_id", Kind.ID, 20),
        Column("reason", _("Reason"), "reason", width=30),
        Column("flags", _("Attention"), labels("flags", RefundFlag.choices), Kind.LABEL, 24),
        Column("pay_model", _("Payment method"), "pay_model", is_usual=False),
        Column("received", _("Received"), "created_at", Kind.TIME, 30, is_usual=False),
        Column("request", _("Request ID"), "request_id", Kind.LABEL, 38, is_usual=False),
    ]


def select(game: MiniGame, asked: QueryDict, at: datetime) -> Selection:
    """Return the refunds that a query string selects, those that were told of until a moment.

    Raises ListingError for what the after-sales record refuses too.
    """
    form = RefundSearchForm(asked, at=at)
    refuse_wrong(form)
    search = form.search()
    return Selection(search.rows(game).filter(created_at__lte=at), search.span, in_words(form))


REFUNDS = Export(
    kind="aftersales.export",
    name="refunds",
    title=gettext_lazy("Refunds"),
    event=Event.REFUNDS_EXPORTED,
    capability=Capability.REFUND_EXPORT,
    columns=columns,
    select=select,
    place=game_of,
    moment="initiated_at",
)
