"""The dashboards: what they say, to whom, in which language, and at which cost."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from aftersales import rollup as refund_rollup
from aftersales.models import Refund, RefundStatus
from orders import rollup
from orders.daily import Rollup
from orders.models import Delivery, DeliveryStatus, Order
from permissions import game_grants
from permissions.matrix import Capability
from tests.factories import DeliveryFactory, MiniGameFactory, UserFactory


@pytest.fixture
def now():
    return timezone.now()


def _sell(game, at, *, cents=1_000, took=None, **facts):
    status = facts.pop("status", DeliveryStatus.WAITING if took is None else "delivered")
    work = DeliveryFactory(
        order__game=game,
        order__created_at=at,
        order__actual_price_cents=cents,
        status=status,
        delivered_at=None if took is None else at + timedelta(seconds=took),
        **{f"order__{name}": value for name, value in facts.items()},
    )
    return work.order


def _refund(order, cents, at):
    Refund.objects.create(
        game=order.game,
        env=order.env,
        number=f"R{order.number}",
        order=order,
        order_number=order.number,
        open_id=order.open_id,
        amount_cents=cents,
        status=RefundStatus.SUCCEEDED,
        initiated_at=at,
        finished_at=at,
        is_test=order.is_test,
        created_at=at,
        changed_at=at,
    )


def _open(client, person, game, period="", **headers):
    client.force_login(person)
    rollup.sweep(at=timezone.now())
    refund_rollup.sweep(at=timezone.now())
    return client.get(reverse("dashboard", args=[game.app_id]), {"period": period}, **headers)


def _kpis(response):
    return {kpi.label: (kpi.value, kpi.note) for kpi in response.context["kpis"]}


def _change(response, label):
    change = next(kpi.change for kpi in response.context["kpis"] if kpi.label == label)
    return change and (change.text, change.direction, change.tone)


def test_a_dashboard_tells_what_live_orders_came_to(client, operator, game, now):
    _sell(game, now, cents=1_000, took=1, open_id="a")
    _sell(game, now, cents=2_000, took=2, open_id="a")
    order = _sell(game, now, cents=3_000, open_id="b", status=DeliveryStatus.FAILED)
    _refund(order, 600, now)
    _refund(_sell(game, now, cents=9_000, env="1"), 9_000, now)
    _sell(game, now - timedelta(days=7), cents=50_000, open_id="c")

    response = _open(client, operator, game)

    assert _kpis(response) == {
        "Paid amount": ("$60.00", "$8.57 a day"),
        "Orders": ("3", "$20.00 an order"),
        "Paying players": ("2", "Each counted once in the period"),
        "ARPPU": ("$30.00", "Paid amount per paying player"),
        "Refunds": ("$6.00", "1 refund"),
        "Refund rate": ("10.0%", "Refunded ÷ paid amount"),
        "Delivery success": ("66.7%", "2 delivered, 1 failed"),
        "Median time to delivery": ("1.1 sec", "From payment to confirmation"),
    }
    assert "1 test order ($90.00) is not counted." in re.sub(r"\s+", " ", response.text)


@pytest.mark.parametrize(("period", "points"), [("", 7), ("30d", 30), ("12m", 13)])
def test_plots_have_a_point_per_day_or_month_with_a_table_of_all_values(
    client, operator, game, now, period, points
):
    _sell(game, now)
    _sell(game, now - timedelta(days=3))

    response = _open(client, operator, game, period)

    plots = [plot.chart for plot in response.context["plots"]]
    assert [len(chart.points) for chart in plots] == [points] * 4
    assert sum(point.value for point in plots[0].points) == 2_000
    assert response.text.count('<th scope="row">') == 4 * points
    assert response.text.count('role="img"') == 4


def test_changes_compare_full_days_with_as_many_before(client, operator, game, now):
    day = timedelta(days=1)
    for days, cents in ((0, 99_000), (1, 3_000), (7, 3_000), (8, 2_000), (14, 2_000)):
        order = _sell(game, now - days * day, cents=cents, took=1)
        _refund(order, 300, now - days * day)

    response = _open(client, operator, game)

    assert _change(response, "Paid amount") == ("50.0%", "up", "success")
    assert _change(response, "Orders") == ("No change", "", "muted")
    assert _change(response, "Refund rate") == ("5 pt", "down", "success")
    assert _change(response, "Delivery success") == ("No change", "", "muted")
    # Players of days cannot be added up: nothing honest can be said.
    assert _change(response, "Paying players") is None


def test_a_game_that_did_not_sell_all_of_the_days_before_is_not_compared(
    client, operator, game, now
):
    for days in (1, 8, 13):
        _sell(game, now - timedelta(days=days))

    response = _open(client, operator, game)

    assert [kpi.change for kpi in response.context["kpis"]] == [None] * 8
    assert "Changes compare" not in response.text


def test_what_needs_attention_is_counted_and_leads_to_just_those_orders(
    client, operator, game, now
):
    _sell(game, now, status=DeliveryStatus.FAILED)
    _sell(game, now - timedelta(days=300), status=DeliveryStatus.FAILED)
    _sell(game, now - timedelta(days=400), status=DeliveryStatus.FAILED)
    _sell(game, now, status=DeliveryStatus.HELD)
    _sell(game, now, status=DeliveryStatus.HELD, env="1")
    _sell(game, now, status=DeliveryStatus.FAILED, order_source=3)
    _sell(MiniGameFactory(team=game.team), now, status=DeliveryStatus.FAILED)

    concerns = _open(client, operator, game).context["concerns"]

    assert [(one.kind.name, one.text) for one in concerns] == [
        ("failed", "2 orders could not be delivered"),
        ("held", "1 order is held back"),
    ]
    listed = [len(client.get(one.url).context["orders"]) for one in concerns]
    assert listed == [2, 1]


def test_flagged_orders_need_attention(client, operator, game, now):
    _sell(game, now, flags="price_differs unknown_item")

    [concern] = _open(client, operator, game).context["concerns"]

    assert concern.text == "1 order has attention flags"


def test_a_game_without_sales_says_what_comes_next(client, operator, game):
    response = _open(client, operator, game)

    assert "No sales yet" in response.text
    assert reverse("payment", args=[game.app_id]) in response.text
    assert response.text.count('role="img"') == 0


def test_figures_that_nobody_computed_lately_say_so(client, operator, game, now):
    _sell(game, now)
    text = "These figures are not up to date"
    assert text not in _open(client, operator, game).text

    Rollup.objects.update(swept_at=now - timedelta(minutes=6))

    assert text in client.get(reverse("dashboard", args=[game.app_id])).text


@pytest.mark.parametrize("period", ["7d", "x" * 10_000, "\x00"])
def test_an_unknown_period_is_refused_with_the_known_ones(client, operator, game, period):
    response = _open(client, operator, game, period)

    assert response.status_code == 422
    assert "7 days, 30 days or 12 months" in response.text
    assert "plots" not in response.context


def test_a_team_sees_its_games_together_and_each(client, team_admin, team, game, now):
    second = MiniGameFactory(team=team, name="Second")
    _sell(game, now, cents=1_000, took=1)
    _sell(second, now, cents=5_000, status=DeliveryStatus.FAILED)
    _sell(MiniGameFactory(), now, cents=70_000)
    rollup.sweep(at=now)
    client.force_login(team_admin)

    response = client.get(reverse("team-dashboard", args=[team.pk]))

    assert _kpis(response)["Paid amount"][0] == "$60.00"
    # The same OpenId in two games is two players: it is another person in each.
    assert _kpis(response)["Paying players"][0] == "2"
    sold = [(one.game, one.sums.paid_cents, one.sums.success) for one in response.context["games"]]
    assert sold == [(second, 5_000, 0), (game, 1_000, 1)]
    waiting = [(one.game, [kind.name for kind in one.kinds]) for one in response.context["waiting"]]
    assert waiting == [(second, ["failed"])]
    assert reverse("dashboard", args=[second.app_id]) in response.text


def test_a_grant_on_one_game_opens_its_dashboard_and_not_the_teams(client, team_admin, game, now):
    guest = UserFactory()
    game_grants.grant_on_game(
        game=game, user=guest, capability=Capability.DASHBOARD_VIEW, by=team_admin, at=now
    )

    assert _open(client, guest, game).status_code == 200
    assert client.get(reverse("team-dashboard", args=[game.team_id])).status_code == 404
    other = MiniGameFactory(team=game.team)
    assert client.get(reverse("dashboard", args=[other.app_id])).status_code == 404


def test_the_menu_begins_with_the_dashboard_for_whoever_may_see_it(
    client, operator, reviewer, game
):
    menus = {}
    for person in (operator, reviewer):
        client.force_login(person)
        page = client.get(reverse("payment", args=[game.app_id]))
        entries = [entry for group in page.context["shell"]["nav"] for entry in group["entries"]]
        menus[person] = [entry["url"] for entry in entries]

    own = reverse("dashboard", args=[game.app_id])
    assert menus[operator][0] == own
    assert reverse("team-dashboard", args=[game.team_id]) in menus[operator]
    assert own not in menus[reviewer]


def test_a_dashboard_in_chinese_writes_dates_and_numbers_as_chinese_does(
    client, operator, game, now
):
    operator.language = "zh-hans"
    operator.save()
    _sell(game, now, cents=123_456_700)

    response = _open(client, operator, game, HTTP_ACCEPT_LANGUAGE="zh-hans")

    labels = [label.text for label in response.context["plots"][0].chart.labels]
    today = timezone.localtime(now)
    assert labels[-1] == f"{today.month}月{today.day}日"
    assert "US$1,234,567.00" in response.text
    # The axis: a half of two millions.
    assert "US$100万" in response.text


def _queries(client, url):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return [query["sql"] for query in captured]


@pytest.mark.parametrize("place", ["dashboard", "team-dashboard"])
def test_a_page_costs_the_same_queries_whatever_was_sold_and_scans_no_orders(
    client, team_admin, game, now, place
):
    url = reverse(place, args=[game.app_id if place == "dashboard" else game.team_id])
    client.force_login(team_admin)
    _sell(game, now, took=1)
    rollup.sweep(at=now)
    client.get(url)
    few = _queries(client, url)
    for days in range(6):
        for owner in (game, MiniGameFactory(team=game.team)):
            order = _sell(owner, now - timedelta(days=days), status=DeliveryStatus.FAILED)
            _refund(order, 10, now)
    rollup.rebuild(at=now)
    refund_rollup.rebuild()

    many = _queries(client, url)

    assert len(many) == len(few)
    # What needs attention is looked up by partial indexes, and counted up to a limit.
    on_orders = [sql for sql in many if "orders_order" in sql]
    assert all("LIMIT 10001" in sql or "EXISTS" in sql for sql in on_orders)
    assert len(on_orders) <= 3
    assert Order.objects.count() == Delivery.objects.count() == 13
