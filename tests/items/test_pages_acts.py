"""Acts on one and many items: asked again by name, done, and told item by item."""

import pytest

from items import reviewing
from items.batches import MAX_BATCH
from items.models import Item, ItemVersion, ReleaseRequest
from tests.architecture.world import snapshot
from tests.factories import AT, ExemptionRequestFactory, ItemVersionFactory, OrderFactory
from tests.items.lives import LAST, LATER, beside, made, standing, statuses
from tests.items.pages import as_, kept, said, text, url

pytestmark = pytest.mark.django_db

ALL_ACTS = [
    ("release-request", "draft"),
    ("release-withdraw", "in_review"),
    ("item-remove", "released"),
    ("item-delete", "draft"),
]


@pytest.fixture
def client(team_admin):
    return as_(team_admin)


def status_of(item):
    return statuses(item)[-1]


@pytest.mark.parametrize(
    ("route", "before", "after"),
    [
        ("release-request", "draft", "in_review"),
        ("release-request", "rejected", "in_review"),
        ("item-remove", "released", "removed"),
    ],
)
def test_one_item_is_named_before_and_told_after(client, game, route, before, after):
    item = made(game, before, name="Sword <b>")

    asked = text(client.get(url(route, game, item=item.pk)))
    assert "Sword &lt;b&gt;" in asked
    assert item.item_id in asked
    assert statuses(item) == [before]

    response = client.post(url(route, game), {"item": item.pk, "message": "New."})

    assert (response.status_code, response.url) == (302, url("item-list", game))
    assert status_of(item) == after
    assert said(response)[0].startswith(f"{item.item_id}: ")


def test_a_request_carries_its_message_and_is_withdrawn(client, game):
    item = made(game, "draft")
    client.post(url("release-request", game), {"item": item.pk, "message": "New.\r\nSee."})
    assert ReleaseRequest.objects.get().message == "New.\nSee."

    client.post(url("release-withdraw", game), {"item": item.pk})

    assert ReleaseRequest.objects.get().status == "withdrawn"
    assert statuses(item) == ["draft"]


def test_what_was_removed_is_released_again(client, game):
    item = made(game, "removed")
    assert "Release again" in text(client.get(url("item-list", game)))

    client.post(url("release-request", game), {"item": item.pk})

    assert statuses(item) == ["removed", "in_review"]


def test_with_an_exemption_the_same_act_releases_at_once(client, game, reviewer):
    ExemptionRequestFactory(game=game, status="approved", decided_by=reviewer, decided_at=AT)
    item = made(game, "draft")
    assert "on sale at once" in text(client.get(url("release-request", game, item=item.pk)))

    client.post(url("release-request", game), {"item": item.pk})

    assert statuses(item) == ["released"]


def test_an_item_is_deleted_unless_it_has_orders(client, game):
    free, paid = made(game, "draft"), made(game, "draft")
    OrderFactory(game=game, product_id=paid.item_id)

    response = client.post(url("item-delete", game), {"item": [free.pk, paid.pk]})

    assert list(game.items.filter(deleted_at=None)) == [paid]
    page = text(client.get(response.url))
    assert "It has orders" in page
    assert page.count("Deleted.") == 1


def test_a_mixed_selection_says_to_how_many_it_applies_and_tells_the_rest(client, game):
    items = [made(game, status) for status in ("draft", "released", "in_review")]
    pks = [item.pk for item in items]

    asked = text(client.get(url("release-request", game, item=pks)))
    assert "2 are left out" in asked

    response = client.post(url("release-request", game), {"item": pks, "q": "", "status": "draft"})

    assert [statuses(item) for item in items] == [["in_review"], ["released"], ["in_review"]]
    result = client.get(response.url)
    assert [line[:2] for line in result.context["report"].lines] == [
        (items[0].item_id, True), (items[1].item_id, False), (items[2].item_id, False),
    ]  # fmt: skip
    assert "there is no draft to release" in text(result)
    assert url("item-list", game, status="draft") in text(result)
    assert len(client.get(response.url, {"show": "skipped"}).context["page"]) == 2
    assert len(client.get(response.url, {"show": "done"}).context["page"]) == 1


def test_a_result_is_whoevers_who_acted(client, game, senior_developer):
    pks = [made(game, "draft").pk for _ in range(2)]
    response = client.post(url("release-request", game), {"item": pks})

    assert "not kept any more" in text(as_(senior_developer).get(response.url))
    assert "not kept any more" not in text(client.get(response.url))


def test_all_that_match_are_acted_upon_whatever_page_they_are_on(client, game):
    for number in range(30):
        ItemVersionFactory(item__game=game, status="draft", name=f"Sword {number}")
    other = made(game, "draft", name="Shield")
    there = {"all": "1", "q": "Sword", "status": "draft"}
    dialog = client.get(url("release-request", game), there)
    assert "Request release (30)" in text(dialog)

    client.post(url("release-request", game), kept(dialog))

    assert ItemVersion.objects.filter(status="in_review").count() == 30
    assert statuses(other) == ["draft"]


