"""How an order's delivery stands, and how many orders there are."""

from typing import Final

from django import template
from django.utils.safestring import SafeString

from orders.filters import State
from orders.models import Delivery, Order
from sasvpay.kit.listing import COUNT_CAP
from sasvpay.kit.templatetags.console import number, tag

register = template.Library()

_TONES: Final = {
    State.HELD: "neutral",
    State.WAITING: "info",
    State.RETRYING: "warning",
    State.SENDING: "info",
    State.DELIVERED: "success",
    State.FAILED: "danger",
}


@register.simple_tag
def delivery_tag(order: Order) -> SafeString:
    """Show the delivery state; *retrying* is waiting after an attempt."""
    state = State(order.delivery_status)
    work: Delivery | None = getattr(order, "delivery", None)
    if state == State.WAITING and work and work.attempts:
        state = State.RETRYING
    return tag(state.label, _TONES[state])


@register.filter
def capped(count: int) -> str:
    """Return a count as people read it: "10,000+" is where counting ended."""
    return f"{number(COUNT_CAP)}+" if count > COUNT_CAP else str(number(count))
