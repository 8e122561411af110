"""The daily figures: equal to a count by hand, whatever came late and whoever counted when."""

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from aftersales import rollup as refund_rollup
from aftersales import tasks as refund_tasks
from aftersales.models import DailyRefunds
from orders import delivery, rollup, tasks
from orders.daily import DailySales, LateOutcome, PayingPlayer
from orders.delivery import Result
from orders.models import Delivery, DeliveryStatus, Verdict
from tests.factories import DeliveryFactory, MiniGameFactory, OrderFactory
from tests.orders.history import History, by_hand, rolled_up
from tests.threads import together


def _sweep(at):
    rollup.sweep(at=at)
    refund_rollup.sweep(at=at)


@pytest.fixture
def zone(settings):
    def use(name):
        settings.TIME_ZONE = name
        timezone.get_default_timezone.cache_clear()  # type: ignore[attr-defined]  # -- it is a cached function

    yield use
    use("UTC")


def _end(order, verdict, at):
    """Let the last attempt at an order end, as the dispatcher notes it."""
    Delivery.objects.filter(pk=order.pk).update(status=DeliveryStatus.SENDING, attempts=16)
    delivery.note([Result(order.pk, 16, 16, verdict, "", at)])


def _days(game, **facts):
    rows = DailySales.objects.filter(game=game, **facts).order_by("day")
    return [(row.day.isoformat(), row.orders, row.delivered, row.failed) for row in rows]


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("place", ["UTC", "America/New_York", "Asia/Shanghai"])
def test_figures_equal_a_count_by_hand_after_any_order_of_events_and_sweeps(zone, seed, place):
    zone(place)
    random = Random(f"{seed}{place}")  # noqa: S311 -- the same history in every run
    # Ends today: the dispatcher's clock is the database's. Goes over the end of summer time.
    start = timezone.now() - timedelta(days=30)
    history = History(random, [MiniGameFactory(), MiniGameFactory()], start)

    for _event in range(80):
        history.go_on()
        if random.random() < 0.2:
            _sweep(history.at)
    _sweep(max(history.at, timezone.now()))

    swept = rolled_up()
    assert swept == by_hand(place)
    call_command("rebuild_rollup")
    assert rolled_up() == swept


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("moment", "day"),
    [
        # Summer time ended on 1 November 2026 in New York: that day had 25 hours.
        (datetime(2026, 11, 1, 3, 59, tzinfo=UTC), "2026-10-31"),
        (datetime(2026, 11, 1, 4, 0, tzinfo=UTC), "2026-11-01"),
        (datetime(2026, 11, 2, 4, 59, tzinfo=UTC), "2026-11-01"),
        (datetime(2026, 11, 2, 5, 0, tzinfo=UTC), "2026-11-02"),
    ],
)
def test_a_day_begins_at_midnight_in_the_consoles_zone_also_when_clocks_change(
    zone, game, moment, day
):
    zone("America/New_York")
    OrderFactory(game=game, created_at=moment)

    rollup.sweep(at=moment + timedelta(days=1))

    assert _days(game) == [(day, 1, 0, 0)]


@pytest.mark.django_db
def test_a_changed_time_zone_is_followed_by_a_rebuild(zone, game):
    at = datetime(2026, 11, 10, 20, 0, tzinfo=UTC)
    OrderFactory(game=game, created_at=at)
    rollup.sweep(at=at)
    zone("Asia/Shanghai")

    rollup.rebuild(at=at)

    assert _days(game) == [("2026-11-11", 1, 0, 0)]
    assert PayingPlayer.objects.get().last_paid_day == date(2026, 11, 11)


@pytest.mark.django_db
def test_test_orders_are_apart_and_their_players_are_not_paying_players(game):
    at = timezone.now()
    OrderFactory(game=game, created_at=at, open_id="live", actual_price_cents=100)
    OrderFactory(game=game, created_at=at, open_id="tester", actual_price_cents=20, env="1")
    OrderFactory(game=game, created_at=at, open_id="market", actual_price_cents=3, order_source=3)

    rollup.sweep(at=at)

    paid = dict(DailySales.objects.values_list("is_test", "paid_cents"))
    assert paid == {False: 100, True: 23}
    assert list(PayingPlayer.objects.values_list("open_id", flat=True)) == ["live"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("verdict", "outcome"), [(Verdict.DELIVERED, (1, 0)), (Verdict.TIMEOUT, (0, 1))]
)
def test_a_delivery_that_ends_weeks_later_corrects_the_day_of_its_order(game, verdict, outcome):
    now = timezone.now()
    old, new = now - timedelta(days=20), now - timedelta(minutes=1)
    orders = [DeliveryFactory(order__game=game, order__created_at=at).order for at in (old, new)]
    rollup.sweep(at=now)

    for order in orders:
        _end(order, verdict, now)

    assert [late.ordered_at for late in LateOutcome.objects.all()] == [old]
    rollup.sweep(at=now)
    assert _days(game) == [(at.date().isoformat(), 1, *outcome) for at in (old, new)]
    assert not LateOutcome.objects.exists()


