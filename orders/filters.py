"""What the order record may be searched by: one definition for the page and all that follows it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import models
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.models import DeliveryStatus, Env, Order, OrderSource
from permissions.models import MiniGame
from sasvpay.kit import listing
from sasvpay.kit.listing import ListingError, Range


class Period(models.TextChoices):
    """Time ranges that are one choice away; the empty one is the default."""

    WEEK = "", gettext_lazy("Last 7 days")
    TODAY = "today", gettext_lazy("Today")
    MONTH = "30d", gettext_lazy("Last 30 days")
    YEAR = "12m", gettext_lazy("Last 12 months")
    CUSTOM = "custom", gettext_lazy("Custom")


class State(models.TextChoices):
    """Delivery states as a person sees them: *retrying* is waiting after an attempt."""

    HELD = "held", gettext_lazy("Held")
    WAITING = "waiting", gettext_lazy("Waiting")
    RETRYING = "retrying", gettext_lazy("Retrying")
    SENDING = "sending", gettext_lazy("Sending")
    DELIVERED = "delivered", gettext_lazy("Delivered")
    FAILED = "failed", gettext_lazy("Failed")


class Environment(models.TextChoices):
    """Live orders are sales; test orders (environment 1 or marketplace test) never are."""

    LIVE = "live", gettext_lazy("Live")
    TEST = "test", gettext_lazy("Test")


_DAYS: Final = {Period.TODAY: 1, Period.WEEK: 7, Period.MONTH: 30}
_STATES: Final = {
    State.HELD: Q(delivery_status=DeliveryStatus.HELD),
    State.WAITING: Q(delivery_status=DeliveryStatus.WAITING, delivery__attempts=0),
    State.RETRYING: Q(delivery_status=DeliveryStatus.WAITING, delivery__attempts__gt=0),
    State.SENDING: Q(delivery_status=DeliveryStatus.SENDING),
    State.DELIVERED: Q(delivery_status=DeliveryStatus.DELIVERED),
    State.FAILED: Q(delivery_status=DeliveryStatus.FAILED),
}
_IS_TEST: Final = Q(env=Env.TEST) | Q(order_source=OrderSource.MARKETPLACE_TEST)


@dataclass(frozen=True)
class OrderSearch:
    """What was asked of the order record."""

    span: Range
    number: str = ""
    state: str = ""
    env: str = ""

    def rows(self, game: MiniGame) -> "QuerySet[Order]":
        """Return a mini game's orders that fit, not yet ordered."""
        # Game and time first, always: it is what the indexes begin with.
        found = Order.objects.filter(
            game=game, created_at__gte=self.span.since, created_at__lt=self.span.until
        )
        if self.number:
            # Both environments by name: the index that makes numbers unique is by game, env, number.
            found = found.filter(number=self.number, env__in=Env.values)
        if self.state:
            found = found.filter(_STATES[State(self.state)])
        if self.env:
            found = found.filter(_IS_TEST if self.env == Environment.TEST else ~_IS_TEST)
        return found


def span_of(
    period: str, *, since: date | None, until: date | None, number: str, at: datetime
) -> Range:
    """Return the range that was asked for.

    Dates without a choice mean the custom range; an order number without any means 12 months.
    Raises ListingError for a range that is incomplete, reversed or too wide.
    """
    if period == Period.CUSTOM or (not period and (since or until)):
        if since is None or until is None:
            raise ListingError(_("Give both dates: the first day and the last."))
        return listing.day_range(since, until, at=at)
    if period == Period.YEAR or (number and not period):
        return listing.last_year(at=at)
    return listing.last_days(_DAYS[Period(period)], at=at)


def days_of_default(at: datetime) -> tuple[date, date]:
    """Return the first and last day of the default range, to begin a custom one with."""
    span = listing.last_days(_DAYS[Period.WEEK], at=at)
    return timezone.localtime(span.since).date(), timezone.localtime(last_shown(span)).date()


def last_shown(span: Range) -> datetime:
    """Return a moment of the last day of a range: its end lies at the midnight after."""
    return span.until - timedelta(seconds=1)
