"""The item list: what it finds, counts and offers, and what it costs."""

import pytest
from django.db import connection

from items import filters
from items.models import Item
from tests.factories import DeliveryConfigFactory, ItemVersionFactory, ReleaseRequestFactory
from tests.items.lives import beside, made
from tests.items.pages import as_, text, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(senior_developer):
    return as_(senior_developer)


def shown(client, game, **asked):
    response = client.get(url("item-list", game), asked)
    assert response.status_code == 200
    return [row.item.item_id for row in response.context["rows"]]


def tabs(response):
    return {value: count for value, _label, count in response.context["tabs"]}


def thing(game, item_id, status="draft", **facts):
    return ItemVersionFactory(item__game=game, item__item_id=item_id, status=status, **facts).item


def test_the_list_tells_what_a_person_needs_to_know(client, game, senior_developer, reviewer):
    version = ItemVersionFactory(
        item__game=game, name="Sword <b>", price_cents=120050, status="rejected",
        changed_by=senior_developer,
    )  # fmt: skip
    ReleaseRequestFactory(
        version=version, status="rejected", note="A trademark.", decided_by=reviewer,
        decided_at=version.changed_at, digest="",
    )  # fmt: skip

    page = text(client.get(url("item-list", game)))

    for told in (
        version.item.item_id,
        "Sword &lt;b&gt;",
        "1,200.50",
        "Rejected",
        "A trademark.",
        senior_developer.name,
    ):
        assert told in page


def test_a_live_item_with_a_draft_shows_both_and_stands_in_both_tabs(client, game):
    item = made(game, "released", name="Sword", price_cents=499)
    beside(item, "draft", name="Long sword", price_cents=599)

    response = client.get(url("item-list", game))

    assert tabs(response) == {
        "": 1, "draft": 1, "in_review": 0, "released": 1, "rejected": 0, "removed": 0,
    }  # fmt: skip
    page = text(response)
    assert "Draft: Long sword" in page
    assert "Draft: 5.99" in page
    assert shown(client, game, status="released") == shown(client, game, status="draft")
    assert shown(client, game, status="removed") == []


def test_what_was_replaced_or_deleted_or_is_another_games_is_not_listed(client, game):
    item = made(game, "replaced")
    beside(item, "released")
    thing(game, "gone").versions.all().delete()
    game.items.filter(item_id="gone").update(deleted_at=item.created_at)
    ItemVersionFactory()

    response = client.get(url("item-list", game))

    assert shown(client, game) == [item.item_id]
    assert tabs(response)[""] == 1


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("gold", ["gold_2", "gold_1"]),
        ("gold_1", ["gold_1"]),
        ("gold_", ["gold_2", "gold_1"]),
        ("GOLD_1", []),
        ("ord", ["sword"]),
        ("%", []),
        ("_", []),
        ("Coin", ["gold_2", "gold_1"]),
        ("nothing", []),
        ("'; --", []),
    ],
)
def test_the_search_matches_the_beginning_of_an_id_or_any_part_of_a_name(
    client, game, asked, found
):
    thing(game, "sword", name="Sword")
    thing(game, "gold_1", name="One coin")
    thing(game, "gold_2", name="Two coins")
    thing(game, "marigold", name="Flower")

    assert shown(client, game, q=asked) == found


@pytest.mark.postgresql
@pytest.mark.parametrize("text", ["item_1", "item_1_"])
def test_the_search_by_id_enters_the_index_of_ids(game, text):
    found = Item.objects.filter(filters._begins_with(text), game=game)

    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        plan = found.explain()

    assert "items_id_once_per_game" in plan
    assert "~>=~" in plan


def test_the_filters_speak_of_one_version(client, game):
    item = made(game, "released", price_cents=100)
    beside(item, "draft", price_cents=900)

    assert shown(client, game, least="8") == [item.item_id]
    assert shown(client, game, least="8", status="draft") == [item.item_id]
    assert shown(client, game, least="8", status="released") == []
    assert shown(client, game, most="1.00", status="released") == [item.item_id]
    counts = tabs(client.get(url("item-list", game), {"least": "8"}))
    assert (counts[""], counts["draft"], counts["released"]) == (1, 1, 0)


@pytest.mark.parametrize(
    "asked",
    [
        {"least": "x"}, {"most": "1.234"}, {"least": "9", "most": "2"}, {"status": "replaced"},
        {"size": "7"}, {"q": "x" * 65}, {"q": "a\0b"},
    ],
)  # fmt: skip
def test_what_cannot_be_searched_for_is_said_and_nothing_is_shown(client, game, asked):
    made(game, "released")

    page = text(client.get(url("item-list", game), asked), 422)

    assert "Nothing is shown" in page


