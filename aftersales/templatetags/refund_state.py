"""How a refund stands."""

from collections.abc import Iterable

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from aftersales.models import Refund
from aftersales.record import TONES
from orders.record import Moment
from sasvpay.kit.templatetags.console import money, tag

register = template.Library()


@register.simple_tag
def refund_tag(refund: Refund) -> SafeString:
    """Show the status of a refund."""
    return tag(refund.get_status_display(), TONES[refund.status])


@register.simple_tag
def with_refunds(moments: Iterable[Moment], refunds: Iterable[Refund]) -> list[Moment]:
    """Return an order's timeline with its refunds in it: the order itself knows nothing of them."""
    told = (_moment(refund) for refund in refunds)
    return sorted([*moments, *told], key=lambda moment: moment.at, reverse=True)


def _moment(refund: Refund) -> Moment:
    return Moment(
        refund.finished_at or refund.initiated_at,
        f"{_('Refund')}: {refund.get_status_display()}",
        " · ".join([money(refund.amount_cents), refund.number, *refund.flag_labels]),
        # Money that does not count, or went to somebody else, is no success to rest on.
        "warning" if refund.flags else TONES[refund.status],
    )
