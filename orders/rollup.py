"""The daily figures of sales and deliveries, so that no page ever adds up orders.

The only writer of DailySales and PayingPlayer. A day is computed anew from its orders, never added
to: to compute it once more is always right. Which days: those that may have changed since the last
sweep, because there are new orders or because an old order's delivery ended late (LateOutcome).
Days begin at midnight in CONSOLE_TIME_ZONE: after changing it, run `manage.py rebuild_rollup`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from math import log
from typing import Any, Final, cast

from django.db import connection, models, transaction
from django.db.models import Count, Exists, ExpressionWrapper, F, Func, Min, OuterRef, Q, Sum

from orders.daily import DailySales, LateOutcome, PayingPlayer, Rollup
from orders.models import DeliveryStatus, Env, Order, OrderSource
from orders.pushes import LATE
from orders.waits import GROWTH, SHORTEST_SECONDS
from permissions.models import MiniGame
from sasvpay.kit import listing
from sasvpay.kit.listing import Range

NAME: Final = "sales"
# Every sweep looks at orders whose delivery leaves no LateOutcome yet; the hour is for what was
# committed late, and for clocks that differ.
OVERLAP: Final = LATE + timedelta(hours=1)
# What one sweep takes of late outcomes; the next goes on.
LATE_AT_ONCE: Final = 10_000

Days = dict[date, set[int]]
_IS_TEST: Final = Q(env=Env.TEST) | Q(order_source=OrderSource.MARKETPLACE_TEST)
_PLAYERS: Final = """
insert into orders_payingplayer (game_id, open_id, last_paid_day)
select o.game_id, o.open_id, %s from orders_order o
left join orders_payingplayer known on known.game_id = o.game_id and known.open_id = o.open_id
where o.game_id in ({games}) and o.created_at >= %s and o.created_at < %s
    and o.env <> '1' and o.order_source <> 3
    and (known.id is null or known.last_paid_day < %s)