@pytest.mark.parametrize(("route", "status"), ALL_ACTS)
def test_what_is_added_or_changed_after_the_list_was_shown_is_not_taken_with_all_that_match(
    client, game, route, status
):
    seen = [standing(game, status).item_id for _ in range(2)]
    changed = standing(game, status)
    page = client.get(url("item-list", game), {"all": "1"})
    ItemVersion.objects.filter(pk=changed.pk).update(name="Other", changed_at=LATER)
    added = standing(game, status, changed_at=LATER)
    dialog = client.get(url(route, game), kept(page))
    added_last = standing(game, status, changed_at=LAST)
    before = [list(unseen.item.versions.values()) for unseen in (changed, added, added_last)]

    response = client.post(url(route, game), kept(dialog))

    assert dialog.context["total"] == len(seen)
    assert "2 more that match were added or changed meanwhile" in text(dialog)
    assert said(response) == [
        "3 more that match were added or changed meanwhile: they stay as they are."
    ]
    result = client.get(response.url)
    taken = Item.objects.filter(pk__in=seen).order_by("pk").values_list("item_id", flat=True)
    assert [line[:2] for line in result.context["report"].lines] == [(each, True) for each in taken]
    assert 'Done <span class="count">2</span>' in text(result)
    after = [list(unseen.item.versions.values()) for unseen in (changed, added, added_last)]
    assert after == before


@pytest.mark.parametrize(("route", "status"), ALL_ACTS)
@pytest.mark.parametrize("upto", [None, "", "x", "9" * 30, "2100-01-01T00:00:00Z", "not ours"])
def test_all_that_match_without_what_the_page_showed_is_refused_and_can_be_confirmed_anew(
    client, game, route, status, upto
):
    items = [standing(game, status) for _ in range(2)]
    forged = {None: {}, "not ours": {"upto": reviewing.bound(ReleaseRequest.objects.all()).text}}
    before = snapshot()

    response = client.post(url(route, game), {"all": "1"} | forged.get(upto, {"upto": upto}))

    assert "It is not known what you were looking at, so nothing was done." in text(response, 422)
    assert snapshot() == before
    done = client.post(url(route, game), dict(response.context["selection"].fields))
    assert len(client.get(done.url).context["report"].done) == len(items)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"item": "x"}, {"item": "9" * 30}, {"item": "-1"}, {"item": "\uff11"},
        {"all": "1", "least": "x"}, {"all": "1", "q": "nothing"},
    ],
)  # fmt: skip
def test_nothing_chosen_is_said(client, game, body):
    made(game, "draft")
    before = snapshot()

    asked = client.get(url("item-delete", game), body)
    response = client.post(url("item-delete", game), body | kept(asked))

    assert "Choose at least one item." in text(response, 422)
    assert snapshot() == before


def test_another_games_items_are_neither_touched_nor_named(client, game):
    foreign = ItemVersionFactory(status="draft", name="Secret sword").item
    mine = made(game, "draft")

    asked = text(client.get(url("release-request", game, item=[mine.pk, foreign.pk])))
    client.post(url("release-request", game), {"item": [mine.pk, foreign.pk]})

    assert "Secret sword" not in asked
    assert (statuses(mine), statuses(foreign)) == (["in_review"], ["draft"])


def test_too_many_for_one_action_is_said_before_and_refused(client, game, monkeypatch):
    monkeypatch.setattr("items.views.acts.MAX_BATCH", 1)
    monkeypatch.setattr("items.batches.MAX_BATCH", 1)
    for _ in range(2):
        made(game, "draft")

    asked = client.get(url("item-delete", game), {"all": "1"})
    response = client.post(url("item-delete", game), kept(asked))

    assert "one action takes 1 at most" in text(asked)
    assert "At most 1 item can be chosen" in text(response, 422)
    assert game.items.filter(deleted_at=None).count() == 2
    assert MAX_BATCH == 5_000


def test_the_dialog_names_twenty_and_counts_the_others(client, game):
    for _ in range(23):
        made(game, "draft")

    response = client.get(url("item-delete", game), {"all": "1"})

    assert len(response.context["named"]) == 20
    assert "and 3 more" in text(response)


def test_removing_takes_the_draft_out_of_review(client, game, senior_developer):
    item = made(game, "released")
    beside(item, "draft")
    client.post(url("release-request", game), {"item": item.pk})

    client.post(url("item-remove", game), {"item": item.pk})

    assert statuses(item) == ["removed", "draft"]


def test_who_may_ask_may_not_therefore_remove(game, senior_developer, developer):
    item = made(game, "released")
    for person, route in (
        (senior_developer, "item-remove"),
        (senior_developer, "item-delete"),
        (developer, "release-request"),
        (developer, "release-withdraw"),
    ):
        assert as_(person).post(url(route, game), {"item": item.pk}).status_code == 403
    assert statuses(item) == ["released"]


def test_one_act_leads_back_to_the_page_of_the_list_where_it_began(client, game):
    item = made(game, "draft")

    response = client.post(url("release-request", game), {"item": item.pk, "q": "a b", "page": "3"})

    assert response.url == url("item-list", game, q="a b", page="3")


def test_a_dialog_that_can_do_nothing_has_no_button_to_do_it(client, game, monkeypatch):
    released = made(game, "released")
    assert '<button class="btn danger">' not in text(
        client.get(url("item-delete", game, item=released.pk))
    )
    draft = made(game, "draft")
    assert '<button class="btn danger">' in text(
        client.get(url("item-delete", game, item=draft.pk))
    )

    monkeypatch.setattr("items.views.acts.MAX_BATCH", 1)

    assert '<button class="btn danger">' not in text(
        client.get(url("item-delete", game), {"all": "1"})
    )


def test_an_exempt_release_asks_for_no_message_to_a_reviewer(client, game, reviewer):
    ExemptionRequestFactory(game=game, status="approved", decided_by=reviewer, decided_at=AT)
    item = made(game, "draft")

    asked = text(client.get(url("release-request", game, item=item.pk)))
    client.post(url("release-request", game), {"item": item.pk})

    assert "Message to the reviewer" not in asked
    assert statuses(item) == ["released"]
