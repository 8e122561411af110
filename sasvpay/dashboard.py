"""The dashboards of a mini game and of a team: key figures and plots, in the page's language."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, Final

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from orders import rollup
from orders.daily import Rollup
from permissions.models import Team
from sasvpay import figures
from sasvpay.figures import Figures, Record, Span
from sasvpay.kit import charts, listing
from sasvpay.kit.charts import Chart, Point
from sasvpay.kit.listing import ListingError
from sasvpay.kit.templatetags.console import money, number
from sasvpay.kit.templatetags.figures import (
    day_label,
    days_label,
    month_label,
    percent,
    points_of,
    short_money,
    short_number,
    short_percent,
    took,
)

# Sweeps run every 15 seconds: figures older than this are said to be old.
LATE_AFTER: Final = timedelta(minutes=5)
# A change that is told as "no change".
SLIGHT: Final = 0.0005
# More days than this are told by months.
SIDE_BY_SIDE: Final = 31


class Period(models.TextChoices):
    """What a dashboard shows; the empty one is the default."""

    WEEK = "", gettext_lazy("7 days")
    MONTH = "30d", gettext_lazy("30 days")
    YEAR = "12m", gettext_lazy("12 months")


_BEFORE: Final = {
    Period.WEEK: gettext_lazy("vs. 7 days before"),
    Period.MONTH: gettext_lazy("vs. 30 days before"),
    Period.YEAR: gettext_lazy("vs. 12 months before"),
}


@dataclass(frozen=True)
class Change:
    """How a figure compares with the days before: an arrow, a number, and whether that is good."""

    text: str
    direction: str
    tone: str


@dataclass(frozen=True)
class Kpi:
    """One key figure."""

    label: str
    value: str
    note: str
    change: Change | None
    spark: str


@dataclass(frozen=True)
class Plot:
    """One card with a plot."""

    note: str
    chart: Chart
    tone: str = ""


def period_of(asked: str) -> Period:
    """Return the period that was asked for; raise ListingError for any other."""
    if asked not in Period.values:
        raise ListingError(_("A dashboard shows 7 days, 30 days or 12 months: choose one of them."))
    return Period(asked)


def span_of(period: Period, *, at: datetime) -> Span:
    """Return the days of a period; it ends today."""
    days = {Period.WEEK: 7, Period.MONTH: 30}.get(period)
    span = listing.last_days(days, at=at) if days else listing.last_year(at=at)
    return Span(listing.day_of(span.since), listing.day_of(at))


def show(of: Q, period: Period, *, team: Team | None, at: datetime) -> dict[str, Any]:
    """Return what a dashboard shows of the games whose rows fit `of`; of a team also each game."""
    span = span_of(period, at=at)
    record = figures.read(of, span)
    swept_at = Rollup.objects.filter(name=rollup.NAME).values_list("swept_at", flat=True).first()
    return {
        "days": days_label(span.first, span.last),
        "has_sales": record.first_sale is not None,
        "kpis": _kpis(record),
        "before": _BEFORE[period] if record.days_before else "",
        "plots": _plots(record),
        "tests": record.tests,
        "swept_at": swept_at,
        "is_late": swept_at is None or at - swept_at > LATE_AFTER,
        "zone": timezone.get_current_timezone_name(),
        "games": figures.by_game(team, span) if team else [],
    }


def _kpis(record: Record) -> list[Kpi]:
    now = record.sum(record.span)
    then = record.days_before and (record.sum(record.full_days), record.sum(record.days_before))
    parts = [sums for _label, _long_label, sums in _parts(record)]

    def kpi(
        label: str,
        value: str,
        note: str,
        figure: Callable[[Figures], float | None] | None = None,
        *,
        is_share: bool = False,
        more_is: str = "success",
    ) -> Kpi:
        """Make one; without a `figure` of days it has neither a change nor a small line."""
        change = None
        if figure and then:
            late, early = map(figure, then)
            change = _change(late, early, is_share=is_share, more_is=more_is)
        spark = charts.sparkline([figure(part) for part in parts]) if figure else ""
        return Kpi(label=label, value=value, note=note, change=change, spark=spark)

    refunds = ngettext("%(count)s refund", "%(count)s refunds", now.refunds)
    outcomes = _("%(delivered)s delivered, %(failed)s failed")
    return [
        kpi(
            _("Paid amount"),
            money(now.paid_cents),
            _("%(amount)s a day") % {"amount": money(now.paid_cents // record.span.length)},
            lambda it: it.paid_cents,
        ),
        kpi(
            _("Orders"),
            number(now.orders),
            _("%(amount)s an order") % {"amount": money(_divided(now.paid_cents, now.orders))},
            lambda it: it.orders,
        ),
        kpi(_("Paying players"), number(record.payers), _("Each counted once in the period")),
        kpi(
            _("ARPPU"),
            money(_divided(now.paid_cents, record.payers)),
            _("Paid amount per paying player"),
        ),
        kpi(
            _("Refunds"),
            money(now.refunded_cents),
            refunds % {"count": number(now.refunds)},
            lambda it: it.refunded_cents,
            more_is="danger",
        ),
        kpi(
            _("Refund rate"),
            percent(now.refund_rate),
            _("Refunded ÷ paid amount"),
            lambda it: it.refund_rate,
            is_share=True,
            more_is="danger",
        ),
        kpi(
            _("Delivery success"),
            percent(now.success),
            outcomes % {"delivered": number(now.delivered), "failed": number(now.failed)},
            lambda it: it.success,
            is_share=True,
        ),
        kpi(
            _("Median time to delivery"),
            took(now.median_seconds),
            _("From payment to confirmation"),
            lambda it: it.median_seconds,
            more_is="danger",
        ),
    ]


def _divided(cents: int, count: int) -> int | None:
    return (cents + count // 2) // count if count else None


def _change(
    now: float | None,
    before: float | None,
    *,
    is_share: bool,
    more_is: str,
) -> Change | None:
    """Compare full days; shares in points, all else in percent. None if nothing can be said."""
    if now is None or before is None or (not is_share and not before):
        return None
    by = now - before if is_share else now / before - 1
    if abs(by) < SLIGHT:
        return Change(_("No change"), "", "muted")
    text = _("%(points)s pt") % {"points": points_of(abs(by))}
    less_is = "danger" if more_is == "success" else "success"
    return Change(
        text=text if is_share else percent(abs(by)),
        direction="up" if by > 0 else "down",
        tone=more_is if by > 0 else less_is,
    )


def _plots(record: Record) -> list[Plot]:
    parts = _parts(record)

    def points(
        figure: Callable[[Figures], float | None], text: Callable[[Any], str]
    ) -> list[Point]:
        return [
            Point(value, text(value), label, long_label)
            for label, long_label, sums in parts
            for value in (figure(sums),)
        ]

    paid = points(lambda it: it.paid_cents, money)
    orders = points(lambda it: it.orders, number)
    refunded = points(lambda it: it.refunded_cents, money)
    success = points(lambda it: it.success, percent)
    return [
        Plot("", charts.bars(_("Paid amount"), paid, short_money)),
        Plot("", charts.bars(_("Orders"), orders, short_number)),
        Plot(
            _("By the day it was initiated"),
            charts.bars(_("Refunded amount"), refunded, short_money),
            "danger",
        ),
        Plot(
            _("By the day of the order"),
            charts.share_line(_("Delivery success"), success, short_percent),
            "success",
        ),
    ]


def _parts(record: Record) -> Sequence[tuple[str, str, Figures]]:
    """Return what stands side by side in a plot: days, or months where days are too many."""
    days = record.span.days
    if len(days) <= SIDE_BY_SIDE:
        return [
            (day_label(day), day_label(day, long=True), record.days.get(day, Figures()))
            for day in days
        ]
    return [
        (
            month_label(first),
            month_label(first, long=True),
            figures.total(record.days.get(day, Figures()) for day in month),
        )
        for first, month in _months(days)
    ]


def _months(days: Sequence[date]) -> list[tuple[date, list[date]]]:
    months = [list(month) for _key, month in groupby(days, key=lambda day: (day.year, day.month))]
    return [(month[0], month) for month in months]