def test_pages_are_numbered_and_strange_numbers_lead_somewhere(client, game):
    for number in range(21):
        thing(game, f"item_{number:02}")

    assert len(shown(client, game)) == 20
    assert shown(client, game, page=2) == ["item_00"]
    assert shown(client, game, page=99) == shown(client, game, page=-1) == ["item_00"]
    assert len(shown(client, game, page="x")) == 20
    assert len(shown(client, game, size=50)) == 21


def test_the_page_one_is_on_is_marked_and_its_neighbours_are_offered(client, game):
    for number in range(20 * 9 + 1):
        thing(game, f"item_{number:03}")

    page = text(client.get(url("item-list", game), {"page": 5, "q": "item"}))

    assert '<span class="cur" aria-current="page">5</span>' in page
    assert 'href="?page=4&amp;q=item" rel="prev"' in " ".join(page.split())
    assert 'href="?page=6&amp;q=item" rel="next"' in " ".join(page.split())


def test_rows_per_page_speak_the_pages_language(client, game):
    thing(game, "item")

    page = text(client.get(url("item-list", game), headers={"Accept-Language": "zh-hans"}))

    assert "每页 50 条" in page


def test_what_is_done_to_a_row_leads_back_to_the_list_as_it_was(client, game):
    thing(game, "item")

    page = text(client.get(url("item-list", game), {"q": "it", "status": "draft"}))

    assert f'{url("item-edit", game, "item")}?q=it&amp;status=draft"' in page
    assert "&q=it&amp;status=draft" in page


def test_the_list_takes_the_same_queries_for_one_and_twenty_rows(
    client, game, django_assert_max_num_queries
):
    beside(made(game, "released"), "rejected")
    client.get(url("item-list", game))
    with django_assert_max_num_queries(40) as one:
        client.get(url("item-list", game))
    for _ in range(19):
        beside(made(game, "released"), "rejected")

    with django_assert_max_num_queries(40) as twenty:
        client.get(url("item-list", game))

    assert len(one) == len(twenty)


def test_each_row_says_the_same_of_what_applies_as_the_count_of_all(game, client):
    for status in ("draft", "in_review", "rejected", "released", "removed"):
        made(game, status)
    for shelf in ("released", "removed"):
        for work in ("draft", "in_review", "rejected"):
            beside(made(game, shelf), work)

    rows = client.get(url("item-list", game)).context["rows"]

    counts = filters.act_counts(game.items.all())
    for act in filters.Act.values:
        assert counts[act] == sum(act in row.can.split() for row in rows), act
    assert counts == {"request": 7, "withdraw": 3, "remove": 4, "delete": 3}


def test_selecting_all_that_match_counts_for_each_button(client, game):
    for _ in range(25):
        made(game, "draft")
    made(game, "released")

    page = text(client.get(url("item-list", game), {"all": "1"}))

    assert "All 26 that match are selected" in page
    assert "(25)" in page


def test_the_switch_follows_the_rule_of_the_configuration_page(client, game, operator):
    page = text(client.get(url("item-list", game)))
    assert "Not configured" in page
    assert 'aria-describedby="why-no-switch"' in page

    config = DeliveryConfigFactory(game=game, is_enabled=False)
    assert f"/games/{game.app_id}/config/on" in text(client.get(url("item-list", game)))
    assert "config/on" not in text(as_(operator).get(url("item-list", game)))

    config.is_enabled = True
    config.save()
    assert f"/games/{game.app_id}/config/off" in text(client.get(url("item-list", game)))


def test_everybody_sees_the_buttons_that_they_may_use(game, team_admin, developer, operator):
    made(game, "draft")
    routes = {
        "add": url("item-add", game),
        "import": url("import-list", game),
        "release": url("release-request", game),
        "delete": url("item-delete", game),
    }

    offered = {
        person: {
            name
            for name, there in routes.items()
            if there in text(as_(person).get(url("item-list", game)))
        }
        for person in (team_admin, developer, operator)
    }

    assert offered == {
        team_admin: {"add", "import", "release", "delete"},
        developer: {"add", "import"},
        operator: set(),
    }


@pytest.mark.parametrize(
    ("asked", "offered"),
    [
        ({"status": "lost"}, "All, Draft, In review, Released, Rejected, Removed"),
        ({"size": "7"}, "20 per page, 50 per page, 100 per page"),
    ],
)
def test_a_filter_that_is_not_offered_is_answered_with_what_is(client, game, asked, offered):
    thing(game, "item")

    page = text(client.get(url("item-list", game), asked), 422)

    assert f"Choose one of these: {offered}." in page
