"""Settle an order's attention flags: a person looked, and says what came of it."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from orders.models import Order, Settlement
from permissions.models import User
from sasvpay.kit import audit
from sasvpay.kit.audit import Event
from sasvpay.kit.errors import DomainError


class NotFlaggedError(DomainError):
    """There is nothing to settle."""

    code = "not_flagged"


class AlreadySettledError(DomainError):
    """Somebody was first; what they noted stays."""

    code = "already_settled"


@transaction.atomic
def settle(*, order: Order, note: str, by: User, at: datetime) -> Settlement:
    """Take an order off the list of those to look at. Its flags stay, and so does the note.

    Raises NotFlaggedError for an order without flags, AlreadySettledError for a settled one.
    """
    order = Order.objects.select_for_update(of=("self",)).select_related("game").get(pk=order.pk)
    if not order.flags:
        raise NotFlaggedError(_("This order has no attention flags: there is nothing to settle."))
    if order.settled_at:
        raise AlreadySettledError(_("Somebody settled this order already. Nothing was changed."))
    order.settled_at = at
    order.save(update_fields=["settled_at"])
    settlement = Settlement.objects.create(order=order, settled_by=by, note=note)
    audit.record(
        Event.ORDER_SETTLED, by=by, target=order, at=at, flags=order.flags.split(), note=note
    )
    return settlement
