"""How an order's delivery stands, and how many orders there are."""

from datetime import timedelta
from typing import Final

from django import template
from django.utils.safestring import SafeString

from orders import receivers
from orders.models import DeliveryState, Order
from permissions.models import MiniGame
from sasvpay.kit.listing import COUNT_CAP
from sasvpay.kit.templatetags.console import number, tag

register = template.Library()

_TONES: Final = {
    DeliveryState.HELD: "neutral",
    DeliveryState.WAITING: "info",
    DeliveryState.RETRYING: "warning",
    DeliveryState.SENDING: "info",
    DeliveryState.DELIVERED: "success",
    DeliveryState.FAILED: "danger",
}


@register.simple_tag
def delivery_tag(order: Order) -> SafeString:
    """Show how an order's delivery stands."""
    state = DeliveryState(order.delivery_status)
    return tag(state.label, _TONES[state])


@register.inclusion_tag("orders/_troubles.html")
def delivery_troubles(game: MiniGame) -> dict[str, object]:
    """Show what is wrong with the servers that a mini game's orders are delivered to."""
    return {"troubles": receivers.troubles(game)}


@register.filter
def capped(count: int) -> str:
    """Return a count as people read it: "10,000+" is where counting ended."""
    return f"{number(COUNT_CAP)}+" if count > COUNT_CAP else str(number(count))


@register.filter
def span(time: timedelta) -> str:
    """Return a span of time as the plan names it: "15 s", "3 min", "24 h 4 min"."""
    minutes, seconds = divmod(int(time.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"
