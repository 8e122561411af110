"""What the order record may be searched by: one definition for the page and all that follows it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db import models
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.models import Env, Flag, Order, OrderSource, RefundState
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


class Environment(models.TextChoices):
    """Live orders are sales; test orders (environment 1 or marketplace test) never are."""

    LIVE = "live", gettext_lazy("Live")
    TEST = "test", gettext_lazy("Test")


class Attention(models.TextChoices):
    """Which orders a person should look at: those not settled, all with a flag, or one flag's."""

    OPEN = "open", gettext_lazy("Not settled")
    ANY = "any", gettext_lazy("Any flag")
    UNKNOWN_ITEM = Flag.UNKNOWN_ITEM.value, Flag.UNKNOWN_ITEM.label
    NOT_ON_SALE = Flag.NOT_ON_SALE.value, Flag.NOT_ON_SALE.label
    PRICE_DIFFERS = Flag.PRICE_DIFFERS.value, Flag.PRICE_DIFFERS.label
    PAYMENT_NOT_ENABLED = Flag.PAYMENT_NOT_ENABLED.value, Flag.PAYMENT_NOT_ENABLED.label
    PAID_ABOVE_PRICE = Flag.PAID_ABOVE_PRICE.value, Flag.PAID_ABOVE_PRICE.label
    PAID_NOTHING = Flag.PAID_NOTHING.value, Flag.PAID_NOTHING.label


class Refunding(models.TextChoices):
    """Which refund state, or all orders of which something can still be refunded."""

    NONE = RefundState.NONE.value, RefundState.NONE.label
    PROCESSING = RefundState.PROCESSING.value, RefundState.PROCESSING.label
    PARTLY = RefundState.PARTLY.value, RefundState.PARTLY.label
    FULLY = RefundState.FULLY.value, RefundState.FULLY.label
    LEFT = "left", gettext_lazy("Not fully refunded")


# What a line of the list tells; more would be read, and made into objects, for each page.
_LISTED: Final = (
    "game_id", "number", "created_at", "env", "order_source", "product_id", "item_version__name",
    "quantity", "actual_price_cents", "refund_state", "delivery_status", "delivery__attempts",
    "delivery__last_verdict", "flags", "settled_at", "open_id",
)  # fmt: skip
# As the conditions of partial indexes say it: so the database knows which one serves.
IS_TEST: Final = Q(env=Env.TEST) | Q(order_source=OrderSource.MARKETPLACE_TEST)
_IS_FLAGGED: Final = ~Q(flags="")
_DAYS: Final = {Period.TODAY: 1, Period.WEEK: 7, Period.MONTH: 30}


def _flagged(attention: str) -> Q:
    if attention == Attention.ANY:
        return _IS_FLAGGED
    if attention == Attention.OPEN:
        return _IS_FLAGGED & Q(settled_at=None)
    # No flag's word is a part of another's.
    return _IS_FLAGGED & Q(flags__contains=attention)


@dataclass(frozen=True)
class OrderSearch:
    """What was asked of the order record."""

    span: Range
    number: str = ""
    open_id: str = ""
    item: str = ""
    state: str = ""
    attention: str = ""
    source: str = ""
    env: str = ""
    refund: str = ""

    def rows(self, game: MiniGame) -> "QuerySet[Order]":
        """Return a mini game's orders that fit, not yet ordered."""
        # Game and time first, always: it is what the indexes begin with.
        found = Order.objects.filter(
            game=game, created_at__gte=self.span.since, created_at__lt=self.span.until
        )
        equal = {
            "number": self.number,
            "open_id": self.open_id,
            "product_id": self.item,
            "delivery_status": self.state,
            "order_source": self.source,
        }
        found = found.filter(**{name: value for name, value in equal.items() if value})
        if self.refund == Refunding.LEFT:
            found = found.filter(~Q(refund_state=RefundState.FULLY))
        elif self.refund:
            found = found.filter(refund_state=self.refund)
        if self.attention:
            found = found.filter(_flagged(self.attention))
        if self.env:
            found = found.filter(IS_TEST if self.env == Environment.TEST else ~IS_TEST)
        return found


def listed(rows: "QuerySet[Order]") -> "QuerySet[Order]":
    """Return orders as their list shows them: with that and no more, in one query."""
    return rows.select_related("delivery", "item_version").only(*_LISTED)


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
    return listing.day_of(span.since), listing.day_of(span.last_shown)
