"""The top bar's search: exact, in the games whose orders one may see, and straight to the hit."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from orders.models import Env
from permissions import game_grants
from permissions.matrix import Capability
from tests.factories import AT, DeliveryFactory, MiniGameFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _today():
    with time_machine.travel(AT + timedelta(hours=1), tick=True):
        yield


@pytest.fixture
def client(operator):
    client = Client()
    client.force_login(operator)
    return client


def sell(game, number="T1", **facts):
    facts = {f"order__{name}": value for name, value in facts.items()}
    return DeliveryFactory(order__game=game, order__number=number, **facts).order


def find(client, text):
    return client.get(reverse("orders:search"), {"q": text})


def detail(order):
    return reverse("orders:order-detail", args=[order.game.app_id, order.pk])


def hits(response):
    assert response.status_code == 200
    found = response.context["found"]
    return [order.pk for order in found.orders], [game.pk for game in found.games]


def test_a_number_leads_to_its_order(client, game):
    order = sell(game, "T1")
    sell(game, "T12")

    assert find(client, " T1 ").url == detail(order)


def test_an_open_id_leads_to_the_orders_of_that_player(client, game):
    sell(game, "T1", open_id="o 1&2")
    sell(game, "T2", open_id="o 1&2", created_at=AT - timedelta(days=300))
    sell(game, "T3", open_id="o 1")

    response = find(client, "o 1&2")

    assert response.url.startswith(reverse("orders:order-list", args=[game.app_id]))
    shown = client.get(response.url)
    assert [order.number for order in shown.context["orders"]] == ["T1", "T2"]


def test_an_open_id_with_one_order_leads_to_that_order(client, game):
    order = sell(game, "T1", open_id="o_1")
    sell(game, "old", open_id="o_1", created_at=AT - timedelta(days=400))
    sell(MiniGameFactory(), "T2", open_id="o_1")

    assert find(client, "o_1").url == detail(order)


def test_several_hits_are_listed(client, game):
    second = MiniGameFactory(team=game.team, name="Zebra")
    live, test = sell(game, "T1"), sell(game, "T1", env=Env.TEST)
    other = sell(second, "T1", open_id="T1")
    sell(game, "T2", open_id="T1")

    response = find(client, "T1")

    assert hits(response) == ([other.pk, test.pk, live.pk], [game.pk, second.pk])
    page = response.content.decode()
    assert all(detail(order) in page for order in (live, test, other))
    assert reverse("orders:order-list", args=[second.app_id]) + "?open_id=T1" in page


def test_orders_of_other_teams_and_of_games_without_the_right_are_not_found(client, operator):
    foreign, granted = MiniGameFactory(), MiniGameFactory()
    for game, capability in ((foreign, Capability.ITEM_VIEW), (granted, Capability.ORDER_VIEW)):
        sell(game, "T1", open_id="o_1")
        game_grants.grant_on_game(
            game=game, user=operator, capability=capability, by=UserFactory(), at=AT
        )
    sell(MiniGameFactory(), "T1", open_id="o_1")

    assert granted.app_id in find(client, "T1").url
    assert granted.app_id in find(client, "o_1").url


def test_a_platform_admin_finds_the_orders_of_every_team(client, platform_admin):
    client.force_login(platform_admin)
    orders = [sell(MiniGameFactory(), "T1"), sell(MiniGameFactory(), "T1")]

    assert sorted(hits(find(client, "T1"))[0]) == [order.pk for order in orders]


def test_who_may_see_no_orders_has_no_search(client, reviewer):
    client.force_login(reviewer)

    assert find(client, "T1").status_code == 403
    assert reverse("orders:search") not in client.get(reverse("home")).content.decode()


@pytest.mark.parametrize("text", ["T%", "T_", "t1", "T", "T1 T1", "*", "' or 1=1 --", "o_player%"])
def test_only_what_is_equal_is_found(client, game, text):
    sell(game, "T1")

    response = find(client, text)

    assert hits(response) == ([], [])
    assert "Nothing found" in response.content.decode()


def test_orders_older_than_twelve_months_are_not_found(client, game):
    sell(game, "T1", created_at=AT - timedelta(days=370))

    assert hits(find(client, "T1")) == hits(find(client, "o_player")) == ([], [])


def test_nothing_typed_shows_the_form(client):
    for text in ("", "   "):
        response = find(client, text)
        assert response.status_code == 200
        assert response.context["found"] is None


@pytest.mark.parametrize(
    ("text", "words"), [("T" * 10_000, "at most 128 characters"), ("T\0", "Null characters")]
)
def test_what_can_be_no_number_is_refused_in_words(client, text, words):
    response = find(client, text)

    assert response.status_code == 422
    assert words in response.content.decode()


def test_more_hits_than_a_page_shows_are_said(client, game, monkeypatch):
    monkeypatch.setattr("orders.search.SHOWN", 1)
    sell(game, "T1")
    sell(game, "T1", env=Env.TEST)

    assert "There are more than 1:" in find(client, "T1").content.decode()


def test_the_search_costs_the_same_for_two_hits_and_for_many(client, game):
    def add(count):
        for _ in range(count):
            sell(MiniGameFactory(team=game.team), "T1", open_id="T1")

    add(2)
    find(client, "T1")
    with CaptureQueriesContext(connection) as few:
        find(client, "T1")
    add(3)

    with CaptureQueriesContext(connection) as many:
        response = find(client, "T1")

    assert [len(found) for found in hits(response)] == [5, 5]
    assert len(many) == len(few)
