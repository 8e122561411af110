"""What a mini game or a team sold, day by day, out of the daily figures of sales and refunds."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from typing import Any, Final

from django.db.models import Min, Q, Sum

from aftersales.models import DailyRefunds
from orders import waits
from orders.daily import DailySales, PayingPlayer
from permissions.models import MiniGame, Team

_SUMMED: Final = ("orders", "paid_cents", "payers", "delivered", "failed")
_SUMS: Final = {f"sum_{name}": Sum(name) for name in _SUMMED}


@dataclass
class Figures:
    """Sums of one day or more of live orders, and what follows from them."""

    orders: int = 0
    paid_cents: int = 0
    # Players of one day; those of several days cannot be added up.
    payers: int = 0
    delivered: int = 0
    failed: int = 0
    refunds: int = 0
    refunded_cents: int = 0
    waits: Counter[int] = field(default_factory=Counter)

    @property
    def refund_rate(self) -> float | None:
        """Return the share of the paid amount that was refunded."""
        return self.refunded_cents / self.paid_cents if self.paid_cents else None

    @property
    def success(self) -> float | None:
        """Return the share of delivered orders among those whose delivery has ended."""
        ended = self.delivered + self.failed
        return self.delivered / ended if ended else None

    @property
    def median_seconds(self) -> float | None:
        """Return the time within which half of the delivered orders were delivered."""
        return waits.median_seconds(self.waits)

    def add(self, other: "Figures") -> None:
        """Take in the sums of another day."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass(frozen=True)
class Span:
    """Days, the first and the last included."""

    first: date
    last: date

    @property
    def length(self) -> int:
        """Return how many days there are."""
        return (self.last - self.first).days + 1

    @property
    def days(self) -> list[date]:
        """Return the days, the oldest first."""
        return [self.first + timedelta(days=number) for number in range(self.length)]

    def back(self, days: int) -> "Span":
        """Return as many days, so much earlier."""
        return Span(self.first - timedelta(days=days), self.last - timedelta(days=days))


@dataclass(frozen=True)
class Record:
    """The figures of a span, and of the two spans of full days that can be compared honestly."""

    span: Span
    days: dict[date, Figures]
    tests: Figures
    payers: int
    first_sale: date | None

    def sum(self, span: Span) -> Figures:
        """Add up days."""
        return total(self.days.get(day, Figures()) for day in span.days)

    @property
    def full_days(self) -> Span:
        """Return as many days as the span has, up to yesterday: today is not over."""
        return self.span.back(1)

    @property
    def days_before(self) -> Span | None:
        """Return the full days before those; None if there were no sales yet when they began."""
        before = self.full_days.back(self.span.length)
        return before if self.first_sale and self.first_sale <= before.first else None


def total(days: Iterable[Figures]) -> Figures:
    """Add up figures."""
    summed = Figures()
    for each in days:
        summed.add(each)
    return summed


def _figures(row: Mapping[str, Any]) -> Figures:
    figures = Figures()
    for name in _SUMMED:
        setattr(figures, name, int(row[f"sum_{name}"]))
    return figures


def read(of: Q, span: Span) -> Record:
    """Read what the games that fit `of` (a condition on rows of a game) sold in a span.

    A constant number of queries, none of which looks at an order.
    """
    oldest = span.back(span.length + 1).first
    sales = DailySales.objects.filter(of, day__gte=oldest, day__lte=span.last)
    days: dict[date, Figures] = {}
    tests: list[Figures] = []
    for row in sales.values("is_test", "day").annotate(**_SUMS):
        figures = _figures(row)
        if not row["is_test"]:
            days[row["day"]] = figures
        elif row["day"] >= span.first:
            tests.append(figures)
    for day, steps in sales.filter(is_test=False).values_list("day", "waits"):
        waits.add(days[day].waits, steps)
    refunds = DailyRefunds.objects.filter(of, is_test=False, day__gte=oldest, day__lte=span.last)
    for day, count, cents in refunds.values_list("day").annotate(
        Sum("refunds"), Sum("refunded_cents")
    ):
        refunded = days.setdefault(day, Figures())
        refunded.refunds, refunded.refunded_cents = int(count), int(cents)
    return Record(
        span=span,
        days=days,
        tests=total(tests),
        # A span ends today: whoever paid in it paid last in it.
        payers=PayingPlayer.objects.filter(of, last_paid_day__gte=span.first).count(),
        first_sale=DailySales.objects.filter(of, is_test=False).aggregate(at=Min("day"))["at"],
    )


@dataclass(frozen=True)
class Sold:
    """What one mini game sold."""

    game: MiniGame
    sums: Figures


def by_game(team: Team, span: Span) -> list[Sold]:
    """Return what each mini game of a team sold, the most first; three queries."""
    found: dict[int, Figures] = {}
    of = Q(game__team=team, is_test=False, day__gte=span.first, day__lte=span.last)
    for row in DailySales.objects.filter(of).values("game_id").annotate(**_SUMS):
        found[row["game_id"]] = _figures(row)
    refunds = DailyRefunds.objects.filter(of).values_list("game_id")
    for game_id, cents in refunds.annotate(Sum("refunded_cents")):
        found.setdefault(game_id, Figures()).refunded_cents = int(cents)
    games = MiniGame.objects.filter(team=team).order_by("name")
    sold = [Sold(game, found.get(game.pk, Figures())) for game in games]
    return sorted(sold, key=lambda each: -each.sums.paid_cents)