@pytest.mark.django_db
def test_sweeps_that_did_not_run_for_days_are_made_up_for(game):
    now = timezone.now()
    rollup.sweep(at=now - timedelta(days=6))
    for days in (5, 3, 1):
        OrderFactory(game=game, created_at=now - timedelta(days=days))

    rollup.sweep(at=now)

    assert len(_days(game)) == 3


@pytest.mark.django_db
def test_a_sweep_looks_at_games_with_new_orders_only(game, django_assert_num_queries):
    at = timezone.now()
    old = OrderFactory(game=game, created_at=at - timedelta(hours=5))
    rollup.sweep(at=at)
    DailySales.objects.update(orders=99)
    busy = OrderFactory(created_at=at).game

    assert rollup.sweep(at=at) == len({(at - timedelta(hours=2)).date(), at.date()})

    assert _days(game) == [(old.created_at.date().isoformat(), 99, 0, 0)]
    assert [orders for _day, orders, *_rest in _days(busy)] == [1]
    for _more in range(3):
        OrderFactory(created_at=at - timedelta(hours=5))
    DailySales.objects.filter(game=busy).delete()
    with connection.execute_wrapper(_only_games({busy.pk})):
        rollup.sweep(at=at)


def _only_games(expected):
    def wrapper(execute, sql, params, many, context):
        if "orders_payingplayer" in sql and "insert" in sql:
            assert set(params[1:-3]) == expected
        return execute(sql, params, many, context)

    return wrapper


@pytest.mark.django_db
def test_a_sweep_costs_the_same_statements_however_many_games_sell(django_assert_max_num_queries):
    at = timezone.now()
    rollup.sweep(at=at)
    for _game in range(10):
        OrderFactory(created_at=at)
    days = len(rollup.days_between(at - rollup.OVERLAP, at))

    with django_assert_max_num_queries(9 + 5 * days):
        rollup.sweep(at=at)


@pytest.mark.django_db
def test_rebuild_with_a_game_and_a_day_leaves_the_rest_as_it_is(game):
    now = timezone.now()
    for owner in (game, MiniGameFactory()):
        for days in (2, 0):
            OrderFactory(game=owner, created_at=now - timedelta(days=days))
    rollup.sweep(at=now)
    DailySales.objects.update(orders=99)

    call_command("rebuild_rollup", game=game.app_id, since=now.date())

    assert [orders for _day, orders, *_rest in _days(game)] == [99, 1]
    assert set(DailySales.objects.exclude(game=game).values_list("orders", flat=True)) == {99}
    with pytest.raises(CommandError, match="no mini game 'mg_none'"):
        call_command("rebuild_rollup", game="mg_none")


@pytest.mark.django_db
def test_the_tasks_sweep(game):
    OrderFactory(game=game, created_at=timezone.now())

    tasks.roll_up()
    refund_tasks.roll_up()

    assert len(_days(game)) == 1
    assert not DailyRefunds.objects.exists()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_sweeps_and_rebuilds_at_one_moment_agree_with_the_orders():
    random = Random(7)  # noqa: S311 -- as above
    start = timezone.now() - timedelta(days=20)
    history = History(random, [MiniGameFactory(), MiniGameFactory()], start)
    for _event in range(40):
        history.go_on()
    at = timezone.now()

    for _again in range(3):
        acts = [
            lambda: rollup.sweep(at=at),
            lambda: refund_rollup.sweep(at=at),
            lambda: rollup.rebuild(at=at),
            refund_rollup.rebuild,
        ]
        answers = together(*acts, *acts)
        assert [one for one in answers if isinstance(one, Exception)] == []

    _sweep(at)
    assert rolled_up() == by_hand("UTC")


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_second_sweep_does_not_wait_for_the_first(game):
    OrderFactory(game=game, created_at=timezone.now())

    with rollup.turn(rollup.NAME, waits=False):
        answers = together(lambda: rollup.sweep(at=timezone.now()))

    assert answers == [0]
    assert _days(game) == []
