"""Adding, editing and looking at one item."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from items.models import Item, ItemVersion
from tests.architecture.world import snapshot
from tests.factories import ItemFactory, MiniGameFactory
from tests.items import pictures
from tests.items.lives import add, ask, beside, made, statuses
from tests.items.pages import as_, said, text, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(developer):
    return as_(developer)


def picture(content=None):
    return SimpleUploadedFile("sword.png", pictures.encoded() if content is None else content)


def typed(**changes):
    return {"item_id": "sword", "name": "Sword", "price": "4.99", **changes}


def test_an_item_is_added_with_its_picture(client, game, developer):
    body = typed(image=picture())

    response = client.post(url("item-add", game), body)

    assert (response.status_code, response.url) == (302, url("item-list", game))
    version = ItemVersion.objects.get()
    assert (version.item.item_id, version.name, version.price_cents) == ("sword", "Sword", 499)
    assert (version.status, version.changed_by, bool(version.thumbnail)) == (
        "draft", developer, True,
    )  # fmt: skip
    assert said(response) == ["“Sword” was added."]


def test_in_a_dialog_success_leads_on_and_a_wrong_form_is_shown_again(client, game):
    htmx = {"HX-Request": "true"}

    wrong = client.post(url("item-add", game), typed(price="0"), headers=htmx)
    right = client.post(url("item-add", game), typed(), headers=htmx)

    assert 'id="dialog"' in text(wrong, 422)
    assert right.headers["HX-Redirect"] == url("item-list", game)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("item_id", ""), ("item_id", "a b"), ("item_id", "\uff47old"), ("item_id", "../x"),
        ("item_id", "x" * 65), ("item_id", " sword"), ("item_id", "sword\n"),
        ("name", ""), ("name", "   "), ("name", "x" * 65), ("name", "\u200b\u200b"),
        ("name", "a\u202eb"), ("name", "a\0b"),
        ("price", ""), ("price", "0"), ("price", "0.00"), ("price", "-1"), ("price", "1.234"),
        ("price", "1e3"), ("price", "1,234.50"), ("price", "\uff112"), ("price", "NaN"),
        ("price", "10000000.01"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_told_at_the_field_and_nothing_is_saved(client, game, field, value):
    before = snapshot()

    response = client.post(url("item-add", game), typed(**{field: value}))

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert snapshot() == before


@pytest.mark.parametrize("content", [b"", b"no picture", b"<svg xmlns='x'></svg>"])
def test_what_is_no_picture_is_told_at_its_field(client, game, content):
    before = snapshot()

    response = client.post(url("item-add", game), typed(image=picture(content)))

    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["image"]
    assert snapshot() == before


def test_an_id_is_used_once(client, game):
    ItemFactory(game=game, item_id="sword")

    response = client.post(url("item-add", game), typed())

    assert response.context["form"].errors["item_id"] == [
        "This mini game has an item with this ID."
    ]
    assert Item.objects.count() == 1


def test_whoever_may_can_go_on_to_the_release(game, senior_developer, developer):
    page = url("item-add", game)

    response = as_(senior_developer).post(page, typed(then="release"))

    item = Item.objects.get()
    assert response.url == url("release-request", game, item=item.pk)
    assert 'value="release"' in text(as_(senior_developer).get(page))
    assert 'value="release"' not in text(as_(developer).get(page))


def test_an_edit_of_a_live_item_becomes_a_draft_beside_it(client, game):
    item = made(game, "released", name="Sword", price_cents=499)
    page = url("item-edit", game, item.item_id)
    assert "becomes a draft beside it" in text(client.get(page))

    response = client.post(page, {"name": "Long sword", "price": "5.99", "version": "1"})

    assert response.status_code == 302
    assert statuses(item) == ["released", "draft"]
    detail = text(client.get(url("item-detail", game, item.item_id)))
    for told in ("$4.99", "$5.99", "Long sword", "differs"):
        assert told in detail
    assert "Long sword" in text(client.get(page))


def test_whoever_looked_at_something_older_is_shown_what_is_stored_now(client, game, developer):
    item = add(game, developer).item
    page = url("item-edit", game, item.item_id)
    client.post(page, {"name": "First", "price": "1", "version": "1"})

    refused = client.post(page, {"name": "Second", "price": "2", "version": "1"})

    assert item.versions.get().name == "First"
    told = text(refused, 422)
    assert "Somebody else changed this item meanwhile" in told
    assert "First" in told
    assert 'value="Second"' in told
    assert '<input type="hidden" name="version" value="2"' in told

    client.post(page, {"name": "Second", "price": "2", "version": "2"})
    assert item.versions.get().name == "Second"


def test_the_form_says_that_saving_ends_the_review(client, game, senior_developer):
    item = add(game, senior_developer).item
    ask(item, senior_developer)

    assert "Saving takes it out of review" in text(client.get(url("item-edit", game, item.item_id)))


def test_a_draft_is_discarded_after_asking(client, game):
    item = made(game, "released")
    beside(item, "draft")
    page = url("draft-discard", game, item.item_id)

    assert "Discard the draft" in text(client.get(page))
    assert statuses(item) == ["released", "draft"]

    client.post(page)

    assert statuses(item) == ["released"]


def test_the_detail_page_tells_the_history(client, game, senior_developer):
    item = add(game, senior_developer).item
    ask(item, senior_developer, message="Please <i>.")

    page = text(client.get(url("item-detail", game, item.item_id)))

    assert "Release of version 1 requested" in page
    assert "Please &lt;i&gt;." in page


@pytest.mark.parametrize("word", ["add", "import", "imports", "release", "result", "template", "-"])
def test_any_word_can_be_an_id(client, game, word):
    made(game, "draft", item__item_id=word)

    for name in ("item-detail", "item-edit"):
        assert client.get(url(name, game, word)).context["row"].item.item_id == word


def test_a_picture_is_served_as_nothing_that_could_run(client, game):
    client.post(url("item-add", game), typed(image=picture()))
    version = ItemVersion.objects.get()

    for stored in (version.image, version.thumbnail):
        name = str(stored.name).rpartition("/")[2]
        response = client.get(url("item-image", game, "sword", name))

        assert response.status_code == 200
        assert response.content == stored.open("rb").read()
        assert response.headers["Content-Type"] == "image/webp"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert response.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        stored.close()


def test_a_picture_is_found_only_where_it_belongs(client, game, outsider):
    client.post(url("item-add", game), typed(image=picture()))
    name = str(ItemVersion.objects.get().image.name).rpartition("/")[2]
    made(game, "draft", item__item_id="other")

    assert client.get(url("item-image", game, "other", name)).status_code == 404
    assert client.get(url("item-image", game, "sword", "x.webp")).status_code == 404
    assert as_(outsider).get(url("item-image", game, "sword", name)).status_code == 404
    elsewhere = MiniGameFactory(team=game.team)
    assert client.get(url("item-image", elsewhere, "sword", name)).status_code == 404


def test_saving_leads_back_to_the_list_as_it_was(client, game, developer):
    item = add(game, developer).item
    item.refresh_from_db()
    edit_url = url("item-edit", game, item.item_id, q="sw", page="2")
    body = {"name": "Long sword", "price": "4.99", "version": item.revision}
    assert f'href="{url("item-list", game)}?q=sw&amp;page=2" data-close' in text(
        client.get(edit_url)
    )

    response = client.post(edit_url, body)

    assert response.url == url("item-list", game, q="sw", page="2")