group by o.game_id, o.open_id
on conflict (game_id, open_id) do update set last_paid_day = excluded.last_paid_day
"""


class _Step(Func):
    """The step of `orders.waits` in which the time between two moments lies."""

    arity = 2
    output_field = models.IntegerField()
    _shape = (
        f"cast(floor(ln({{greatest}}({{seconds}}, {SHORTEST_SECONDS}) / {SHORTEST_SECONDS})"
        f" / {log(GROWTH)!r}) as integer)"
    )

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Write it with PostgreSQL's intervals."""
        seconds = "cast(extract(epoch from %(expressions)s) as double precision)"
        shape = self._shape.format(greatest="greatest", seconds=seconds)
        return super().as_sql(compiler, connection, template=shape, arg_joiner=" - ", **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Write it with SQLite's days."""
        seconds = "(julianday(%(expressions)s)) * 86400.0"
        shape = self._shape.format(greatest="max", seconds=seconds)
        joiner = ") - julianday("
        return super().as_sql(compiler, connection, template=shape, arg_joiner=joiner, **context)


def sweep(*, at: datetime) -> int:
    """Compute the days that may have changed, and return how many; 0 if another sweep is at it."""
    with turn(NAME, waits=False) as mine:
        if mine is None:
            return 0
        days = _all_days(at) if mine.swept_at is None else _active_days(mine.swept_at - OVERLAP, at)
        for game_id, ordered_at in _take_late():
            days[listing.day_of(ordered_at)].add(game_id)
        _compute(days)
        mine.swept_at = at
        mine.save()
    return sum(map(len, days.values()))


def rebuild(*, at: datetime, game: MiniGame | None = None, since: date | None = None) -> int:
    """Forget the days of one game or of all, compute them from the orders, and return how many.

    With `since` earlier days are left as they are, and so are players who paid last before.
    """
    chosen = Q(game=game) if game else Q()
    with turn(NAME, waits=True):
        DailySales.objects.filter(chosen, day__gte=since or date.min).delete()
        if since is None:
            PayingPlayer.objects.filter(chosen).delete()
        days = {
            day: games for day, games in _all_days(at, game).items() if not since or day >= since
        }
        _compute(days)
    return sum(map(len, days.values()))


@contextmanager
def turn(name: str, *, waits: bool) -> Iterator[Rollup | None]:
    """Hold a kind of figures in a transaction; None if somebody else does and we do not wait.

    Without it, who began earlier and ended later would put older figures over newer ones.
    """
    Rollup.objects.get_or_create(name=name)
    with transaction.atomic():
        skips = not waits and connection.features.has_select_for_update_skip_locked
        if waits and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("set local lock_timeout = 0")
        yield Rollup.objects.select_for_update(skip_locked=skips).filter(name=name).first()


def days_between(since: datetime, until: datetime) -> list[date]:
    """Return the days of the console's zone from one moment to another."""
    first, last = listing.day_of(since), listing.day_of(until)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _active_days(since: datetime, at: datetime) -> Days:
    sold = Order.objects.filter(game=OuterRef("pk"), created_at__gte=since)
    games = MiniGame.objects.filter(Exists(sold)).values_list("pk", flat=True)
    found = set(games)
    return defaultdict(set, {day: set(found) for day in days_between(since, at)} if found else {})


def _all_days(at: datetime, game: MiniGame | None = None) -> Days:
    orders = Order.objects.filter(game=game) if game else Order.objects.all()
    days: Days = defaultdict(set)
    for game_id, first in orders.values_list("game_id").annotate(Min("created_at")):
        for day in days_between(first, at):
            days[day].add(game_id)
    return days


def _take_late() -> list[tuple[int, datetime]]:
    late = list(LateOutcome.objects.values_list("pk", "game_id", "ordered_at")[:LATE_AT_ONCE])
    LateOutcome.objects.filter(pk__in=[pk for pk, _game, _at in late]).delete()
    return [(game_id, ordered_at) for _pk, game_id, ordered_at in late]


def _compute(days: Mapping[date, set[int]]) -> None:
    # The newest first: most players of older days are then known, and cost no write.
    for day, games in sorted(days.items(), reverse=True):
        _compute_day(day, sorted(games))


def _compute_day(day: date, games: list[int]) -> None:
    span = listing.whole_day(day)
    orders = Order.objects.filter(
        game__in=games, created_at__gte=span.since, created_at__lt=span.until
    ).annotate(for_test=ExpressionWrapper(_IS_TEST, models.BooleanField()))
    kinds = orders.values("game_id", "for_test").order_by()
    sums = kinds.annotate(
        orders=Count("pk"),
        paid_cents=Sum("actual_price_cents"),
        payers=Count("open_id", distinct=True),
        delivered=Count("pk", filter=Q(delivery_status=DeliveryStatus.DELIVERED)),
        failed=Count("pk", filter=Q(delivery_status=DeliveryStatus.FAILED)),
    )
    waits = _waits(kinds)
    rows = [
        DailySales(
            day=day,
            waits=waits.get((row["game_id"], bool(row["for_test"])), {}),
            is_test=row.pop("for_test"),
            **row,
        )
        for row in cast("list[dict[str, Any]]", list(sums))
    ]
    DailySales.objects.filter(day=day, game__in=games).delete()
    DailySales.objects.bulk_create(rows)
    _add_players(day, games, span)


def _waits(kinds: "models.QuerySet[Order, Any]") -> dict[tuple[int, bool], dict[str, int]]:
    steps = (
        kinds.filter(delivery_status=DeliveryStatus.DELIVERED, delivery__delivered_at__isnull=False)
        .annotate(step=_Step(F("delivery__delivered_at"), F("created_at")))
        .values_list("game_id", "for_test", "step")
        .annotate(Count("pk"))
    )
    waits: dict[tuple[int, bool], dict[str, int]] = defaultdict(dict)
    for game_id, is_test, step, count in steps:
        waits[game_id, bool(is_test)][str(step)] = count
    return waits


def _add_players(day: date, games: list[int], span: Range) -> None:
    """Remember who paid on a day; players whose row says so already cost no write."""
    moment, date_of = connection.ops.adapt_datetimefield_value, connection.ops.adapt_datefield_value
    sql = _PLAYERS.format(games=", ".join(["%s"] * len(games)))
    values = [date_of(day), *games, moment(span.since), moment(span.until), date_of(day)]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
